"""All tasks one after the other: a table beside published results, and one archive to submit."""

import json
import zipfile
from pathlib import Path

from rfv2_keras.checkpoints.atomic import atomic_file
from rfv2_keras.clue.kinds import KINDS
from rfv2_keras.clue.published import DEV, TEST
from rfv2_keras.clue.seeds import finetune_seeds
from rfv2_keras.clue.task import ORDER, Task, checked_names
from rfv2_keras.config import read_json_object
from rfv2_keras.errors import UserError

TABLE = "table.md"
ARCHIVE = "submission.zip"


def run_suite(names, model, data, out, seeds=(0,), overrides=(), stream=None, **options):
    """Fine-tune on several tasks of CLUE; tasks that are finished already are not run again.

    Writes a run directory for each task, `table.md`, and `submission.zip` with the files to submit of the first seed.

    Args:
        names: names of tasks, or `["all"]`.
        model, data, **options: as for `finetune`.
        out: folder of the run directories.
        seeds: sequence of int.
        overrides: strings such as `"training.epochs=3"`, for every task.
        stream: where progress goes.

    Returns:
        dict from task to its results.

    Raises:
        UserError: an unknown task, or one that cannot be run; those before it are finished and kept.
    """
    names, seeds, out = checked_names(names), list(seeds), Path(out)
    tasks = [Task.read(name, overrides) for name in names]
    settings = {"model": str(model), "seeds": seeds, "overrides": list(overrides), **options}
    out.mkdir(parents=True, exist_ok=True)
    _check_settings(out / "settings.json", settings)
    results = {}
    for task in tasks:
        folder = out / task.name
        if (folder / "summary.json").is_file():
            results[task.name] = read_json_object(folder / "summary.json")
            print(f"{task.name}: finished before, not run again.", file=stream, flush=True)
        else:
            results[task.name] = finetune_seeds(task, model, data, folder, seeds, stream=stream, **options)
            _write(folder / "summary.json", json.dumps(results[task.name], ensure_ascii=False, indent=2) + "\n")
        _write(out / TABLE, table(results, Path(model).name))
    _write_archive(out, tasks, seeds)
    return results


def table(results, title):
    """A Markdown table in percent: these results, and published ones below."""
    selected = {name: KINDS[Task.read(name).kind].selects for name in results}
    columns = [name for name in ORDER if name in results]
    rows = {f"{title} (dev)": [_percent(results[name], selected[name]) for name in columns]}
    for source, published in (("test", TEST), ("dev", DEV)):
        for model, values in published.items():
            scores = dict(zip(ORDER, values, strict=True))
            rows[f"{model} ({source}, published)"] = [f"{scores[name]:.2f}" for name in columns]
    lines = [f"| | {' | '.join(columns)} |", "|-|" + "-|" * len(columns)]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n"


def _check_settings(path, settings):
    """Runs of other settings must not come into one table."""
    settings = json.loads(json.dumps(settings))
    if path.is_file():
        known = read_json_object(path)
        differing = [key for key in settings if known.get(key) != settings[key]]
        if differing:
            key = differing[0]
            raise UserError(
                f"{path.parent}: holds runs with {key} {known.get(key)!r}, now it is {settings[key]!r}; "
                "choose another folder."
            )
    _write(path, json.dumps(settings, ensure_ascii=False, indent=2) + "\n")


def _percent(result, name):
    score, deviation = result["scores"].get(name), result["deviation"].get(name)
    if score is None:
        return "–"
    return f"{100 * score:.2f}" + ("" if deviation is None else f" ± {100 * deviation:.2f}")


def _write_archive(out, tasks, seeds):
    with atomic_file(out / ARCHIVE) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for task in tasks:
            folder = out / task.name if len(seeds) == 1 else out / task.name / f"seed-{seeds[0]}"
            for name in task.files.test:
                if (folder / "predictions" / name).is_file():
                    archive.write(folder / "predictions" / name, name)


def _write(path, text):
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
