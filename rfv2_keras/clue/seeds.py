"""The same fine-tuning with several seeds."""

import json
import statistics
from pathlib import Path

from rfv2_keras.clue.finetune import RESULTS, finetune


def finetune_seeds(task, model, data, out, seeds, **options):
    """Fine-tune once per seed; several seeds get folders of their own in `out`, and `results.json` has their mean.

    Args:
        task, model, data, out, **options: as for `finetune`.
        seeds: sequence of int.

    Returns:
        dict: `task`; `scores` (mean), `deviation` (of single runs, None for one), `seeds`, `seconds`, and `shown`, the
        scores as text.
    """
    seeds = list(seeds)
    if len(seeds) == 1:
        results = [finetune(task, model, data, out, seeds[0], **options)]
    else:
        results = [finetune(task, model, data, Path(out, f"seed-{seed}"), seed, **options) for seed in seeds]
    names = results[0]["scores"]
    values = {name: [result["scores"][name] for result in results] for name in names}
    summary = {
        "task": task.name,
        "scores": {name: statistics.fmean(runs) for name, runs in values.items()},
        "deviation": {n: statistics.stdev(runs) if len(runs) > 1 else None for n, runs in values.items()},
        "seeds": seeds,
        "seconds": sum(result["seconds"] for result in results),
    }
    if len(seeds) > 1:
        text = json.dumps({**summary, "runs": results}, ensure_ascii=False, indent=2)
        Path(out, RESULTS).write_text(text + "\n", encoding="utf-8")
    shown = {name: _shown(summary, name) for name in names if "/" not in name}
    return {**summary, "shown": shown}


def _shown(summary, name):
    deviation = summary["deviation"][name]
    return f"{summary['scores'][name]:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")
