"""Layers and functions equal the original implementation, number by number."""

import keras
import numpy as np
import pytest
from keras import ops

from rfv2_keras.layers import (
    ConditionalRandomField,
    EfficientGlobalPointer,
    FeedForward,
    GatedAttentionUnit,
    GlobalPointer,
    LayerNorm,
    MultiHeadAttention,
    RMSNorm,
    RotaryEmbedding,
    apply_rotary,
    attention_weights,
    get_activation,
    padding_mask,
)


def close(actual, expected, atol=1e-5, rtol=1e-5):
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, atol=atol, rtol=rtol)


def numbered_weights(arrays, suffix):
    """`w0<suffix>`, `w1<suffix>`, … in order."""
    count = sum(name.startswith("w") and name.endswith(suffix) for name in arrays)
    return [arrays[f"w{i}{suffix}"] for i in range(count)]


def with_weights(layer, weights, *shapes):
    """The layer, built and given weights in the order in which the original lists them."""
    layer.build(*shapes)
    layer.set_weights(weights)
    return layer


@pytest.mark.parametrize("index", range(4))
def test_rotary_tables(golden_layer, index):
    """The sinusoidal table of the original holds sines on even and cosines on odd channels."""
    entry, arrays = golden_layer("sinusoidal_embeddings")
    positions, table = np.atleast_2d(arrays[f"pos{index}"]), arrays[f"out{index}"]
    layer = RotaryEmbedding(entry["args"][index]["dim"], base=entry["args"][index]["base"])
    cos, sin = layer(ops.zeros((*positions.shape, 1)), ops.convert_to_tensor(positions))
    table = table.reshape(cos.shape)
    close(cos, np.repeat(table[..., 1::2], 2, axis=-1), atol=3e-5)
    close(sin, np.repeat(table[..., ::2], 2, axis=-1), atol=3e-5)


@pytest.mark.parametrize("index", range(4))
def test_apply_rotary(golden_layer, index):
    """Three and four axes, common and own positions per row, length 1."""
    _, arrays = golden_layer("apply_rotary_position_embeddings")
    positions = arrays[f"pos{index}"]
    layer = RotaryEmbedding(arrays[f"q{index}"].shape[-1])
    rotary = layer(ops.zeros((*positions.shape, 1)), ops.convert_to_tensor(positions))
    for name in "qk":
        x = ops.convert_to_tensor(arrays[f"{name}{index}"])
        close(apply_rotary(x, rotary), arrays[f"out_{name}{index}"])


def test_attention_weights(golden_layer):
    """All normalisations with and without padding, causal and UniLM masks, float bias, length 520."""
    entry, arrays = golden_layer("attention_normalize")
    for variant in entry["variants"]:
        scores = arrays[variant["scores"]]
        mask, bias = _mask_and_bias(variant, arrays)
        weights = attention_weights(ops.convert_to_tensor(scores), variant["method"], mask=mask, bias=bias)
        np.testing.assert_allclose(
            ops.convert_to_numpy(weights), arrays[variant["key"]], atol=1e-5, rtol=1e-5, err_msg=variant["key"]
        )
    assert len(entry["variants"]) == 36


def _mask_and_bias(variant, arrays):
    """The original takes boolean masks for biases; here what a query may see is one mask."""
    mask = None if variant["mask"] is None else arrays[variant["mask"]][:, None]
    bias = None if variant["bias"] is None else arrays[variant["bias"].removesuffix("[None]")]
    if bias is not None and bias.dtype == bool:
        mask, bias = bias if mask is None else mask & bias, None
    return mask, bias


@pytest.mark.parametrize("index", range(9))
def test_layer_norm(golden_layer, input_gradient, index):
    """Nine sets of arguments, with an all-zero and a tiny row, and the gradient of the input."""
    entry, arrays = golden_layer("layer_normalization")
    arguments = {"epsilon": 1e-7, **entry["args"][index]["kwargs"]}
    arguments["center"] = arguments.pop("zero_mean", True)
    gamma, beta = 1.0, 0.0
    if index == 7:  # the original also takes constants for its two weights
        gamma, beta = arguments["scale"], arguments["offset"]
        arguments |= {"scale": False, "offset": False}
    weights = [arrays[f"{name}{index}"] for name in ("beta", "gamma") if f"{name}{index}" in arrays]
    x = arrays["x"]
    layer = with_weights(LayerNorm(**arguments), weights, x.shape)

    def normalize(x):
        return layer(x) * gamma + beta

    close(normalize(x), arrays[f"out{index}"])
    coefficients = np.cos(np.arange(x.size, dtype="float32")).reshape(x.shape)
    gradient = input_gradient(lambda x: ops.sum(ops.multiply(normalize(x), coefficients)), x)
    close(gradient, arrays[f"dx{index}"], rtol=1e-4)


@pytest.mark.parametrize("index", [0, 8])
def test_rms_norm(golden_layer, input_gradient, index):
    """The norm of RoFormerV2 and GAU-α is the layer norm without centring and without weights."""
    entry, arrays = golden_layer("layer_normalization")
    layer = RMSNorm(entry["args"][index]["kwargs"].get("epsilon", 1e-7))
    x = arrays["x"]
    close(layer(x), arrays[f"out{index}"])
    coefficients = np.cos(np.arange(x.size, dtype="float32")).reshape(x.shape)
    close(input_gradient(lambda x: ops.sum(ops.multiply(layer(x), coefficients)), x), arrays[f"dx{index}"], rtol=1e-4)


def test_conditional_layer_norm(golden_layer):
    _, arrays = golden_layer("layer_normalization_conditional")
    layer = LayerNorm(1e-7, conditional=True, hidden_units=4, hidden_activation="tanh")
    layer = with_weights(layer, numbered_weights(arrays, ""), arrays["x"].shape, arrays["cond"].shape)
    close(layer(arrays["x"], arrays["cond"]), arrays["out"])


@pytest.mark.parametrize("index", range(5))
def test_multi_head_attention(golden_layer, index):
    """Self- and cross-attention, own sizes of keys and output, all normalisations, with and without bias."""
    entry, arrays = golden_layer("multi_head_attention")
    arguments = dict(entry["args"][index]["kwargs"])
    arguments.pop("return_attention_scores", None)
    q, k = arrays["q"], arrays["k"]
    inputs = (q, k) if entry["args"][index]["mode"] == "cross" else (q,)
    layer = MultiHeadAttention(**arguments)
    layer = with_weights(layer, numbered_weights(arrays, f"_{index}"), *[x.shape for x in inputs])
    close(layer(*inputs), arrays[f"out{index}_0"], atol=3e-5)


@pytest.mark.parametrize("index", range(4))
def test_gated_attention_unit(golden_layer, index):
    entry, arrays = golden_layer("gated_attention_unit")
    defaults = {"use_bias": True, "normalization": "squared_relu"}
    layer = GatedAttentionUnit(**{**defaults, **entry["args"][index]["kwargs"]})
    layer = with_weights(layer, numbered_weights(arrays, f"_{index}"), arrays["x"].shape)
    close(layer(arrays["x"]), arrays[f"out{index}"], atol=3e-5)


@pytest.mark.parametrize("index", range(3))
def test_feed_forward(golden_layer, index):
    """One activation, and two for the gated form."""
    entry, arrays = golden_layer("feed_forward")
    layer = FeedForward(**entry["args"][index]["kwargs"])
    layer = with_weights(layer, numbered_weights(arrays, f"_{index}"), arrays["x"].shape)
    close(layer(arrays["x"]), arrays[f"out{index}"])


@pytest.mark.parametrize("index", range(10))
@pytest.mark.parametrize(
    ("layer", "name"), [(GlobalPointer, "global_pointer"), (EfficientGlobalPointer, "efficient_global_pointer")]
)
def test_global_pointers(golden_layer, layer, name, index):
    """With and without rotation, bias, triangle and padding mask, which the original takes from its embedding."""
    entry, arrays = golden_layer(name)
    case = entry["args"][index]
    names = {"RoPE": "use_rotary", "tril_mask": "lower_triangle_mask"}
    arguments = {names.get(name, name): value for name, value in case["kwargs"].items()}
    table, *weights = numbered_weights(arrays, f"_{case['key']}")
    x = table[arrays["token"]]
    layer = with_weights(layer(case["heads"], case["head_size"], **arguments), weights, x.shape)
    mask = padding_mask(arrays["token"]) if case["embedding_mask_zero"] else None
    expected = arrays[f"out_{case['key']}"]
    assert np.isneginf(expected).any() == (mask is not None or layer.lower_triangle_mask)
    close(layer(x, mask=mask), expected)


def golden_crf(golden_layer, index):
    """The layer with its weight, its arrays, and its output for the golden scores; case 1 has a multiplier of 100."""
    entry, arrays = golden_layer("crf")
    layer = ConditionalRandomField(4, learning_rate_multiplier=entry["args"][index]["lr_multiplier"])
    scores = arrays[f"emissions{index}"]
    layer = with_weights(layer, [arrays[f"raw_weight{index}"]], scores.shape)
    return layer, arrays, layer(scores, mask=arrays[f"token{index}"] != 0)


@pytest.mark.parametrize("index", [0, 1])
def test_crf_loss(golden_layer, input_gradient, index):
    """Loss, its gradients in scores and stored weight, accuracy."""
    layer, arrays, outputs = golden_crf(golden_layer, index)
    labels, mask = arrays[f"labels{index}"], arrays[f"token{index}"] != 0
    close(outputs, arrays[f"y_pred{index}"], atol=0, rtol=0)
    close(layer.transitions, arrays[f"trans{index}"])
    close(layer.sparse_loss(labels, outputs), arrays[f"sparse_loss{index}"])
    close(layer.dense_loss(np.eye(4)[labels], outputs), arrays[f"dense_loss{index}"])
    close(layer.sparse_accuracy(labels, outputs), arrays[f"sparse_accuracy{index}"])
    close(layer.dense_accuracy(np.eye(4)[labels], outputs), arrays[f"sparse_accuracy{index}"])

    def loss_of_scores(scores):
        return ops.sum(layer.sparse_loss(labels, layer(scores, mask=mask)))

    def loss_of_weight(weight):
        with keras.StatelessScope(state_mapping=[(layer.transition_weight, weight)]):
            return ops.sum(layer.sparse_loss(labels, outputs))

    close(input_gradient(loss_of_scores, arrays[f"emissions{index}"]), arrays[f"d_emissions{index}"])
    close(input_gradient(loss_of_weight, arrays[f"raw_weight{index}"]), arrays[f"d_raw_trans{index}"], rtol=1e-4)


@pytest.mark.parametrize("index", [0, 1])
def test_crf_decoding(golden_layer, index):
    """Without and with labels that a sequence must start or end with; the original decodes one sequence, unpadded."""
    layer, arrays, outputs = golden_crf(golden_layer, index)
    for i, (starts, ends) in enumerate([(None, None), ([0, 2], None), ([0], [1, 3]), (None, [2])]):
        for row, labels in enumerate(layer.decode(outputs, starts, ends)):
            np.testing.assert_array_equal(labels[labels >= 0], arrays[f"viterbi{index}_{i}_{row}"])
    np.testing.assert_array_equal(layer.decode(outputs[:1, :1])[0], arrays[f"viterbi{index}_len1"])


ACTIVATIONS = {
    "gelu": "gelu_erf",
    "gelu_erf": "gelu_erf",
    "gelu_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "swish": "swish",
    "silu": "swish",
}


@pytest.mark.parametrize(("name", "original"), ACTIVATIONS.items())
def test_activations(golden_layer, name, original):
    _, arrays = golden_layer("activations")
    close(get_activation(name)(ops.convert_to_tensor(arrays["x"])), arrays[original])
