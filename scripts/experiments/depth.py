"""Does one optimizer step change the output of a deep model more than that of a shallow one?

    python scripts/experiments/depth.py --records records

Re-runs the analysis of https://spaces.ac.cn/archives/8978 in miniature: the change of the output by one step of LAMB
and of AdamW, for models of several depths with post-norm and a deviation of 0.02, with the order-2 initialisation, with
pre-norm, with DeepNorm and in α warm-up. `--records` is a folder that `rfv2 prepare` has written. Writes
docs/experiments/depth.md and a picture.
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
    from depth_page import write
    from depth_step import step_changes

    from rfv2_keras.data.batches import Batches
    from rfv2_keras.data.records import Records

    begin = time.monotonic()
    records = Records(options.records)
    batch = Batches(records, options.batch).batch(0, 0)
    changes = {
        layers: step_changes(layers, options.width, batch, records.vocab_size, options.seeds)
        for layers in options.depths
    }
    write(options.out, changes, how(options, records.index["maxlen"]), time.monotonic() - begin)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", required=True, help="folder of records")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"), help="folder of the page")
    parser.add_argument("--depths", type=int, nargs="+", default=[6, 24, 96], help="numbers of layers")
    parser.add_argument("--width", type=int, default=64, help="hidden size")
    parser.add_argument("--batch", type=int, default=4, help="rows")
    parser.add_argument("--seeds", type=int, default=3, help="how many initialisations")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2: the page shows the spread between seeds")
    if len(options.depths) < 2:
        parser.error("--depths must be at least two: the page compares them")
    options.depths.sort()
    return options


def how(options, maxlen):
    """The sentences that say what the numbers are."""
    from depth_models import same_gain
    from depth_step import RATES

    rates = " and ".join(f"{rate:g} ({name})" for name, rate in RATES.items())
    return f"""‖h(x; θ') − h(x; θ)‖ / ‖h(x; θ)‖ in parts per thousand, mean ± standard deviation of {options.seeds}
        initialisations. h are the last hidden states of RoFormerV2 models of width {options.width}, x is a batch of
        {options.batch} rows of {maxlen} tokens of real text, and θ' comes from θ by the first step on the masked
        language model of x, with learning rates of {rates}, without weight decay and without warm-up; embeddings stay
        as they are. A deviation of 0.02 is meant for width 768: here it is {same_gain(0.02, options.width):.4f}, so
        that products with the matrices are as large as there. In α warm-up α is held at 1/100, where it is in the first
        updates of a warm-up of a hundred; at α = 1 this model is the first one."""


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"depth: error: {error}")
