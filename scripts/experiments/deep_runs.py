"""Pretraining runs of a deep post-norm model, with and without α warm-up."""

import json
import math
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from depth_models import build, draw_weights

from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.data.batches import Batches
from rfv2_keras.data.records import VOCABULARY, Records
from rfv2_keras.errors import UserError
from rfv2_keras.training.config import PretrainConfig
from rfv2_keras.training.pretrain import pretrain

PLAIN, WARMED = ARMS = ("post-norm", "post-norm, α warm-up")
DEVIATION = 0.02  # for width 768, see `same_gain`
POINTS = 20  # of a curve; the number of updates is a multiple of it


class Result(NamedTuple):
    """What came of a run.

    Attributes:
        curve: list of (update, mean training loss since the point before).
        loss: mean of the last quarter of the updates, whose texts the model has not seen before; that of guessing,
            ln(vocabulary), if the run broke off.
    """

    curve: list
    loss: float


def run_pairs(options, folder):
    """Pretrain with every seed in both ways from the same initial weights.

    Args:
        options: of the script.
        folder: for runs; nothing there is needed afterwards.

    Returns:
        dict from arm to a list of `Result`, one for each seed.
    """
    records = Records(options.records)
    if options.updates * options.batch > len(records):
        raise UserError(
            f"{options.records}: holds {len(records)} texts, fewer than the {options.updates} updates of "
            f"{options.batch} need if no text may come twice."
        )
    # One model gives the initial weights of all runs; with α = 1 from the start it is the plain model.
    builder = build({"residual": "alpha_warmup"}, options.layers, options.width, records.vocab_size)
    results = {arm: [] for arm in ARMS}
    for seed in range(options.seeds):
        initial = folder / f"initial-{seed}"
        draw_weights(builder.model, DEVIATION, options.layers, options.width, seed)
        save_model_directory(builder, builder.config, Path(options.records) / VOCABULARY, initial)
        for arm in ARMS:
            config = PretrainConfig.read(run_config(arm, seed, initial, options, folder / f"{arm}-{seed}"))
            results[arm].append(run(config, math.log(records.vocab_size)))
            print(f"seed {seed}, {arm}: loss {results[arm][-1].loss:.3f}", flush=True)
    return results


def run_config(arm, seed, initial, options, directory):
    """The config of a run as a dict."""
    steps = options.updates
    return {
        "model": {"config": str(initial), "init_from": str(initial)},
        "data": {"records": options.records},
        "optimizer": {"name": "adamw", "learning_rate": options.learning_rate, "beta_2": 0.98, "bias_correction": True},
        "schedule": {"points": {str(steps // 10): 1.0, str(steps): 0.0}},
        "training": {
            "batch": options.batch,
            "steps": steps,
            "seed": seed,
            "alpha_warmup": steps // 2 if arm == WARMED else None,
            "log_every": steps // POINTS,
            "checkpoint_every": steps,
        },
        # A deep model takes XLA longer to compile than a few hundred small updates take without it.
        "xla": {"jit_compile": False},
        "output": {"directory": str(directory), "tensorboard": False},
    }


def run(config, chance_loss):
    """The `Result` of a run."""
    metrics = Path(config.output.directory, "metrics.jsonl")
    try:
        pretrain(config, stream=sys.stdout)
    except UserError as error:
        if not metrics.is_file():
            raise
        print(error, flush=True)  # a loss that is not finite
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    curve = [(line["step"], line["loss"]) for line in lines if math.isfinite(line["loss"])]
    return Result(curve, late_loss(curve) if len(curve) == POINTS else chance_loss)


def late_loss(curve):
    """The mean loss of the last quarter of a curve."""
    return statistics.mean(loss for _, loss in curve[-(len(curve) // 4) :])


def frequency_loss(options):
    """`unigram_cross_entropy` of the targets of the last quarter of the updates after those of the others, seed 0."""
    records = Records(options.records)
    batches = Batches(records, options.batch)
    ids = [batches.batch(0, step)["target_ids"] for step in range(options.updates)]
    begin = options.updates * 3 // 4
    return unigram_cross_entropy(
        *(np.concatenate(part, None) for part in (ids[:begin], ids[begin:])), records.vocab_size
    )


def unigram_cross_entropy(seen, new, vocab_size):
    """Mean of −log p over the new ids, p = (count among the seen ids + 1) / (all counts + vocabulary); 0 is no id."""
    counts = np.bincount(seen[seen > 0], minlength=vocab_size) + 1.0
    return float(-np.log(counts[new[new > 0]] / counts.sum()).mean())
