"""16-bit policies: close to float32 at any length, and never NaN or infinite where nothing is to be seen."""

import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras import build_transformer_model
from rfv2_keras.layers import GatedAttentionUnit, LayerNorm, MultiHeadAttention, ResidualBranch, RMSNorm
from rfv2_keras.models import ARCHITECTURES

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


@pytest.fixture(scope="module")
def pair():
    """A function: model type -> the same model of four attention layers in float32 and in mixed_bfloat16."""
    cache = {}

    def build(model_type):
        if model_type not in cache:
            is_gau = model_type == "gau_alpha"
            config = {
                "model_type": model_type,
                "vocab_size": 1000,
                "hidden_size": 128,
                "num_hidden_layers": 8 if is_gau else 4,
                "intermediate_size": 256 if is_gau else 512,
                "num_attention_heads": 1 if is_gau else 4,
                "max_position_embeddings": 2048,
            }
            exact, rounded = [build_transformer_model(config, dtype=dtype) for dtype in ("float32", "mixed_bfloat16")]
            cache[model_type] = exact, rounded, exact.get_weights()
        return cache[model_type]

    return build


@pytest.mark.parametrize("length", [128, 512, 2048])
@pytest.mark.parametrize("gain", [1, 2])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_bfloat16_is_close_to_float32(pair, model_type, gain, length):
    """Norm of the difference below 3 % of the norm, with initial weights and with weights twice as large."""
    exact, rounded, weights = pair(model_type)
    for model in (exact, rounded):
        for weight, initial in zip(model.weights, weights, strict=True):
            weight.assign(initial * gain if weight.path.endswith("kernel") else initial)
    random = np.random.default_rng(length)
    tokens = random.integers(1, 1000, (1, length)).astype("int32")
    tokens[:, -length // 8 :] = 0
    segments = (np.arange(length)[None] > length // 2).astype("int32")
    expected, given = [tf.cast(model([tokens, segments], training=False), "float32") for model in (exact, rounded)]
    error = float(tf.norm(given - expected) / tf.norm(expected))
    assert error < 0.03


@pytest.mark.parametrize("dtype", POLICIES)
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_rows_of_padding_alone(small_model, batch, model_type, dtype):
    """Outputs and gradients are finite for a batch with rows of padding, and for a batch of nothing else."""
    model = small_model(model_type, deviation=0.2, with_mlm="linear", dtype=dtype, num_hidden_layers=1)
    for lengths in ([9, 0, 1], [0, 0, 0]):
        tokens, segments, _ = batch(lengths, width=9)
        with tf.GradientTape() as tape:
            outputs = model([tokens, segments], training=True)
            loss = tf.reduce_mean(tf.cast(outputs, "float32"))
        gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
        assert_finite([outputs, *gradients])


@pytest.mark.parametrize("dtype", POLICIES)
@pytest.mark.parametrize("normalization", ["softmax", "softmax_plus", "squared_relu"])
@pytest.mark.parametrize("layer", [MultiHeadAttention, GatedAttentionUnit])
def test_no_key_is_visible(layer, normalization, dtype):
    """A mask that hides every key from some queries, or from all."""
    arguments = {MultiHeadAttention: {"heads": 2, "head_size": 8}, GatedAttentionUnit: {"units": 16, "key_size": 8}}
    attention = layer(**arguments[layer], normalization=normalization, dtype=dtype)
    x = tf.random.stateless_normal((2, 5, 16), seed=(0, 1))
    some = np.ones((2, 5, 5), bool)
    some[0, 2:] = False
    for mask in (some, np.zeros((2, 5), bool), np.zeros((2, 1, 5), bool)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = attention(x, attention_mask=mask)
            loss = tf.reduce_sum(tf.cast(outputs, "float32"))
        gradients = tape.gradient(loss, [x, *[weight.value for weight in attention.trainable_weights]])
        assert_finite([outputs, *gradients])


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("size", [1e3, 3e4])
def test_norms_of_large_values(size, dtype):
    """x² overflows float16 from 256 on; the sum of two branches may, too."""
    x = tf.random.stateless_normal((4, 64), seed=(0, 1)) * size / 4
    x = tf.cast(x, dtype.removeprefix("mixed_"))
    for norm in (RMSNorm, LayerNorm):
        expected = norm(dtype="float32")(tf.cast(x, "float32"))
        np.testing.assert_allclose(tf.cast(norm(dtype=dtype)(x), "float32"), expected, rtol=0.01, atol=0.01)
        branch = ResidualBranch(norm(dtype=dtype), dtype=dtype)
        exact = norm(dtype="float32")(2 * tf.cast(x, "float32"))
        np.testing.assert_allclose(tf.cast(branch(x, x), "float32"), exact, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("dtype", POLICIES)
def test_a_row_of_zeros(dtype):
    x = tf.zeros((2, 8))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = RMSNorm(dtype=dtype)(x)
    np.testing.assert_array_equal(tf.cast(y, "float32"), x)
    assert_finite([tape.gradient(y, x)])


def assert_finite(tensors):
    for tensor in tensors:
        assert np.isfinite(tf.cast(tf.convert_to_tensor(tensor), "float32")).all()
