"""Which attention works for texts that are longer than those of training?

    python scripts/experiments/length.py --vocab vocab.txt --text ../shared/data/corpus/{hongloumeng,sanguoyanyi}.txt

Re-runs https://spaces.ac.cn/archives/8823 and 9019 in miniature: masked language modelling with rows of 64 tokens, and
the accuracy on the same new text in rows of 64 to 1024 tokens, for RoFormerV2 and GAU with softmax, with softmax_plus
and with squared_relu, the latter two with the n of training and with that of the row, several seeds. Writes
docs/experiments/length.md and a picture.
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
    from length_page import write
    from length_runs import run
    from text_stream import TextStream

    begin = time.monotonic()
    stream = TextStream(options.text, options.vocab, options.vocab_size, options.test_tokens)
    results = run(stream, options)
    write(options.out, results, options.length, how(stream, options), time.monotonic() - begin)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="UTF-8 text files")
    parser.add_argument("--vocab", required=True, help="vocabulary file")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"), help="folder of the page")
    parser.add_argument("--vocab-size", type=int, default=3000, help="the most frequent tokens that are told apart")
    parser.add_argument("--test-tokens", type=int, default=16384, help="kept back from each file")
    parser.add_argument("--length", type=int, default=64, help="tokens of a row in training")
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 128, 256, 512, 1024], help="in testing")
    parser.add_argument("--width", type=int, default=128, help="hidden size")
    parser.add_argument("--layers", type=int, default=2, help="of RoFormerV2; the GAU has twice as many")
    parser.add_argument("--updates", type=int, default=400, help="a multiple of 20")
    parser.add_argument("--rows", type=int, default=16, help="of an update")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2: the page shows the spread between seeds")
    if options.updates < 20 or options.updates % 20:
        parser.error("--updates must be a multiple of 20")
    if min(options.lengths) != options.length or len(options.lengths) < 2:
        parser.error("--lengths must be --length and longer ones")
    options.lengths.sort()
    return options


def how(stream, options):
    """The sentences that say what the numbers are."""
    return f"""Share × 100 of the masked tokens that are restored, mean ± standard deviation of {options.seeds} seeds.
        Trained on {len(stream.train):,} tokens of text in rows of {options.length}, without special tokens and padding;
        tested on the {len(stream.test):,} tokens that follow, the same ones with the same masks whatever the length.
        The {stream.vocab_size:,} most frequent tokens are told apart. RoFormerV2 has {options.layers} layers of
        {options.width}, the GAU {2 * options.layers}; {options.updates} updates of {options.rows} rows, AdamW with a
        highest learning rate of {options.learning_rate:g} after a tenth of the updates, then falling to 0 in a straight
        line. In training the n of the row is {options.length}, so that "n fixed" (at {options.length}) and "n actual"
        (the row's) are the same weights, tested in two ways. One seed means the same batches for every model, so that
        differences are taken seed by seed."""


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"length: error: {error}")
