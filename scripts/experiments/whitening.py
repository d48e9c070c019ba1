"""Does whitening help sentence vectors of an encoder that was only pretrained, and hurt those of a fine-tuned one?

    python scripts/experiments/whitening.py runs/mine/model --data ../shared/data/sts

Re-runs https://spaces.ac.cn/archives/9079 in miniature: the grid of beta, gamma and dimension for a model directory as
it is, and for the same model after fine-tuning on the training pairs of STS-B, several seeds. `--data` holds
TASK/TASK.{train,valid,test}.data with lines text1<TAB>text2<TAB>label. As there, each task's whitening is learned from
all its sentences, without labels, and scored on the test pairs. Writes docs/experiments/whitening.md and two pictures.
"""

import argparse
import sys
import time
from pathlib import Path

from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.errors import UserError

TRAINED_ON = "STS-B"


def main():
    options = read_options()
    import_tensorflow_quietly()
    import keras
    from fine_tuning import fine_tune
    from whitening_page import write

    begin = time.monotonic()
    tasks = read_tasks(options.data, options.pairs)
    raw = grids_of(load(options), tasks, "raw")
    tuned = []
    for seed in range(options.seeds):
        keras.utils.set_random_seed(seed)  # before the model is built, because its dropout layers draw their seeds then
        encoder = load(options)
        pairs = tasks[TRAINED_ON]["train"]
        fine_tune(encoder, pairs, options.epochs, options.batch, options.learning_rate, seed)
        tuned.append(grids_of(encoder, tasks, f"fine-tuned, seed {seed}"))
    trial = [f"**A trial with {options.pairs} pairs of each file: the numbers mean nothing.**"] if options.pairs else []
    write(options.out, raw, tuned, how(options, tasks, raw), time.monotonic() - begin, trial)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="model directory of a pretrained encoder")
    parser.add_argument("--data", type=Path, required=True, help="folder of TASK/TASK.{train,valid,test}.data")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"), help="folder of the page")
    parser.add_argument("--pooling", default="first_last_mean")
    parser.add_argument("--maxlen", type=int, default=128, help="tokens of a sentence")
    parser.add_argument("--seeds", type=int, default=3, help="how many fine-tunings")
    parser.add_argument("--epochs", type=float, default=3.0, help="passes over the training pairs")
    parser.add_argument("--batch", type=int, default=32, help="pairs per update")
    parser.add_argument("--learning-rate", type=float, default=3e-4, help="highest learning rate")
    parser.add_argument("--pairs", type=int, help="use only so many pairs of each file, to try the script")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2: the page shows the spread between seeds")
    return options


def read_tasks(folder, limit):
    """Task -> split ("train", "valid", "test") -> pairs; tasks without test pairs are left out."""
    from rfv2_keras.embeddings import Pairs, read_pairs

    tasks = {}
    for path in sorted(folder.glob("*/*.test.data")):
        task = path.parent.name
        splits = {file.name.split(".")[-2]: read_pairs(file) for file in sorted(path.parent.glob(f"{task}.*.data"))}
        tasks[task] = {name: Pairs(*(column[:limit] for column in pairs)) for name, pairs in splits.items()}
    if "train" not in tasks.get(TRAINED_ON, {}) or len(tasks) < 2:
        raise UserError(f"{folder}: needs the train and test file of {TRAINED_ON} and the test file of another task.")
    return tasks


def load(options):
    from rfv2_keras.embeddings import SentenceEncoder

    return SentenceEncoder.from_directory(options.model, options.pooling, options.maxlen)


def grids_of(encoder, tasks, title):
    """Task -> grid on its test pairs."""
    from rfv2_keras.embeddings import Whitening, whitening_grid

    grids = {}
    for task, splits in tasks.items():
        whitening = Whitening()
        for split, pairs in splits.items():
            vectors = encoder.encode(pairs.texts)
            whitening.partial_fit(vectors)
            if split == "test":
                test = pairs.split(vectors)
        size = whitening.n_features_in_
        grids[task] = whitening_grid(*test, splits["test"].labels, whitening, dimensions=(size, size // 3))
        scores = (100 * score for score in (grids[task].raw, grids[task].at(1.0, 1.0, size)))
        print("{}: {} {:.2f}, whitened {:.2f}".format(title, task, *scores), flush=True)
    return grids


def how(options, tasks, raw):
    """The sentences that say what the numbers are."""
    size, cut = next(iter(raw.values())).dimensions
    pairs = ", ".join(f"{task} {len(splits['test'].labels):,}" for task, splits in tasks.items())
    return f"""Spearman correlation × 100 of cosine similarity with the labels of the test pairs ({pairs}); pooling
        {options.pooling}, {size} dimensions, cut to {cut}. Each task's whitening is learned from all sentences of its
        files, without labels. Fine-tuned: mean ± standard deviation of {options.seeds} seeds; {options.epochs:g} epochs
        on {len(tasks[TRAINED_ON]["train"].labels):,} training pairs of {TRAINED_ON} with the ranking loss of CoSENT
        (https://spaces.ac.cn/archives/8847), {options.batch} pairs per update, highest learning rate
        {options.learning_rate:g}."""


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"whitening: error: {error}")
