"""Rows of different lengths in batches of few shapes; everything that predicts feeds its model from here."""

from itertools import islice
from typing import NamedTuple

import keras

# Lengths that batches are padded to: steps of an eighth of a power of two, at least 4, so that little is padding.
LENGTHS = (*range(4, 32, 4), *(step * n for step in (4, 8, 16, 32, 64, 128, 256, 512) for n in range(8, 16)), 8192)
BATCHES_AT_ONCE = 64  # rows are sorted within so many batches, which bounds the memory for rows that are waiting
MOST_CELLS = 2**15  # tokens of a batch with its padding: long rows go through a model in smaller batches
MOST_PADDING = 2**12  # tokens: where it is less, a further batch would cost more


class RowBatch(NamedTuple):
    """Rows that go through a model together.

    Attributes:
        places: where each row stands among all rows, from 0.
        rows: the rows, the longest first.
        shape: (rows, tokens) that the arrays of the batch are to be padded to with zeros.
    """

    places: list
    rows: list
    shape: tuple


def row_batches(rows, length_of, batch_size, lengths=LENGTHS, batches_at_once=BATCHES_AT_ONCE):
    """Group rows of similar length into batches.

    The longest rows come first, so that a model that does not fit into memory fails at once. The number of rows of a
    batch, padding included, is `batch_size` or, where rows are few or long, a power of two.

    Args:
        rows: iterable of anything, read `batches_at_once` batches at a time.
        length_of: function from a row to its number of tokens.
        batch_size: largest number of rows of a batch.
        lengths: increasing lengths that batches are padded to; a longer row is padded to a multiple of the last.
        batches_at_once: batches that rows are sorted within; None for all.

    Yields:
        `RowBatch`, which together hold every row once.
    """
    stream, begin = iter(rows), 0
    while window := list(islice(stream, batches_at_once and batches_at_once * batch_size)):
        order = sorted(range(len(window)), key=lambda place: -length_of(window[place]))
        start = 0
        while start < len(order):
            columns = padded_length(length_of(window[order[start]]), lengths)
            most = rows_that_fit(columns, batch_size)
            chosen = order[start : start + most]
            if _padding(chosen, window, length_of, columns) > MOST_PADDING:
                # Rows of less than half the length wait for the next batch: a very long text must not lengthen many.
                similar = sum(2 * length_of(window[place]) >= columns for place in chosen)
                chosen = chosen[: power_of_two_below(max(similar, 1))]
            padded_rows = min(power_of_two_above(len(chosen)), most)
            yield RowBatch([begin + place for place in chosen], [window[p] for p in chosen], (padded_rows, columns))
            start += len(chosen)
        begin += len(window)


def lengths_up_to(longest, lengths):
    """The lengths to pad to for a model that reads at most `longest` tokens; no longer, as learned positions may end.

    TensorFlow does not compile what predicts; where every shape is compiled, every second length has to do.
    """
    if keras.config.backend() != "tensorflow":
        lengths = lengths[1::2]
    return (*(size for size in lengths if size < longest), longest)


def padded_length(length, lengths=LENGTHS):
    """The length that a row of so many tokens is padded to."""
    return next((size for size in lengths if size >= length), -(-length // lengths[-1]) * lengths[-1])


def rows_that_fit(columns, batch_size):
    """How many rows of so many tokens a batch may have."""
    fitting = max(MOST_CELLS // columns, 1)
    return batch_size if fitting >= batch_size else power_of_two_below(fitting)


def power_of_two_above(count):
    """The smallest power of two that is not below `count`."""
    return 1 << (count - 1).bit_length()


def power_of_two_below(count):
    """The largest power of two that is not above `count`."""
    return 1 << (count.bit_length() - 1)


def _padding(places, rows, length_of, columns):
    return columns * len(places) - sum(length_of(rows[place]) for place in places)
