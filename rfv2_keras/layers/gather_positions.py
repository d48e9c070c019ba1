"""Picks the hidden states of a few positions."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rfv2_keras")
class GatherPositions(keras.layers.Layer):
    """y[b, j] = x[b, positions[b, j]]: the states that the MLM head projects on the vocabulary.

    About 15 % of the positions are masked, and the projection is the largest product of a small model, so leaving the
    other 85 % out is worth a lot. The number of positions per row is fixed; unused places point at position 0 and carry
    no target.

    Call arguments:
        inputs: (batch, length, size).
        positions: (batch, targets) whole numbers below `length`.

    Returns:
        (batch, targets, size).
    """

    def call(self, inputs, positions):
        batch, length = ops.shape(inputs)[0], ops.shape(inputs)[1]
        size, targets = inputs.shape[-1], ops.shape(positions)[1]
        starts = ops.expand_dims(ops.arange(batch), 1) * length  # first row of each sequence, (batch, 1)
        rows = ops.reshape(ops.cast(positions, "int32") + ops.cast(starts, "int32"), (-1,))
        picked = ops.take(ops.reshape(inputs, (-1, size)), rows, axis=0)
        return ops.reshape(picked, (-1, targets, size))

    def compute_mask(self, inputs, mask=None, positions=None):
        return None

    def compute_output_shape(self, inputs_shape, positions_shape):
        return (*positions_shape, inputs_shape[-1])

    def get_config(self):  # the one that Keras makes by itself does not take a dtype policy
        return super().get_config()
