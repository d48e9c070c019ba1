"""Small models and batches for all property tests."""

import keras
import numpy as np
import pytest

from rfv2_keras import build_transformer_model

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "attention_key_size": 16,
    "max_position_embeddings": 64,
}


@pytest.fixture(scope="session")
def small_model():
    """The function below."""
    return _small_model


@pytest.fixture(scope="session")
def batch():
    """The function below."""
    return _batch


def _small_model(model_type, deviation=None, seed=0, **options):
    """A model of two layers, the same one for the same arguments.

    Args:
        model_type: architecture.
        deviation: standard deviation of all weights (norm scales: around 1); 0.2 makes attention far from uniform. None
            leaves the initial values.
        seed: of weights and dropout.
        **options: arguments of `build_transformer_model`, keys of the config included.
    """
    keras.utils.set_random_seed(seed)
    built = build_transformer_model({**SIZES, "model_type": model_type}, **options)
    if deviation is not None:
        random = np.random.default_rng(seed)
        for weight in (built if isinstance(built, keras.Model) else built.model).weights:
            mean = float(weight.path.endswith("gamma"))
            weight.assign(random.normal(mean, deviation, weight.shape))
    return built


def _batch(lengths, width, seed=0):
    """Token ids (1 … 49, then padding) and random segment ids, each (len(lengths), width), and where tokens are."""
    random = np.random.default_rng(seed)
    valid = np.arange(width) < np.array(lengths)[:, None]
    tokens = np.where(valid, random.integers(1, SIZES["vocab_size"], valid.shape), 0)
    # Increasing segments: the source, then the target of a UniLM.
    segments = np.sort(random.integers(0, 2, valid.shape), axis=1)
    return tokens.astype("int32"), segments.astype("int32"), valid
