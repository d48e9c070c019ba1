"""`bert4keras.backend`: Keras 3, the functions K, and the losses that live there."""

import keras

from rfv2_keras.compat import functions as K
from rfv2_keras.compat.absent import absent_names
from rfv2_keras.compat.graph import search_layer
from rfv2_keras.compat.losses import multilabel_categorical_crossentropy, sparse_multilabel_categorical_crossentropy
from rfv2_keras.errors import UserError

__all__ = [
    "K",
    "keras",
    "multilabel_categorical_crossentropy",
    "search_layer",
    "set_gelu",
    "sparse_multilabel_categorical_crossentropy",
]

__getattr__ = absent_names(
    __name__,
    {
        "tf": "import tensorflow as tf",
        "is_tf_keras": "there is one Keras only, leave the distinction out",
        "recompute_grad": "set gradient_checkpointing=True in build_transformer_model, or use keras.remat",
        "get_available_gpus": 'use keras.distribution.list_devices("gpu")',
    },
)


def set_gelu(version):
    """There is no global GELU: "erf", the default on both sides, changes nothing.

    Raises:
        UserError: any other version; a model gets it by an argument.
    """
    if version != "erf":
        raise UserError(
            f"set_gelu must be 'erf', received {version!r}; for the tanh approximation give "
            "build_transformer_model hidden_act='gelu_tanh'."
        )
