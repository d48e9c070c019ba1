"""Gradient checkpointing computes attention and feed-forward layers twice and changes no gradient."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compat.v1.graph_util import extract_sub_graph


def gradients_of(model, batch, training, jit):
    """Gradients of the first training step after the model was made: the first dropout masks."""
    tokens, segments, _ = batch([9, 6, 0], width=9)
    coefficients = tf.random.stateless_normal((3, 9, 32), seed=(1, 2))

    @tf.function(jit_compile=jit)
    def compute():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model([tokens, segments], training=training) * coefficients)
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, [w.value for w in model.trainable_weights])]

    return compute


@pytest.mark.parametrize(
    ("again", "dropout", "jit"), [(True, 0.0, False), (True, 0.3, False), (True, 0.3, True), ("attention", 0.3, False)]
)
@pytest.mark.parametrize("model_type", ["roformer_v2", "gau_alpha"])
def test_same_gradients(small_model, batch, model_type, dropout, jit, again):
    """With dropout, the second computation must drop the same elements."""
    options = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    results = []
    for checkpointing in (False, again):
        model = small_model(
            model_type, deviation=0.2, gradient_checkpointing=checkpointing, num_hidden_layers=1, **options
        )
        results.append(gradients_of(model, batch, training=True, jit=jit)())
    for plain, recomputed in zip(*results, strict=True):
        scale = np.abs(plain).max()
        assert scale > 0
        np.testing.assert_allclose(recomputed, plain, atol=1e-5 * scale, rtol=1e-4)


def test_dropout_is_drawn_anew_for_each_step(small_model, batch):
    model = small_model("roformer_v2", deviation=0.2, gradient_checkpointing=True, num_hidden_layers=1)
    compute = gradients_of(model, batch, training=True, jit=False)
    assert not np.allclose(compute()[0], compute()[0], rtol=1e-3)


@pytest.mark.parametrize("again", [True, "attention"])
@pytest.mark.parametrize("model_type", ["roformer_v2", "gau_alpha"])
def test_something_is_computed_again(small_model, batch, model_type, again):
    """The graph of a training step holds every softmax of the attention twice."""
    counts = []
    for checkpointing in (False, again):
        model = small_model(model_type, gradient_checkpointing=checkpointing, num_hidden_layers=1)
        graph = gradients_of(model, batch, training=True, jit=False).get_concrete_function().graph
        operations = str(graph.as_graph_def())
        counts.append(len(re.findall(r'op: "Softmax"', operations)))
    assert counts == [1, 2]


@pytest.mark.parametrize("model_type", ["roformer_v2", "gau_alpha"])
def test_attention_alone_keeps_projections(small_model, batch, model_type):
    """No product with a kernel is computed again, while whole layers compute some of them again."""
    counts = {}
    for checkpointing in (False, "attention", True):
        model = small_model(model_type, gradient_checkpointing=checkpointing, num_hidden_layers=1)
        graph = gradients_of(model, batch, training=True, jit=False).get_concrete_function().graph
        # TensorFlow leaves out what no output needs, such as the last product of what is computed again.
        needed = extract_sub_graph(graph.as_graph_def(), [output.op.name for output in graph.outputs])
        products = [node for node in needed.node if node.op == "MatMul"]
        counts[checkpointing] = sum(any("ReadVariableOp" in name for name in node.input) for node in products)
    assert counts[False] == counts["attention"] < counts[True]


def test_gau_keeps_only_what_its_activation_takes(small_model, batch):
    """Neither the gate nor the values nor their product wait for the gradient, all of which are `units` wide."""
    kept = {}
    for checkpointing in (False, "attention"):
        model = small_model("gau_alpha", gradient_checkpointing=checkpointing, num_hidden_layers=1)
        layer = next(layer for layer in model.layers if hasattr(layer, "units"))
        operations = gradients_of(model, batch, training=True, jit=False).get_concrete_function().graph.get_operations()
        loss = next(i for i, x in enumerate(operations) if x.type == "Sum" and x.outputs[0].shape.rank == 0)
        forward = set(operations[:loss])
        tensors = [x for operation in operations[loss:] for x in operation.inputs if x.op in forward]
        kept[checkpointing] = {x.shape[-1] for x in tensors if x.shape.rank == 3}
    wide = {layer.units, 2 * layer.units + layer.key_size}
    assert kept[False] >= wide
    assert kept["attention"] & wide == {2 * layer.units + layer.key_size}


def test_config_keeps_it(small_model):
    model = small_model("roformer_v2", gradient_checkpointing=True)
    copy = type(model).from_config(model.get_config())
    layers = [layer for layer in copy.layers if hasattr(layer, "gradient_checkpointing")]
    assert len(layers) == 4
    assert all(layer.gradient_checkpointing for layer in layers)
