"""The shuffled order: every item once per epoch, another order for every epoch and seed, no trend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data.permutation import shuffled


@settings(deadline=None)
@given(size=st.integers(1, 3000), seed=st.integers(-(2**63), 2**64), epoch=st.integers(0, 2**30))
def test_every_item_once_per_epoch(size, seed, epoch):
    items = shuffled(np.arange(epoch * size, (epoch + 1) * size), size, seed)
    assert sorted(items.tolist()) == list(range(size))


@settings(deadline=None)
@given(positions=st.lists(st.integers(0, 10_000), min_size=1), seed=st.integers(0, 1000))
def test_an_item_depends_on_its_position_alone(positions, seed):
    """Whatever else is asked for at the same time, in whatever order, across epochs."""
    together = shuffled(np.array(positions), 97, seed)
    assert together.tolist() == [int(shuffled(np.array([p]), 97, seed)[0]) for p in positions]


def test_orders_differ():
    size = 1000
    epochs_and_seeds = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]
    orders = [shuffled(np.arange(e * size, (e + 1) * size), size, s) for e, s in epochs_and_seeds]
    for i, first in enumerate(orders):
        for second in orders[:i]:
            # Two random orders have one item in place on average, and a correlation of at most 4 / sqrt(size).
            assert np.count_nonzero(first == second) < 8
            assert abs(np.corrcoef(first, second)[0, 1]) < 4 / size**0.5


@pytest.mark.parametrize("size", [2, 3, 5, 16, 100])
def test_every_item_comes_at_every_place_equally_often(size):
    """Chi-squared over 20,000 epochs: every place sees every item, within bounds that chance keeps."""
    epochs = 20_000
    items = shuffled(np.arange(epochs * size), size, 1).reshape(epochs, size)
    for place in (0, size // 2, size - 1):
        counts = np.bincount(items[:, place], minlength=size)
        statistic = ((counts - epochs / size) ** 2 / (epochs / size)).sum()
        assert statistic < size - 1 + 5 * (2 * (size - 1)) ** 0.5 + 10


def test_large_sizes_need_no_memory():
    """The largest place in question lies in the hundredth epoch of 280 GB of text."""
    size = 225_000_000
    items = shuffled(100 * size + np.arange(100_000), size, 5)
    assert len(np.unique(items)) == 100_000
    assert items.max() < size
    assert abs(items.mean() / size - 0.5) < 0.005


def test_the_order_is_pinned():
    """A resumed run must see the batches that it would have seen, with a later version of this package too."""
    assert shuffled(np.array([0, 1, 2, 1000, 5_000_000_000]), 1000, 1).tolist() == [662, 116, 538, 821, 722]
    assert shuffled(np.arange(3), 225_000_000, -7).tolist() == [3444242, 158479941, 206044476]
