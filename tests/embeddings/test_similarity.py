"""Cosine and Spearman against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rfv2_keras.embeddings import cosine_similarity, spearman
from rfv2_keras.errors import UserError

numbers = st.floats(-100, 100, width=32)


@given(arrays.arrays(np.float32, (2, 5, 3), elements=numbers), st.floats(0.125, 8))
def test_cosine(both, factor):
    first, second = both
    found = cosine_similarity(first, second)
    assert (np.abs(found) <= 1 + 1e-12).all()
    np.testing.assert_allclose(cosine_similarity(first * 4, second * factor), found, atol=1e-5)
    for a, b, cosine in zip(first.astype(float), second.astype(float), found, strict=True):
        length = math.hypot(*a) * math.hypot(*b)
        assert cosine == pytest.approx(float(a @ b) / length if length else 0.0, abs=1e-9)


def test_cosine_of_different_shapes():
    with pytest.raises(UserError, match=r"\(2, 3\)"):
        cosine_similarity(np.ones((2, 3)), np.ones((3, 2)))


@given(st.lists(st.integers(0, 5), min_size=2, max_size=30), st.integers(0, 2**32 - 1))
def test_spearman_is_the_correlation_of_ranks(labels, seed):
    scores = np.random.default_rng(seed).normal(size=len(labels)).round(1)
    found = spearman(scores, labels)
    if len(set(labels)) == 1 or len(set(scores)) == 1:
        assert math.isnan(found)
        return
    ranks = [
        [np.mean([(v < x) for v in side]) + np.mean([v <= x for v in side]) for x in side] for side in (scores, labels)
    ]
    assert found == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-9)
    assert spearman(np.exp(scores), labels) == pytest.approx(found, abs=1e-9)  # only the order counts
