"""Pooled vectors are what plain numpy computes from the hidden states, in every architecture and norm placement."""

import keras
import numpy as np
import pytest

from rfv2_keras.embeddings import MaskedMean, pooled_model
from rfv2_keras.errors import UserError
from rfv2_keras.models import ARCHITECTURES

LENGTHS = (1, 4, 9)


@pytest.fixture(scope="module")
def batch(vocab):
    """Token ids of three rows of different lengths."""
    ids = np.zeros((len(LENGTHS), max(LENGTHS)), np.int32)
    for row, length in zip(ids, LENGTHS, strict=True):
        row[:length] = np.random.default_rng(length).integers(1, len(vocab), length)
    return ids


def run(model, batch):
    return keras.ops.convert_to_numpy(model([batch, batch * 0]))


def means(hidden):
    return np.stack([row[:length].mean(0) for row, length in zip(hidden, LENGTHS, strict=True)])


def layer_outputs(builder, batch):
    """Hidden states after the first and after the last layer, found by stepping through the graph by hand."""
    last_sublayer = "GatedAttentionUnit" if builder.config.model_type == "gau_alpha" else "FeedForward"
    end = "Norm" if builder.config.norm_placement == "post" else "Add"
    first = builder.model.get_layer(f"Transformer-0-{last_sublayer}-{end}").output
    return run(keras.Model(builder.model.inputs, first), batch), run(builder.model, batch)


@pytest.mark.parametrize("norm_placement", ["post", "pre"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_poolings(tiny, batch, architecture, norm_placement):
    builder = tiny(architecture, {"norm_placement": norm_placement})
    first, last = layer_outputs(builder, batch)
    expected = {
        "first": last[:, 0],
        "last_mean": means(last),
        "first_last_mean": (means(first) + means(last)) / 2,
    }
    for pooling, vectors in expected.items():
        found = run(pooled_model(builder.model, pooling), batch)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, vectors, atol=1e-5, err_msg=pooling)


def test_the_layer_before_an_mlm_head_is_pooled(tiny, batch):
    with_head, without = tiny("bert", with_mlm=True).model, tiny("bert").model
    without.set_weights(with_head.get_weights()[: len(without.get_weights())])
    np.testing.assert_allclose(run(pooled_model(with_head), batch), means(run(without, batch)), atol=1e-5)


@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_pooler(tiny, batch, activation):
    model = tiny("bert", with_pool=activation).model
    np.testing.assert_allclose(run(pooled_model(model, "pooler"), batch), run(model, batch), atol=1e-6)


def test_bfloat16_states_are_summed_in_float32():
    """In bfloat16, 256 + 1 is 256: a sum of a thousand ones would stop there."""
    hidden = keras.ops.ones((1, 1000, 2), dtype="bfloat16")
    mean = MaskedMean()(hidden, np.ones((1, 1000), np.int32))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(mean), 1)


def test_a_row_of_padding_alone_gives_finite_numbers(tiny):
    for architecture in ARCHITECTURES:
        model = pooled_model(tiny(architecture).model, "first_last_mean")
        assert np.isfinite(run(model, np.zeros((2, 5), np.int32))).all()


def test_a_pooled_model_can_be_saved_and_loaded(tiny, batch, tmp_path):
    model = pooled_model(tiny("gau_alpha").model, "first_last_mean")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(run(loaded, batch), run(model, batch), atol=1e-6)


def test_what_cannot_be_pooled(tiny):
    model = tiny("roformer_v2").model
    with pytest.raises(UserError, match="first_last_mean"):
        pooled_model(model, "average")
    with pytest.raises(UserError, match="with_pool"):
        pooled_model(model, "pooler")
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(UserError, match="Transformer-0"):
        pooled_model(other)
