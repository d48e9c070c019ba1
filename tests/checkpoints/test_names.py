"""Weights and checkpoint variables are in one-to-one correspondence, the one of the original implementation."""

import re

import pytest

from rfv2_keras.checkpoints.names import checkpoint_name, is_residual_factor
from tests.checkpoints.conftest import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_distinct_and_known(tiny, kind):
    paths = [weight.path for weight in tiny(kind).model.weights]
    names = [checkpoint_name(path) for path in paths]
    assert len(set(names)) == len(paths)
    # No weight of ours falls back on its path.
    assert all(re.match("(bert|cls|GAU_alpha)/", name) for name in names)


def test_names_of_the_original(golden_case):
    """Every weight of a case: the original names it as we do, and gives it the same shape."""
    written = [(name, tuple(shape)) for _, shape, name in golden_case.spec["weights"] if "UNMAPPED" not in name]
    ours = [(checkpoint_name(weight.path), tuple(weight.shape)) for weight in golden_case.build().model.weights]
    assert set(written) <= set(ours)
    assert len(ours) == len(golden_case.spec["weights"])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Transformer-11-FeedForward/i0_dense/kernel", "bert/encoder/layer_11/intermediate/dense/kernel"),
        ("Transformer-11-FeedForward/i2_dense/bias", "bert/encoder/layer_11/intermediate/dense_2/bias"),
        ("Transformer-0-GatedAttentionUnit-Norm/alpha", "GAU_alpha/encoder/layer_0/gau/alpha"),
        ("Transformer-0-FeedForward-Add/alpha", "bert/encoder/layer_0/output/alpha"),
        ("Output-Mapping/kernel", "cls/predictions/output_mapping/kernel"),
        ("Classifier/kernel", "Classifier/kernel"),
        ("Transformer-0-FeedForward/o_dense/kernel_scale", "Transformer-0-FeedForward/o_dense/kernel_scale"),
        ("My-Embedding-Token/embeddings", "My-Embedding-Token/embeddings"),
    ],
)
def test_examples(path, name):
    assert checkpoint_name(path) == name


@pytest.mark.parametrize("kind", KINDS)
def test_residual_factors(tiny, kind):
    for weight in tiny(kind).model.weights:
        assert is_residual_factor(weight.path) == (weight.name == "alpha")
        assert is_residual_factor(checkpoint_name(weight.path)) == (weight.name == "alpha")
    assert not is_residual_factor("prelu/alpha")
