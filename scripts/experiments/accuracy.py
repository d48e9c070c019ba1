"""Can accuracy be trained directly? EXACT and 1 − p_y against cross entropy, on three points and on a real task.

    python scripts/experiments/accuracy.py --model runs/mine/model --data ../shared/data/clue

Re-runs https://spaces.ac.cn/archives/9098 in miniature: the threshold that is best for three points under each loss,
and fine-tuning of a model directory on a task of CLUE with cross entropy, with EXACT (arXiv 2205.09615) and with cross
entropy that gives way to 1 − p_y, several seeds. The dev accuracy of the last epoch counts; no epoch is chosen. Writes
docs/experiments/accuracy.md and a picture.
"""

import argparse
import sys
import time
from pathlib import Path

from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.errors import UserError


def main():
    options = read_options()
    import_tensorflow_quietly()
    from accuracy_page import write
    from accuracy_training import ARMS, fine_tune
    from three_points import LOSSES, optimum

    begin = time.monotonic()
    optima = {name: optimum(loss) for name, (loss, _) in LOSSES.items()}
    task = read_task(options)
    curves = {arm: [] for arm in ARMS}
    for seed in range(options.seeds):
        for arm in ARMS:
            settings = options.sigma, options.margin, options.switch
            curves[arm].append(fine_tune(task, arm, seed, options.model, options.data, *settings))
    write(options.out, optima, curves, how(task, options), time.monotonic() - begin)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True, help="model directory of a pretrained encoder")
    parser.add_argument("--data", type=Path, required=True, help="folder of the tasks of CLUE")
    parser.add_argument("--task", default="tnews", help="a task of classes: a name of CLUE or a JSON file")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"), help="folder of the page")
    parser.add_argument("--seeds", type=int, default=3, help="how many fine-tunings with each loss")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--sigma", type=float, default=1.0, help="noise of EXACT, on normalised logits")
    parser.add_argument("--margin", type=float, default=0.5, help="margin of EXACT")
    parser.add_argument("--switch", type=float, default=0.5, help="share of the batches before 1 − p_y takes over")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2: the page shows the spread between seeds")
    if not 0 < options.switch < 1:
        parser.error("--switch must lie between 0 and 1")
    return options


def read_task(options):
    from rfv2_keras.clue.task import Task

    training = {
        "batch": options.batch,
        "epochs": options.epochs,
        "optimizer": "adamw",
        "learning_rate": options.learning_rate,
        "warmup": 0.1,
        "decay": "true",
    }
    task = Task.read(options.task, [f"training.{key}={value}" for key, value in training.items()])
    if task.kind != "classification":
        raise UserError(f"--task must be a task of kind classification, {task.name} is of kind {task.kind}.")
    return task


def how(task, options):
    """The sentences that say what the numbers are."""
    from rfv2_keras.config import ModelConfig

    config = ModelConfig.read(options.model)
    rows = {
        split: sum(len((options.data / name).read_text(encoding="utf-8").splitlines()) for name in names)
        for split, names in (("train", task.files.train), ("dev", task.files.dev))
    }
    return f"""Dev accuracy × 100 of the last epoch on {task.name}, {rows["train"]:,} training and {rows["dev"]:,} dev
        examples, mean ± standard deviation of {options.seeds} seeds. The model is a {config.model_type} of
        {config.num_hidden_layers} layers of {config.hidden_size}, pretrained on masked language modelling only;
        {options.epochs} epochs, {options.batch} examples per update, AdamW with a highest learning rate of
        {options.learning_rate:g} after a tenth of the updates, then falling to 0 in a straight line. EXACT has logits
        that are normalised over the batch, σ = {options.sigma:g} and a margin of {options.margin:g}; the paper's best
        runs on ten classes (CIFAR-10) have a σ that falls to 1, and 0.5. Cross entropy gives way to 1 − p_y after
        {options.switch:.0%} of the batches, over a further tenth of them. One seed means the same initial head and the
        same batches for every loss, so that differences are taken seed by seed."""


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"accuracy: error: {error}")
