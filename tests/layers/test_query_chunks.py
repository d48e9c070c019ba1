"""Attention in chunks of queries gives the outputs and gradients of attention in one piece, in less memory."""

import re

import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.layers import GatedAttentionUnit, MultiHeadAttention, RotaryEmbedding, query_chunks

LENGTH = 21  # no multiple of a chunk
KINDS = ("multi_head", "gated")


@pytest.fixture
def chunked(monkeypatch):
    """A function that switches chunks on: any input longer than one chunk is cut."""

    def switch_on():
        monkeypatch.setattr(query_chunks, "LONGEST_WHOLE", 8)
        monkeypatch.setattr(query_chunks, "LONGEST_WHOLE_IN_TRAINING", 8)
        monkeypatch.setattr(query_chunks, "CHUNK", 8)

    return switch_on


def make_layer(kind, **options):
    options = {"kernel_initializer": "random_normal", **options}
    if kind == "gated":
        layer = GatedAttentionUnit(16, key_size=8, **options)
    else:
        layer = MultiHeadAttention(2, 8, use_bias=False, normalization="softmax_plus", **options)
    layer.build((2, LENGTH, 16))
    random = np.random.default_rng(0)
    for weight in layer.trainable_weights:
        weight.assign(random.normal(size=weight.shape) * 0.4)
    return layer


def masks(kind):
    visible = np.arange(LENGTH) < np.array([LENGTH, 13])[:, None]  # (batch, key)
    if kind == "keys":
        return visible
    if kind == "all queries":
        return visible[:, None]
    return visible[:, None] & (np.arange(LENGTH) <= np.arange(LENGTH)[:, None])  # causal


def outputs_and_gradients(layer, mask, bias=None, training=True, jit=False, length=LENGTH):
    """Of a weighted sum of the outputs, for the input and all weights."""
    x = tf.random.stateless_normal((2, LENGTH, 16), (1, 2))
    upstream = tf.random.stateless_normal((2, LENGTH, 16), (3, 4))

    @tf.function(jit_compile=jit, input_signature=[tf.TensorSpec((2, length, 16))])
    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            rotary = RotaryEmbedding(8)(x)
            outputs = layer(x, attention_mask=mask, attention_bias=bias, rotary=rotary, training=training)
            loss = tf.reduce_sum(outputs * upstream)
        return outputs, tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])

    outputs, gradients = compute(x)
    text = str(compute.get_concrete_function().graph.as_graph_def()) if not jit else ""
    return outputs.numpy(), [g.numpy() for g in gradients], re.search('op: "(Stateless)?While"', text) is not None


def assert_same(one, other):
    for a, b in zip([one[0], *one[1]], [other[0], *other[1]], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5 * np.abs(a).max())


@pytest.mark.parametrize("mask", ["keys", "all queries", "causal"])
@pytest.mark.parametrize("kind", KINDS)
def test_same_outputs_and_gradients(kind, mask, chunked):
    layer, mask = make_layer(kind), masks(mask)
    whole = outputs_and_gradients(layer, mask)
    chunked()
    pieces = outputs_and_gradients(layer, mask)
    assert_same(whole, pieces)
    assert (whole[2], pieces[2]) == (False, True), "the second must be computed in a loop"


@pytest.mark.parametrize("kind", KINDS)
def test_bias_of_every_query_is_cut_too(kind, chunked):
    layer = make_layer(kind)
    shape = (2, 1, LENGTH, LENGTH) if kind == "multi_head" else (2, LENGTH, LENGTH)
    bias = tf.random.stateless_normal(shape, (5, 6))
    whole = outputs_and_gradients(layer, masks("keys"), bias)
    chunked()
    assert_same(whole, outputs_and_gradients(layer, masks("keys"), bias))


@pytest.mark.parametrize("options", [{"jit": True}, {"training": False}, {"training": False, "length": None}])
@pytest.mark.parametrize("kind", KINDS)
def test_with_xla_without_training_and_with_unknown_length(kind, options, chunked):
    layer, mask = make_layer(kind), masks("keys")
    whole = outputs_and_gradients(layer, mask)
    chunked()
    assert_same(whole, outputs_and_gradients(layer, mask, **options))


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_checkpointing_is_refused(kind):
    for unknown in ("attentions", 1, None):
        with pytest.raises(ValueError, match='must be False, True or "attention"'):
            make_layer(kind, gradient_checkpointing=unknown)


@pytest.mark.parametrize("checkpointing", [True, "attention"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_checkpointing_around_chunks(kind, checkpointing, chunked):
    layer = make_layer(kind, gradient_checkpointing=checkpointing)
    whole = outputs_and_gradients(layer, masks("keys"))
    chunked()
    assert_same(whole, outputs_and_gradients(layer, masks("keys")))


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_differs_between_chunks_and_its_gradient_sees_the_same_elements(kind, chunked):
    """Equal queries get equal outputs but for what is dropped; the gradient is that of finite differences."""
    chunked()
    layer = make_layer(kind, dropout=0.5)
    x = tf.repeat(tf.random.stateless_normal((1, 1, 16), (1, 2)), 16, axis=1)
    keys = tf.random.stateless_normal((1, 16, 16), (7, 8))
    if kind == "multi_head":
        outputs = layer(x, keys, training=True).numpy()[0]
        assert not np.allclose(outputs[:8], outputs[8:]), "both chunks dropped the same"

    state = layer.seed_generator.state.numpy()

    def total(x):
        layer.seed_generator.state.assign(state)
        return tf.reduce_sum(layer(x, training=True) ** 2)

    x, direction = tf.random.stateless_normal((1, 16, 16), (1, 2)), tf.random.stateless_normal((1, 16, 16), (5, 5))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = total(x)
    slope = tf.reduce_sum(tape.gradient(value, x) * direction)
    difference = (total(x + 1e-3 * direction) - total(x - 1e-3 * direction)) / 2e-3
    np.testing.assert_allclose(slope, difference, rtol=2e-2)


def test_short_inputs_are_not_cut():
    """Up to the longest whole length the graph has no loop."""
    assert not outputs_and_gradients(make_layer("multi_head"), masks("keys"))[2]
    assert query_chunks.LONGEST_WHOLE >= 512
