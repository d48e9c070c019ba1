"""Is ZLPR better than sigmoid cross entropy for texts with several labels, also where labels are soft?

    python scripts/experiments/soft_labels.py --model runs/mine/model --data ../shared/data/multilabel/duee

Re-runs https://spaces.ac.cn/archives/7359 and 9064 in miniature: a small network on the sentence vectors of a model
directory learns texts with any number of labels, with ZLPR and with sigmoid cross entropy, with hard labels, smoothed
ones and mixup, several seeds. `--data` holds a training and a test file of lines `label|label text`. The test scores
after the last epoch count; no epoch is chosen. Writes docs/experiments/soft_labels.md and a picture.
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
    from soft_labels_data import read_vectors
    from soft_labels_page import write
    from soft_labels_training import ARMS, train

    begin = time.monotonic()
    data = read_vectors(options)
    results = {arm: [train(data, *arm, seed, options) for seed in range(options.seeds)] for arm in ARMS}
    write(options.out, results, how(options, data), time.monotonic() - begin)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True, help="model directory of a pretrained encoder")
    parser.add_argument("--data", type=Path, required=True, help="folder of the two files")
    parser.add_argument("--train", default="multi-classification-train.txt", help="file that is learned from")
    parser.add_argument("--test", default="multi-classification-test.txt", help="file that is scored")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"), help="folder of the page")
    parser.add_argument("--maxlen", type=int, default=64, help="tokens of a text")
    parser.add_argument("--hidden", type=int, default=256, help="units of the hidden layer")
    parser.add_argument("--seeds", type=int, default=5, help="how many networks of each kind")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--smoothing", type=float, default=0.1, help="ε of smoothed labels t (1 − ε) + ε / 2")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2: the page shows the spread between seeds")
    if not 0 < options.smoothing < 1:
        parser.error("--smoothing must lie between 0 and 1")
    return options


def how(options, data):
    """The sentences that say what the numbers are."""
    from rfv2_keras.config import ModelConfig

    config = ModelConfig.read(options.model)
    return f"""Scores × 100 on {len(data.test_labels):,} test texts after the last epoch, mean ± standard deviation of
        {options.seeds} seeds; {len(data.train_labels):,} training texts, {data.train_labels.shape[1]} labels,
        {data.train_labels.sum(axis=1).mean():.2f} of them right for a text on average. A network with
        {options.hidden} hidden units (ReLU) gets the mean hidden state of the first and the last layer of a
        {config.model_type} of {config.num_hidden_layers} layers of {config.hidden_size}, which was pretrained on masked
        language modelling only and is not trained here; each feature has mean 0 and deviation 1. {options.epochs}
        epochs, {options.batch} texts per update, AdamW with a highest learning rate of {options.learning_rate:g} after
        a tenth of the updates, then falling to 0 in a straight line. Both losses are summed over the labels. Smoothed:
        t (1 − ε) + ε / 2 with ε = {options.smoothing:g}. Mixup: features and labels of two random texts are mixed with
        a share that is uniform between 0 and 1 (arXiv 1710.09412). A label is predicted if its score exceeds 0. One
        seed means the same initial weights and batches for both losses, so that differences are taken seed by seed."""


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"soft_labels: error: {error}")
