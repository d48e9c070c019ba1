"""Activations by the names that BERT-like configs use."""

import functools

import keras
from keras import ops

from rfv2_keras.layers.cpu_graph import has_only_cpus, is_graph_of_known_shape
from rfv2_keras.layers.custom_gradient import custom_gradient

# "gelu" of bert4keras, BERT and Hugging Face is the exact form with the error function; the names below spell it out.
_ALIASES = {"gelu_erf": "gelu", "gelu_python": "gelu", "linear": "linear"}


@keras.saving.register_keras_serializable(package="rfv2_keras")
def gelu_tanh(x):
    """GELU by its tanh approximation, x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (arXiv 1606.08415)."""
    return keras.activations.gelu(x, approximate=True)


@keras.saving.register_keras_serializable(package="rfv2_keras")
def swish(x):
    """x σ(x), with its gradient g σ(x) (1 + x (1 − σ(x))) in float32, for which x alone is kept (arXiv 1710.05941).

    TensorFlow's gradient of it takes σ in bfloat16, element after element, three times as long.
    """

    @custom_gradient
    def compute(x):
        def gradient(upstream):
            compiles = has_only_cpus() and is_graph_of_known_shape(x)
            return (_compiled_swish_gradient() if compiles else _swish_gradient)(x, upstream)

        return x * ops.sigmoid(x), gradient

    return compute(x)


def _swish_gradient(x, upstream):
    x, g = ops.cast(x, "float32"), ops.cast(upstream, "float32")
    s = ops.sigmoid(x)
    return ops.cast(g * (s * (1.0 + x * (1.0 - s))), upstream.dtype)


@functools.cache  # one function for all layers, compiled once per shape
def _compiled_swish_gradient():
    """All its steps in one pass over memory, by XLA."""
    import tensorflow as tf

    return tf.function(_swish_gradient, jit_compile=True)


def get_activation(name):
    """Return the activation function for a name of a config, a Keras identifier or a callable.

    Args:
        name: `"relu"`, `"gelu"` or `"gelu_erf"` (exact), `"gelu_tanh"` or `"gelu_new"` (approximate), `"swish"` or
            `"silu"`, any other Keras name, a callable, or None (the identity).

    Raises:
        ValueError: Keras does not know the name.
    """
    if name in ("gelu_tanh", "gelu_new"):
        return gelu_tanh
    if name in ("swish", "silu"):
        return swish
    if isinstance(name, str):
        name = _ALIASES.get(name, name)
    return keras.activations.get(name)
