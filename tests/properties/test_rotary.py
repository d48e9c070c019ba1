"""Rotary positions: scores depend on distances only, lengths are kept, and no precision is lost on the way."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from rfv2_keras import build_transformer_model
from rfv2_keras.layers import RotaryEmbedding, apply_rotary

ROTARY_MODELS = ("roformer_v2", "gau_alpha", "roformer")
sizes = st.integers(1, 32).map(lambda pairs: 2 * pairs)
seeds = st.integers(0, 2**32 - 1)


def rotated(x, positions):
    """x (length, size), each row turned by its position."""
    layer = RotaryEmbedding(x.shape[-1])
    rotary = layer(ops.convert_to_tensor(x[None]), ops.convert_to_tensor(positions[None], dtype="float32"))
    return ops.convert_to_numpy(apply_rotary(ops.convert_to_tensor(x[None]), rotary))[0]


def vectors(size, seed, count=6):
    return np.random.default_rng(seed).normal(size=(count, size)).astype("float32")


@settings(max_examples=30, deadline=None)
@given(size=sizes, seed=seeds, shift=st.integers(-500, 500))
def test_shift_invariance(size, seed, shift):
    """(R_{m+s} q)ᵀ (R_{n+s} k) = (R_m q)ᵀ (R_n k)."""
    q, k = vectors(size, seed), vectors(size, seed + 1)
    positions = np.array([0, 1, 2, 5, 17, 100])
    scores = rotated(q, positions) @ rotated(k, positions).T
    shifted = rotated(q, positions + shift) @ rotated(k, positions + shift).T
    # Angles up to 600 are rounded to 2⁻¹⁵.
    np.testing.assert_allclose(shifted, scores, atol=1e-4 * size**0.5, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(size=sizes, seed=seeds, position=st.floats(-1000, 1000))
def test_length_is_kept(size, seed, position):
    x = vectors(size, seed)
    turned = rotated(x, np.full(6, position))
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(size=sizes, seed=seeds)
def test_position_zero_is_the_identity(size, seed):
    x = vectors(size, seed)
    np.testing.assert_array_equal(rotated(x, np.zeros(6)), x)


@pytest.mark.parametrize("size", [0, -2, 7])
def test_size_must_be_even(size):
    with pytest.raises(ValueError, match=f"positive even number. Received: size={size}"):
        RotaryEmbedding(size)


@pytest.mark.parametrize("model_type", ROTARY_MODELS)
class TestWholeModel:
    """The same properties of models with an input for positions."""

    def outputs(self, model, batch, positions):
        tokens, segments, _ = batch([12, 7], width=12)
        positions = np.broadcast_to(np.asarray(positions, "float32"), tokens.shape)
        return ops.convert_to_numpy(model([tokens, segments, positions], training=False))

    @pytest.fixture
    def model(self, small_model, model_type):
        return small_model(model_type, deviation=0.2, custom_position_ids=True)

    @pytest.mark.parametrize("shift", [-3, 0.5, 100])
    def test_shift_invariance(self, model, batch, shift):
        positions = np.arange(12)
        before, after = self.outputs(model, batch, positions), self.outputs(model, batch, positions + shift)
        np.testing.assert_allclose(after, before, atol=3e-5)

    def test_other_distances_matter(self, model, batch):
        positions = np.arange(12)
        before, after = self.outputs(model, batch, positions), self.outputs(model, batch, positions * 2)
        assert np.abs(after - before).max() > 0.01

    def test_ordinary_positions_are_the_default(self, model, small_model, model_type, batch):
        plain = small_model(model_type, deviation=0.2)
        tokens, segments, _ = batch([12, 7], width=12)
        expected = ops.convert_to_numpy(plain([tokens, segments], training=False))
        np.testing.assert_array_equal(self.outputs(model, batch, np.arange(12)), expected)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16", "mixed_float16", "float16"])
def test_tables_in_16_bits(dtype):
    """Each entry is the float32 table rounded once, and each of 2048 positions has a row of its own.

    Positions in bfloat16 would be 385 different numbers among the first 512.
    """
    x = ops.zeros((1, 2048, 1))
    exact = RotaryEmbedding(64, dtype="float32")(x)
    tables = RotaryEmbedding(64, dtype=dtype)(x)
    for table, expected in zip(tables, exact, strict=True):
        kind = "bfloat16" if "bfloat16" in dtype else "float16"
        assert keras.backend.standardize_dtype(table.dtype) == kind
        rounded = ops.convert_to_numpy(ops.cast(ops.cast(expected, kind), "float32"))
        np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(table, "float32")), rounded)
    rows = np.concatenate([ops.convert_to_numpy(ops.cast(table, "float32"))[0] for table in tables], axis=-1)
    assert len(np.unique(rows, axis=0)) == 2048


@pytest.mark.parametrize("positions", [np.array([[300.25, 300.5, 301.0]]), np.array([[1021, 1022, 1023]])])
def test_custom_positions_in_16_bits(small_model, positions):
    """The input for positions is not rounded on its way through a model, whatever the global policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small_model("roformer_v2", custom_position_ids=True)
        tables = keras.Model(model.inputs, model.get_layer("Embedding-Rotary-Position").output)
    finally:
        keras.config.set_dtype_policy(before)
    tokens = np.ones(positions.shape, "int32")
    cos, sin = tables([tokens, tokens, positions])
    angles = positions[..., None] * 10000.0 ** (-np.arange(0, 16, 2) / 16)
    for table, function in ((cos, np.cos), (sin, np.sin)):
        expected = np.repeat(function(angles), 2, axis=-1)
        np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(table, "float32")), expected, atol=2**-8)


@pytest.mark.parametrize("heads", [None, 1, 3])
@pytest.mark.parametrize("own_positions", [False, True])
def test_bfloat16_is_the_rounded_rotation(own_positions, heads, run_tensorflow):
    """Output and gradient, against float64; on processors, pairs are complex numbers unless XLA compiles them."""
    random = np.random.default_rng(0)
    batch, length, size, scale = 3, 7, 10, 0.3
    shape = (batch, length, size) if heads is None else (batch, length, heads, size)
    x, upstream = (tf.cast(random.normal(size=shape), "bfloat16") for _ in range(2))
    positions = tf.constant(random.uniform(-9, 99, (batch, length)), "float32") if own_positions else None
    layer = RotaryEmbedding(size, dtype="bfloat16")

    def compute(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = apply_rotary(x, layer(x, positions), scale)
        return tf.stack([y, tape.gradient(y, x, output_gradients=upstream)])

    y, gradient = tf.cast(run_tensorflow(compute, x, upstream), "float64").numpy()
    places = np.arange(length)[None] * 1.0 if positions is None else positions.numpy()
    angles = places[..., None] * 10000.0 ** (-2.0 * np.arange(size // 2) / size)
    turn = scale * np.exp(1j * (angles if heads is None else angles[:, :, None]))
    for result, of, factor in ((y, x, turn), (gradient, upstream, turn.conj())):
        of = tf.cast(of, "float64").numpy()
        expected = (of[..., ::2] + 1j * of[..., 1::2]) * factor
        error = np.abs(result[..., ::2] + 1j * result[..., 1::2] - expected)
        # Tables, their products and their sum are rounded, each by at most 2⁻⁹ of the length of a pair.
        assert (error / np.abs(expected)).max() < 4 * 2.0**-8


def test_model_rotates_queries_and_keys_alike_in_both_types():
    """The fast form is the one that a bfloat16 model takes, and its outputs are those of float32 up to rounding."""
    config = {"model_type": "roformer_v2", "vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 2, "intermediate_size": 64}
    exact, fast = (build_transformer_model(config, dtype=dtype) for dtype in ("float32", "mixed_bfloat16"))
    fast.set_weights(exact.get_weights())
    tokens = np.random.default_rng(0).integers(1, 50, (4, 30))
    inputs = [tokens, np.zeros_like(tokens)]
    difference = ops.convert_to_numpy(ops.cast(fast(inputs), "float32")) - ops.convert_to_numpy(exact(inputs))
    assert np.sqrt(np.mean(difference**2)) < 0.02  # vectors have length √size
