"""Names, shapes and types of what goes into an exported model and comes out of it."""

import tensorflow as tf


def input_specs(model):
    """A `tf.TensorSpec` for each input, in its order; every axis may have any size.

    The names are those of the inputs with `_` for `-`, which signatures of TensorFlow cannot hold: `Input_Token`.
    """
    return [
        tf.TensorSpec([None] * len(tensor.shape), tensor.dtype, name=tensor.name.replace("-", "_"))
        for tensor in model.inputs
    ]


def output_name(model):
    """The name of the one output."""
    (name,) = model.output
    return name


def serving_function(model):
    """A `tf.function` of the inputs that gives a dict with the output."""
    return tf.function(
        lambda *inputs: model(list(inputs), training=False), input_signature=input_specs(model), autograph=False
    )


def described(model):
    """Inputs and outputs as JSON values; null stands for any size."""
    return {
        "inputs": [
            {"name": spec.name, "dtype": spec.dtype.name, "shape": spec.shape.as_list()} for spec in input_specs(model)
        ],
        "outputs": [
            {"name": name, "dtype": tensor.dtype, "shape": list(tensor.shape)} for name, tensor in model.output.items()
        ],
    }
