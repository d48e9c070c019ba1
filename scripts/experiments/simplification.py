"""Is RoFormerV2 faster than BERT, and does it cost anything to leave out biases and gammas?

    python scripts/experiments/simplification.py --vocab vocab.txt --text ../shared/data/corpus/hongloumeng.txt

Re-runs two claims of https://spaces.ac.cn/archives/8998 in miniature: the speed of training against BERT (which is
RoBERTa, too) of the same size with rows of 128 and 512 tokens, all in turns in one process; and the loss of small
models with and without biases, with LayerNorm and with RMSNorm without gammas, several seeds. Writes
docs/experiments/simplification.md and a picture.
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
    from simplification_page import write
    from simplification_runs import losses_of_variants
    from speed_in_turns import measure
    from text_stream import TextStream

    begin = time.monotonic()
    speed = measure(options.speed_layers, options.speed_width, options.speed_tokens, options.rounds)
    stream = TextStream(options.text, options.vocab, options.vocab_size, options.test_tokens)
    results = losses_of_variants(stream, options)
    write(options.out, speed, results, how_speed(options), how_loss(stream, options), time.monotonic() - begin)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="UTF-8 text files")
    parser.add_argument("--vocab", required=True, help="vocabulary file")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"), help="folder of the page")
    parser.add_argument("--speed-layers", type=int, default=6, help="of the models whose speed is measured")
    parser.add_argument("--speed-width", type=int, default=384, help="their hidden size")
    parser.add_argument("--speed-tokens", type=int, default=1024, help="tokens of an update, a multiple of 512")
    parser.add_argument("--rounds", type=int, default=8, help="measured updates of each model")
    parser.add_argument("--vocab-size", type=int, default=3000, help="the most frequent tokens that are told apart")
    parser.add_argument("--test-tokens", type=int, default=16384, help="kept back from each file")
    parser.add_argument("--width", type=int, default=128, help="hidden size of the models whose loss is compared")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--length", type=int, default=64, help="tokens of their rows")
    parser.add_argument("--updates", type=int, default=200, help="a multiple of 20")
    parser.add_argument("--rows", type=int, default=16, help="of an update")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.seeds < 2 or options.rounds < 2:
        parser.error("--seeds and --rounds must be at least 2: the page shows the spread")
    if options.updates < 20 or options.updates % 20:
        parser.error("--updates must be a multiple of 20")
    if options.speed_tokens < 512 or options.speed_tokens % 512:
        parser.error("--speed-tokens must be a multiple of 512")
    return options


def how_speed(options):
    """The sentences that say what the speeds are."""
    from speed_in_turns import VOCABULARY

    return f"""Milliseconds of one update (gradients and AdamW) of {options.speed_tokens:,} tokens, mean ± standard
        deviation of {options.rounds} rounds, in each of which every line and column had its turn; ratios are taken
        round by round. Both models have {options.speed_layers} layers of {options.speed_width}, {VOCABULARY:,} tokens,
        no segments and no dropout, and predict a masked sixth of the tokens. Without a GPU the time is that of the
        processor, which other processes on the machine hardly change. Mixed bfloat16 runs without XLA, float32 with
        it, which is how this library trained on a processor by default then."""


def how_loss(stream, options):
    """The sentences that say what the losses are."""
    return f"""Loss in nats on {len(stream.test):,} tokens that the model has not seen, after {options.updates} updates
        of {options.rows} rows of {options.length} tokens, mean ± standard deviation of {options.seeds} seeds. The model
        is a RoFormerV2 of {options.layers} layers of {options.width} with the {stream.vocab_size:,} most frequent
        tokens; AdamW with a highest learning rate of {options.learning_rate:g} after a tenth of the updates, then
        falling to 0 in a straight line. LayerNorm brings a gamma, a beta and the subtraction of the mean; RMSNorm has
        none of them. One seed means the same batches for every model, so that differences are taken seed by seed."""


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"simplification: error: {error}")
