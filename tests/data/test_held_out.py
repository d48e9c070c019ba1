"""Held-out records: every record is on one side, neighbours stay together, and both sides make batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data.batches import Batches
from rfv2_keras.data.held_out import STRETCH, split_held_out
from rfv2_keras.errors import UserError


class Numbers:
    """Records that are their own numbers."""

    maxlen, vocab_size, start_id, end_id, mask_id = 64, 100, 1, 2, 3

    def __init__(self, size):
        self.lengths = np.arange(size)

    def __len__(self):
        return len(self.lengths)

    def read(self, indices):
        return [int(index) for index in indices]


@settings(deadline=None)
@given(size=st.integers(200, 20_000), share=st.sampled_from([0.5, 0.1, 0.34, 0.01]))
def test_every_record_is_on_one_side(size, share):
    records = Numbers(size)
    if size <= STRETCH * round(1 / share) - STRETCH:
        with pytest.raises(UserError, match="too few"):
            split_held_out(records, share)
        return
    sides = [side.read(range(len(side))) for side in split_held_out(records, share)]
    assert sorted(sides[0] + sides[1]) == list(range(size))
    assert sides[1]
    assert len(sides[1]) <= share * size + STRETCH
    breaks = np.count_nonzero(np.diff(sides[1]) != 1)
    assert breaks <= len(sides[1]) / STRETCH
    for side, numbers in zip(split_held_out(records, share), sides, strict=True):
        np.testing.assert_array_equal(side.lengths[:], numbers)
        np.testing.assert_array_equal(side.lengths[5:50], numbers[5:50])
        np.testing.assert_array_equal(side.lengths[np.array([0, len(side) - 1])], [numbers[0], numbers[-1]])


@pytest.mark.parametrize("packed", [False, True])
def test_batches_of_both_sides(records, packed):
    for side in split_held_out(records, 0.1):
        batches = Batches(side, 8, buckets=(16, 32), packed=packed)
        batch = batches.batch(0, 0)
        assert (batch["token_ids"][:, 0] == records.start_id).all()
        assert batches.rows == len(side) or packed


@pytest.mark.parametrize("share", [0, 0.6, -1])
def test_impossible_shares(records, share):
    with pytest.raises(UserError, match=f"at most 0.5, received {share}"):
        split_held_out(records, share)
