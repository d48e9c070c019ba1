"""Every public layer survives `get_config` -> JSON -> `from_config` with all its arguments."""

import importlib
import inspect
import json
import pkgutil

import keras
import numpy as np
import pytest
from keras import ops

from rfv2_keras import layers

MODULES = [
    importlib.import_module(f"rfv2_keras.layers.{module.name}") for module in pkgutil.iter_modules(layers.__path__)
]
PUBLIC = {
    name
    for module in MODULES
    for name, value in vars(module).items()
    if inspect.isclass(value) and issubclass(value, keras.Layer) and value.__module__ == module.__name__
}
random = np.random.default_rng(0)
IDS = np.array([[3, 1, 4, 1, 5], [2, 6, 0, 0, 0]], "int32")
SEGMENTS = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]], "int32")
X = random.normal(size=(2, 5, 12)).astype("float32")
Y = random.normal(size=(2, 5, 12)).astype("float32")
C = random.normal(size=(2, 3)).astype("float32")
SPANS = {
    "heads": 3,
    "head_size": 5,
    "use_rotary": False,
    "use_bias": False,
    "lower_triangle_mask": False,
    "kernel_initializer": "he_normal",
}

# For each layer: sets of arguments, none of them a default, that together name every argument; and inputs for `call`.
EXAMPLES = {
    "AttentionMask": [({"kind": "unilm"}, (IDS, SEGMENTS)), ({"kind": "unilm"}, (IDS, SEGMENTS, SEGMENTS))],
    "BiasFreeDense": [({"units": 7, "activation": "relu", "kernel_initializer": "ones"}, (X,))],
    "ConditionalRandomField": [({"units": 12, "learning_rate_multiplier": 10.0}, (X,))],
    "Dropout": [({"rate": 0.2, "seed": 5}, (X,))],
    "EfficientGlobalPointer": [(SPANS, (X,))],
    "FeedForward": [
        (
            {
                "units": 7,
                "activation": ["swish", "linear"],
                "use_bias": False,
                "kernel_initializer": "he_normal",
                "gradient_checkpointing": True,
            },
            (X,),
        )
    ],
    "GatedAttentionUnit": [
        (
            {
                "units": 7,
                "key_size": 6,
                "activation": "relu",
                "use_bias": True,
                "normalization": "squared_relu",
                "normalization_length": 100,
                "attention_scale": False,
                "dropout": 0.2,
                "kernel_initializer": "he_normal",
                "gradient_checkpointing": True,
            },
            (X,),
        ),
        ({"units": 7, "self_attention": False}, (X, Y)),
    ],
    "GatherPositions": [({}, (X, np.array([[4, 0], [1, 1]])))],
    "GlobalPointer": [(SPANS, (X,)), ({"heads": 1, "head_size": 6}, (X,))],
    "LayerNorm": [
        (
            {
                "epsilon": 1e-3,
                "conditional": True,
                "hidden_units": 4,
                "hidden_activation": "tanh",
                "hidden_initializer": "he_normal",
            },
            (X, C),
        ),
        ({"center": False, "unit_variance": False, "scale": False, "offset": False}, (X,)),
    ],
    "MultiHeadAttention": [
        (
            {
                "heads": 3,
                "head_size": 5,
                "out_dim": 7,
                "key_size": 4,
                "use_bias": False,
                "normalization": "softmax_plus",
                "normalization_length": 100,
                "attention_scale": False,
                "dropout": 0.2,
                "kernel_initializer": "he_normal",
                "gradient_checkpointing": True,
            },
            (X, Y),
        )
    ],
    "PositionEmbedding": [({"max_positions": 9, "initializer": "he_normal"}, (X,))],
    "RMSNorm": [({"epsilon": 1e-3}, (X,))],
    "ResidualBranch": [
        ({"norm": layers.RMSNorm(1e-3), "dropout": 0.2, "residual": "deepnorm", "skip_scale": 3.0}, (X, Y)),
        ({"norm": layers.LayerNorm(conditional=True), "residual": "rezero"}, (X, Y, C)),
        ({"residual": "alpha_warmup"}, (X, Y)),
    ],
    "RotaryEmbedding": [({"size": 6, "base": 100.0}, inputs) for inputs in ((X,), (X, IDS))],
    "ScaleOffset": [({"scale": False}, (X,)), ({"offset": False}, (X,))],
    "SegmentEmbedding": [({"input_dim": 3, "output_dim": 8, "embeddings_initializer": "he_normal"}, (SEGMENTS,))],
    "TokenEmbedding": [({"input_dim": 9, "output_dim": 8, "embeddings_initializer": "he_normal"}, (IDS,))],
}
CASES = [
    pytest.param(name, *example, id=f"{name}-{i}") for name in EXAMPLES for i, example in enumerate(EXAMPLES[name])
]


def test_every_layer_is_exported_and_has_an_example():
    assert set(EXAMPLES) == PUBLIC
    assert set(layers.__all__) >= PUBLIC


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_give_every_argument(name):
    """An argument that no example sets would not be noticed if `get_config` lost it."""
    given = {argument for arguments, _ in EXAMPLES[name] for argument in arguments}
    own_init = vars(getattr(layers, name)).get("__init__")  # not that of a Keras layer that it extends
    parameters = inspect.signature(own_init).parameters if own_init else {}
    own = {key for key, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD} - {"self"}
    assert own <= given


@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_round_trip(name, arguments, inputs, dtype):
    """The copy has the same config and, given the same weights, the same outputs and the same promised shapes."""
    layer = getattr(layers, name)(**arguments, dtype=keras.dtype_policies.get(dtype), name="some_name")
    outputs = layer(*inputs)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(layer))))
    assert type(copy) is type(layer)
    assert copy.name == "some_name"
    assert copy.dtype_policy == layer.dtype_policy
    assert json.dumps(copy.get_config()) == json.dumps(layer.get_config())
    for argument, value in arguments.items():
        given = layer.get_config()[argument]
        assert given == value or not isinstance(value, (bool, int, float))
    copy(*inputs)
    assert [weight.path for weight in copy.weights] == [weight.path for weight in layer.weights]
    copy.set_weights(layer.get_weights())
    for a, b in zip(arrays(outputs), arrays(copy(*inputs)), strict=True):
        np.testing.assert_array_equal(a, b)
    promised = layer.compute_output_shape(*[x.shape for x in inputs])
    promised = promised if isinstance(promised[0], tuple) else [promised]
    assert [tuple(shape) for shape in promised] == [x.shape for x in arrays(outputs)]


@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_symbolic_call(name, arguments, inputs, dtype):
    """Shapes and types that a layer promises while a model is built are those that it gives."""
    symbols = [keras.KerasTensor(symbolic_shape(x), x.dtype) for x in inputs]
    promised = as_list(getattr(layers, name)(**arguments, dtype=dtype)(*symbols))
    given = as_list(getattr(layers, name)(**arguments, dtype=dtype)(*inputs))
    for a, b in zip(promised, given, strict=True):
        assert a.dtype == keras.backend.standardize_dtype(b.dtype)
        assert len(a.shape) == len(b.shape)
        assert all(i in (None, j) for i, j in zip(a.shape, b.shape, strict=True))
        assert a.shape[0] in (None, 1)


def symbolic_shape(x):
    """Batch and length are unknown; the channels of hidden states and of a condition are known."""
    return (None, *x.shape[1:]) if x is C else (None, None, *x.shape[2:])


def as_list(outputs):
    return outputs if isinstance(outputs, (list, tuple)) else [outputs]


def arrays(outputs):
    return [ops.convert_to_numpy(ops.cast(x, "float32")) for x in as_list(outputs)]
