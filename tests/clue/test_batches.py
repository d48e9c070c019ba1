"""Batches: every feature once per epoch, in an order that depends on seed and epoch only, with little padding."""

import numpy as np
import pytest

from rfv2_keras.clue.batches import BUCKET, FeatureBatches
from rfv2_keras.clue.kinds.kind import Feature


@pytest.fixture
def batches(make_kind):
    """Function (seed) -> batches of 1,003 features of many lengths."""
    lengths = np.random.default_rng(0).integers(3, 120, 1003)
    features = [Feature({"Input-Token": np.full(n, n, np.int32)}, 0, i) for i, n in enumerate(lengths)]
    names = ["Input-Token", "Input-Segment"]
    return lambda seed: FeatureBatches(make_kind("tnews"), features, names, 32, seed)


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_every_feature_once(batches, seed):
    made = batches(seed)
    rows = np.concatenate([made.rows(number) for number in range(len(made))])
    assert sorted(rows) == list(range(1003))


def test_order_depends_on_seed_and_epoch_only(batches):
    first, again, other = batches(0), batches(0), batches(1)
    epochs = []
    for _ in range(3):
        np.testing.assert_array_equal(first.order, again.order)
        assert (first.order != other.order).any()
        epochs.append(first.order.copy())
        for made in (first, again, other):
            made.next_epoch()
    assert (epochs[0] != epochs[1]).any()
    assert (epochs[1] != epochs[2]).any()


def test_padding(batches):
    """Rows of a batch have similar lengths: less than a sixth of the cells is padding."""
    made = batches(0)
    arrays = [made[number][0] for number in range(len(made))]
    assert all(tokens.shape == segments.shape and not segments.any() for tokens, segments in arrays)
    assert all(tokens.shape[1] % BUCKET == 0 for tokens, _ in arrays)
    cells = sum(tokens.size for tokens, _ in arrays)
    assert sum(np.count_nonzero(tokens) for tokens, _ in arrays) / cells > 5 / 6
