"""A masked language model that is asked at some positions only answers, and learns, as the full model does there."""

import collections
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from rfv2_keras.models import ARCHITECTURES

TARGETS = np.array([[8, 0, 4, 4], [5, 1, 0, 0], [2, 1, 0, 0]], "int32")
VARIANTS = {
    "softmax": {"with_mlm": "softmax"},
    "logits": {"with_mlm": "linear"},
    "causal": {"with_mlm": "linear", "application": "lm"},
    "source and target": {"with_mlm": "linear", "application": "unilm"},
    "pre-norm": {"with_mlm": "linear", "norm_placement": "pre"},
    "one layer": {"with_mlm": "linear", "num_hidden_layers": 1},
    "layers twice": {"with_mlm": "linear", "gradient_checkpointing": True},
    "weights twice": {"with_mlm": "linear", "gradient_checkpointing": "attention"},
    "normalised by length": {"with_mlm": "linear", "normalization": "softmax_plus"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_rows_of_the_full_output(small_model, batch, model_type, variant):
    tokens, segments, _ = batch([9, 6, 3], width=9)
    full, some = both(small_model, model_type, VARIANTS[variant])
    check(full([tokens, segments], training=False), some([tokens, segments, TARGETS], training=False))


@pytest.mark.parametrize("model_type", ["roformer_v2", "roformer", "gau_alpha"])
def test_with_fractional_positions_and_several_documents(small_model, batch, model_type):
    tokens, segments, _ = batch([9, 9, 9], width=9)
    positions = np.random.default_rng(1).uniform(-3, 700, tokens.shape).astype("float32")
    documents = np.array([[1, 1, 1, 1, 2, 2, 2, 2, 2]] * 3, "int32")
    options = {"with_mlm": "linear", "custom_position_ids": True, "packed": True}
    full, some = both(small_model, model_type, options)
    inputs = [tokens, segments, positions, documents]
    check(full(inputs, training=False), some([*inputs, TARGETS], training=False))


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_gradients_of_the_full_model(small_model, batch, model_type, dtype):
    tokens, segments, _ = batch([9, 6, 3], width=9)
    without_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    full, some = both(small_model, model_type, {"with_mlm": "linear", "dtype": dtype, **without_dropout})

    @tf.function
    def gradients(model, *inputs):
        weights = [weight.value for weight in model.trainable_variables]
        with tf.GradientTape() as tape:
            logits = model(list(inputs), training=True)
            logits = logits if len(inputs) == 3 else tf.gather(logits, TARGETS, axis=1, batch_dims=1)
            loss = tf.reduce_sum(tf.nn.log_softmax(logits)[..., 7])
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, weights)]

    expected, got = gradients(full, tokens, segments), gradients(some, tokens, segments, TARGETS)
    compare_gradients(full, model_type, dtype, expected, got)


@pytest.mark.parametrize("model_type", ["roformer_v2", "roformer", "bert"])
def test_the_last_layer_is_computed_at_targets_only(small_model, model_type):
    """In the graph, with 2 rows, 5 targets and 64 positions: only keys and values have been made for all positions."""
    model = small_model(model_type, with_mlm="linear", target_positions=True)
    assert rows_of_the_last_layer(model, 64, 64, 5) == rows_with_queries_at(2 * 5)


@pytest.mark.parametrize("model_type", ["roformer_v2", "roformer", "bert"])
def test_the_last_layer_of_first_encoder_is_computed_at_one_position(small_model, model_type):
    builder = small_model(model_type, return_keras_model=False)
    assert rows_of_the_last_layer(builder.first_encoder, 64, 64) == rows_with_queries_at(2)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_the_encoder_inside_sees_all_positions(small_model, batch, model_type):
    tokens, segments, _ = batch([9, 6, 3], width=9)
    builder = small_model(model_type, with_mlm="linear", target_positions=True, return_keras_model=False)
    last = [layer.name for layer in builder.encoder.layers][-1]
    alone = small_model(model_type)
    alone.set_weights(builder.encoder.get_weights())
    np.testing.assert_allclose(
        builder.encoder([tokens, segments], training=False), alone([tokens, segments], training=False), atol=1e-6
    )
    by_name = keras.Model(builder.model.inputs, builder.model.get_layer(last).output)
    assert by_name.output_shape == (None, None, 32)
    shared = {id(weight) for weight in builder.model.weights}
    assert all(id(weight) in shared for weight in builder.encoder.weights)


FIRST = {
    "plain": {},
    "causal": {"application": "lm", "with_mlm": "linear"},
    "source and target": {"application": "unilm", "with_mlm": "linear"},
    "pre-norm": {"norm_placement": "pre"},
    "one layer": {"num_hidden_layers": 1},
    "layers twice": {"gradient_checkpointing": True},
    "weights twice": {"gradient_checkpointing": "attention"},
    "normalised by length": {"normalization": "softmax_plus"},
    "asked at targets, too": {"with_mlm": "linear", "target_positions": True},
}


@pytest.mark.parametrize("variant", FIRST)
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_first_encoder_gives_row_0_of_encoder(small_model, batch, model_type, variant):
    tokens, segments, _ = batch([9, 6, 3], width=9)
    builder = small_model(model_type, deviation=0.2, return_keras_model=False, **FIRST[variant])
    all_states = builder.encoder([tokens, segments], training=False)
    first = builder.first_encoder([tokens, segments], training=False)
    assert first.shape == (3, 1, 32)
    np.testing.assert_allclose(first, all_states[:, :1], atol=2e-5)
    assert {id(w) for w in builder.first_encoder.weights} == {id(w) for w in builder.encoder.weights}


@pytest.mark.parametrize("model_type", ["roformer_v2", "roformer"])
def test_first_encoder_with_fractional_positions_and_several_documents(small_model, batch, model_type):
    tokens, segments, _ = batch([9, 9, 9], width=9)
    positions = np.random.default_rng(1).uniform(-3, 700, tokens.shape).astype("float32")
    documents = np.array([[1, 1, 1, 1, 2, 2, 2, 2, 2]] * 3, "int32")
    options = {"custom_position_ids": True, "packed": True, "return_keras_model": False}
    builder = small_model(model_type, deviation=0.2, **options)
    inputs = [tokens, segments, positions, documents]
    expected = builder.encoder(inputs, training=False)[:, :1]
    np.testing.assert_allclose(builder.first_encoder(inputs, training=False), expected, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_gradients_of_first_encoder(small_model, batch, model_type, dtype):
    """Those of the encoder, if nothing but its row 0 is looked at."""
    tokens, segments, _ = batch([9, 6, 3], width=9)
    without_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    builder = small_model(model_type, dtype=dtype, return_keras_model=False, **without_dropout)

    @tf.function
    def gradients(model):
        weights = [weight.value for weight in builder.model.trainable_variables]
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(model([tokens, segments], training=True)[:, 0, 7], tf.float32))
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, weights)]

    expected, got = gradients(builder.encoder), gradients(builder.first_encoder)
    compare_gradients(builder.model, model_type, dtype, expected, got)


def both(small_model, model_type, options):
    """The full model, and the one that is asked at target positions."""
    return (small_model(model_type, deviation=0.2, target_positions=asked, **options) for asked in (False, True))


def check(everything, answers):
    expected = np.take_along_axis(ops.convert_to_numpy(everything), TARGETS[..., None], axis=1)
    np.testing.assert_allclose(ops.convert_to_numpy(answers), expected, atol=1e-5, rtol=1e-5)


def rows_of_the_last_layer(model, *lengths):
    """Name of each dense layer -> for how many vectors it is computed, where 2 rows have inputs of these lengths."""
    graph = tf.function(model).get_concrete_function([tf.TensorSpec((2, n), tf.int32) for n in lengths]).graph
    rows = collections.defaultdict(set)
    for operation in graph.get_operations():
        name = re.search("/Transformer-1-.*/([qkvoi]0?_dense)_1/.*MatMul$", operation.name)
        if name:
            rows[name[1]].add(operation.outputs[0].shape.num_elements() // operation.outputs[0].shape[-1])
    return rows


def rows_with_queries_at(count):
    everywhere = 2 * 64
    return {
        "q_dense": {count},
        "k_dense": {everywhere},
        "v_dense": {everywhere},
        "o_dense": {count},
        "i0_dense": {count},
    }


def compare_gradients(model, model_type, dtype, expected, got):
    """Up to rounding, and none of them is nothing."""
    for weight, g, e in zip(model.trainable_variables, got, expected, strict=True):
        if weight.path.endswith("k_dense/bias") and model_type == "bert":
            continue  # without rotation it adds the same to all scores of a query, so that nothing but rounding is left
        size = np.linalg.norm(e)
        assert size > 0, weight.path
        assert np.linalg.norm(g - e) <= size * (1e-4 if dtype == "float32" else 0.05), weight.path
