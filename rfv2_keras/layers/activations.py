"""Activations by the names that BERT-like configs use."""

import keras

# "gelu" of bert4keras, BERT and Hugging Face is the exact form with the error function; the names below spell it out.
_ALIASES = {"gelu_erf": "gelu", "gelu_python": "gelu", "silu": "swish", "linear": "linear"}


@keras.saving.register_keras_serializable(package="rfv2_keras")
def gelu_tanh(x):
    """GELU by its tanh approximation, x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (arXiv 1606.08415)."""
    return keras.activations.gelu(x, approximate=True)


def get_activation(name):
    """Return the activation function for a name of a config, a Keras identifier or a callable.

    Args:
        name: `"relu"`, `"gelu"` or `"gelu_erf"` (exact), `"gelu_tanh"` or `"gelu_new"` (approximate), `"swish"`, any
            other Keras name, a callable, or None (the identity).

    Raises:
        ValueError: Keras does not know the name.
    """
    if name in ("gelu_tanh", "gelu_new"):
        return gelu_tanh
    if isinstance(name, str):
        name = _ALIASES.get(name, name)
    return keras.activations.get(name)
