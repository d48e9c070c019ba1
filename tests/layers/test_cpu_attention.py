"""Attention in bfloat16 on a processor is softmax attention: its output to the bit, its gradients up to rounding."""

import os

import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.layers import MultiHeadAttention, multi_head_attention
from rfv2_keras.layers import cpu_attention as module
from rfv2_keras.layers.attention_weights import attention_weights
from rfv2_keras.layers.cpu_attention import cpu_attention, has_cpu_attention
from rfv2_keras.layers.dropout import draw_kept, kept_share
from rfv2_keras.layers.rematerialization import DrawnSeed
from rfv2_keras.training.machine import read_machine

BATCH, HEADS, QUERIES, KEYS, SIZE = 3, 2, 9, 21, 16

MACHINE = read_machine(os.environ)
# Asked of the processor and not of has_cpu_attention, which might be wrong.
needs_onednn = pytest.mark.skipif(
    bool(MACHINE.gpus) or "avx512f" not in MACHINE.cpu_flags or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0",
    reason="oneDNN's softmax of bfloat16 needs a processor with AVX512, and attention on processors no GPU",
)


def masks():
    of_keys = np.arange(KEYS) < np.array([[KEYS], [5], [1]])
    of_pairs = np.random.default_rng(3).random((BATCH, QUERIES, KEYS)) < 0.5
    of_pairs[..., 0] = True
    return {
        "none": None,
        "keys": of_keys,
        "keys as numbers": of_keys.astype("int32"),
        "keys with an axis": of_keys[:, None],
        "pairs": of_pairs,
        "pairs with an axis": of_pairs[:, None],
    }


def tensors(seed=0):
    """Rounded to bfloat16, held in float32: large scores, so that some weights are near 1."""
    random = np.random.default_rng(seed)
    shapes = [(QUERIES, SIZE), (KEYS, SIZE), (KEYS, SIZE), (QUERIES, SIZE)]
    values = [random.normal(size=(BATCH, HEADS, *shape)) for shape in shapes]
    return [tf.cast(tf.cast(value, "bfloat16"), "float32") for value in values]


def plain(query, key, value, mask, dropout=0.0, seed=None):
    weights = attention_weights(tf.matmul(query, key, transpose_b=True), "softmax", mask, dtype=query.dtype.name)
    if seed is not None:
        weights *= draw_kept(weights, dropout, seed)
        value = tf.cast(tf.cast(value, "float32") / kept_share(dropout), value.dtype)
    return tf.matmul(weights, value)


def output_and_gradients(attend, mask, dtype, how="graph", dropout=0.0):
    *inputs, upstream = (tf.cast(x, dtype) for x in tensors())
    seed = DrawnSeed(tf.constant([3, 4], "uint32")) if dropout else None

    def compute():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = attend(*inputs, mask, dropout, seed)
        return output, *tape.gradient(output, inputs, output_gradients=upstream)

    function = compute if how == "eager" else tf.function(compute, jit_compile=how == "XLA")
    return [tf.cast(x, "float32").numpy() for x in function()]


def size_of(x):
    return np.sqrt(np.mean(np.square(x)))


@needs_onednn
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("how", ["eager", "graph", "XLA"])
@pytest.mark.parametrize("mask", masks())
def test_equals_attention_with_float32_weights(mask, how, dropout):
    mask = masks()[mask]
    output, *_ = output_and_gradients(cpu_attention, mask, "bfloat16", how, dropout)
    expected, *_ = output_and_gradients(plain, mask, "bfloat16", how, dropout)
    # XLA keeps scores in float32 where it can and then rounds weights that differ in their last bit.
    tolerance = 2.0**-6 if how == "XLA" else 0.0
    np.testing.assert_allclose(output, expected, rtol=0, atol=tolerance)


@needs_onednn
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("how", ["graph", "XLA"])
@pytest.mark.parametrize("mask", ["none", "keys", "pairs"])
def test_gradients_are_as_near_to_the_exact_ones_as_those_of_the_long_form(mask, how, dropout):
    mask = masks()[mask]
    exact = output_and_gradients(plain, mask, "float32", how, dropout)
    short = output_and_gradients(cpu_attention, mask, "bfloat16", how, dropout)
    long = output_and_gradients(plain, mask, "bfloat16", how, dropout)
    for name, *values in zip(("output", "query", "key", "value"), exact, short, long, strict=True):
        error, usual, size = size_of(values[1] - values[0]), size_of(values[2] - values[0]), size_of(values[0])
        # δ comes from the rounded output: the only key of a query gets a rounding for a gradient instead of nothing.
        assert error < 1.5 * usual, name
        assert error < 0.02 * size, name


@needs_onednn
def test_hidden_keys_have_no_influence_and_no_gradient():
    mask = masks()["keys"]
    *inputs, upstream = (tf.cast(x, "bfloat16") for x in tensors())
    query, key, value = inputs
    disturbed = [tf.where(mask[:, None, :, None], x, tf.cast(100.0, "bfloat16")) for x in (key, value)]
    with tf.GradientTape() as tape:
        tape.watch(disturbed)
        output = cpu_attention(query, *disturbed, mask)
    np.testing.assert_array_equal(output, cpu_attention(query, key, value, mask))
    for gradient in tape.gradient(output, disturbed, output_gradients=upstream):
        assert not tf.cast(gradient, "float32").numpy()[~np.repeat(mask[:, None], HEADS, axis=1)].any()


@needs_onednn
def test_a_query_that_sees_nothing_gets_finite_values_and_gradients():
    mask = np.zeros((BATCH, KEYS), bool)
    for values in output_and_gradients(cpu_attention, mask, "bfloat16"):
        assert np.isfinite(values).all()


@needs_onednn
@pytest.mark.parametrize("length", [7, 128, 3000])
@pytest.mark.parametrize("jit", [False, True])
def test_softmax_is_computed_in_float32_also_by_xla(length, jit):
    """XLA's own softmax of bfloat16 is wrong by several per cent."""
    scores = tf.cast(4.0 * tf.random.stateless_normal((2, 3, 5, length), (1, 2)), "bfloat16")
    exact = tf.nn.softmax(tf.cast(scores, "float64")).numpy()
    weights = tf.cast(tf.function(module._softmax, jit_compile=jit)(scores), "float64").numpy()
    assert (np.abs(weights - exact) / exact).max() < 2.0**-8


@needs_onednn
@pytest.mark.parametrize(("dtype", "calls"), [("bfloat16", 1), ("mixed_bfloat16", 1), ("float32", 0)])
def test_multi_head_attention_takes_it_for_bfloat16(monkeypatch, dtype, calls):
    shapes = []

    def recording(query, *rest):
        shapes.append(query.shape)
        return cpu_attention(query, *rest)

    monkeypatch.setattr(multi_head_attention, "cpu_attention", recording)
    MultiHeadAttention(2, 8, dtype=dtype)(tf.ones((3, 5, 16)))
    assert shapes == [(3, 2, 5, 8)] * calls


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_other_types_take_the_general_way(dtype):
    assert not has_cpu_attention(dtype)


def test_not_where_tensorflow_computes_the_softmax_in_bfloat16(monkeypatch):
    """As it does without oneDNN: simulated by a softmax that rounds its exponentials."""

    def rounding(scores):
        exponentials = tf.exp(scores - tf.reduce_max(scores, axis=-1, keepdims=True))
        return exponentials / tf.reduce_sum(exponentials, axis=-1, keepdims=True)

    asked = module._softmax_computes_in_float32.__wrapped__
    monkeypatch.setattr(tf.nn, "softmax", rounding)
    assert not asked()
