"""A small masked language model and batches for it."""

import keras
import numpy as np
import pytest

from rfv2_keras.config import ModelConfig
from rfv2_keras.models import ARCHITECTURES

SHAPE = {
    "model_type": "roformer_v2",
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


@pytest.fixture
def make_model():
    """Function that builds the same small model each time; keyword arguments change its config."""

    def make(dtype=None, seed=0, **overrides):
        keras.utils.set_random_seed(seed)
        config = ModelConfig.read(SHAPE, **overrides)
        builder = ARCHITECTURES[config.model_type](config, with_mlm="linear", target_positions=True, dtype=dtype)
        return builder.model

    return make


@pytest.fixture
def make_batch():
    """Function step -> batch of 8 rows whose numbers of targets differ from row to row."""

    def make(step, rows=8, length=12, targets=4):
        draw = np.random.default_rng(step)
        tokens = draw.integers(5, 61, (rows, length)).astype("int32")
        tokens[0, 7:] = 0
        positions = np.stack([draw.permutation(7)[:targets] for _ in range(rows)]).astype("int32")
        labels = np.take_along_axis(tokens, positions, 1)
        labels[draw.random(labels.shape) < draw.random((rows, 1))] = 0  # unequal numbers of targets
        labels[0, 0] = 9
        masked = tokens.copy()
        np.put_along_axis(masked, positions, 4, 1)
        return {
            "Input-Token": masked,
            "Input-Segment": np.zeros_like(masked),
            "Input-Target-Position": positions,
            "target_ids": labels.astype("int32"),
        }

    return make


@pytest.fixture
def split():
    """Function (batch, parts) -> list of micro-batches."""

    def split(batch, parts):
        pieces = {name: np.split(value, parts) for name, value in batch.items()}
        return [{name: values[i] for name, values in pieces.items()} for i in range(parts)]

    return split
