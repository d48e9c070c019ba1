"""Which layer breaks first."""

import keras
import numpy as np


def first_non_finite_layer(model, batch):
    """The name of the first layer, in graph order, whose weights or output are not finite for a batch.

    Args:
        model: functional Keras model.
        batch: dict that holds the model's inputs by name.

    Returns:
        A phrase such as `the output of Transformer-3-FeedForward`, or None if the forward pass is finite (then the
        gradient overflowed).
    """
    for layer in model.layers:
        for weight in layer.weights:
            if not np.all(np.isfinite(keras.ops.convert_to_numpy(weight))):
                return f"the weight {weight.path}"
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    probe = keras.Model(model.inputs, [layer.output for layer in layers])
    outputs = probe([batch[tensor.name] for tensor in model.inputs], training=True)
    for layer, output in zip(layers, outputs, strict=True):
        for tensor in output if isinstance(output, (list, tuple)) else [output]:
            values = keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))
            if not np.all(np.isfinite(values)):
                return f"the output of {layer.name}"
    return None
