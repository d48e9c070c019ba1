"""Batches hold every row once, are of few shapes and little padding, and are made while they are used."""

from itertools import count, islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rfv2_keras.inference.batching import LENGTHS, MOST_CELLS, padded_length, row_batches


@given(
    lengths=st.lists(st.integers(1, 9000), max_size=60),
    batch_size=st.integers(1, 70),
    batches_at_once=st.sampled_from([None, 1, 2, 64]),
)
def test_every_row_once_in_a_shape_that_holds_it(lengths, batch_size, batches_at_once):
    rows = [(number, length) for number, length in enumerate(lengths)]
    batches = list(row_batches(rows, lambda row: row[1], batch_size, batches_at_once=batches_at_once))
    assert sorted(row for batch in batches for row in batch.rows) == rows
    for batch in batches:
        assert batch.places == [number for number, _ in batch.rows]
        longest = max(length for _, length in batch.rows)
        assert batch.shape[1] == padded_length(longest)
        assert len(batch.rows) <= batch.shape[0] <= batch_size
        assert batch.shape[0] == batch_size or batch.shape[0].bit_count() == 1
        assert batch.shape[0] == 1 or batch.shape[0] * batch.shape[1] <= max(MOST_CELLS, batch_size)


@given(st.integers(1, 20000))
def test_a_row_is_padded_by_an_eighth_at_most_or_three_tokens(length):
    columns = padded_length(length)
    assert columns >= length
    if length <= LENGTHS[-1]:
        assert columns in LENGTHS
        assert columns - length <= max(3, length / 8)


def test_sorting_leaves_little_padding():
    """Texts of 3 to 600 tokens, most of them short: of what the model computes little is padding."""
    lengths = np.random.default_rng(0).lognormal(3.5, 0.8, 5000).astype(int) + 3
    cells = sum(np.prod(batch.shape) for batch in row_batches(lengths, int, 64))
    unsorted = sum(64 * max(lengths[begin : begin + 64]) for begin in range(0, 5000, 64))
    assert lengths.sum() / cells > 0.85
    assert lengths.sum() / unsorted < 0.35


def test_the_longest_rows_come_first():
    assert [batch.shape for batch in row_batches([3, 40, 500, 7], int, 2)] == [(2, 512), (2, 8)]


def test_a_very_long_text_does_not_lengthen_many_short_ones():
    assert [batch.shape for batch in row_batches([20] * 31 + [2000], int, 32)] == [(1, 2048), (32, 20)]
    assert [batch.shape for batch in row_batches([20] * 31 + [100], int, 32)] == [(32, 104)]


def test_rows_are_read_as_they_are_needed():
    numbers = count()
    batches = row_batches(numbers, lambda row: 5, 4, batches_at_once=2)
    assert [batch.places for batch in islice(batches, 3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert next(numbers) == 16  # two windows of two batches


def test_few_shapes():
    rows = np.random.default_rng(1).integers(1, 513, 4000)
    shapes = {batch.shape for batch in row_batches(rows, int, 32)}
    assert len(shapes) <= 60
