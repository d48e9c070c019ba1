"""Does a deep post-norm model train without α warm-up, and does it train with it?

    python scripts/experiments/deep_training.py --records records

Re-runs a claim of https://spaces.ac.cn/archives/8998 in miniature: masked language modelling of real text with a thin
post-norm model of many layers, from the same initial weights as it is and with α warm-up, several seeds. `--records` is
a folder that `rfv2 prepare` has written. Writes docs/experiments/deep_training.md and a picture.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.errors import UserError


def main():
    options = read_options()
    import_tensorflow_quietly()
    from deep_runs import frequency_loss, run_pairs
    from deep_training_page import write

    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = run_pairs(options, Path(folder))
    write(options.out, results, frequency_loss(options), how(options), time.monotonic() - begin)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", required=True, help="folder of records")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"), help="folder of the page")
    parser.add_argument("--layers", type=int, default=48)
    parser.add_argument("--width", type=int, default=64, help="hidden size")
    parser.add_argument("--updates", type=int, default=200, help="a multiple of 20")
    parser.add_argument("--batch", type=int, default=16, help="rows of an update")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2: the page shows the spread between seeds")
    if options.updates < 20 or options.updates % 20:
        parser.error("--updates must be a multiple of 20: the curves have 20 points")
    return options


def how(options):
    """The sentences that say what the numbers are."""
    from deep_runs import DEVIATION
    from depth_models import same_gain

    return f"""Mean masked-language-model loss in nats of the last quarter of {options.updates} updates, mean ± standard
        deviation of {options.seeds} seeds; no text comes twice, so that this is a loss on new text. RoFormerV2 with
        {options.layers} layers of width {options.width}, post-norm, all matrices drawn with a deviation of
        {same_gain(DEVIATION, options.width):.4f}, which is to them what {DEVIATION} is to those of width 768.
        {options.batch} rows per update, AdamW (β₂ 0.98) with a highest learning rate of {options.learning_rate:g} after
        a tenth of the updates, then falling to 0 in a straight line; α rises from 0 to 1 over the first half of them.
        Both models of a seed start from the same matrices and see the same batches. A run that breaks off because its
        loss is not finite counts with the loss of guessing."""


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"deep_training: error: {error}")
