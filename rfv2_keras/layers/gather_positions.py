"""Picks the hidden states of a few positions."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rfv2_keras")
class GatherPositions(keras.layers.Layer):
    """y[b, j] = x[b, positions[b, j]]: what belongs to the positions that the MLM head projects on the vocabulary.

    About 15 % of the positions are masked, and the projection is the largest product of a small model, so leaving the
    other 85 % out is worth a lot. The number of positions per row is fixed; unused places point at position 0 and carry
    no target.

    Call arguments:
        inputs: (batch, length, ...), of any type.
        positions: (batch, targets) whole numbers below `length`.

    Returns:
        (batch, targets, ...).
    """

    def call(self, inputs, positions):
        batch, length, *rest = ops.shape(inputs)
        starts = ops.expand_dims(ops.arange(batch), 1) * length  # first row of each sequence, (batch, 1)
        rows = ops.reshape(ops.cast(positions, "int32") + ops.cast(starts, "int32"), (-1,))
        picked = ops.take(ops.reshape(inputs, (-1, *rest)), rows, axis=0)
        return ops.reshape(picked, (-1, ops.shape(positions)[1], *rest))

    def compute_mask(self, inputs, mask=None, positions=None):
        return None

    def compute_output_shape(self, inputs_shape, positions_shape):
        return (*positions_shape, *inputs_shape[2:])

    def compute_output_spec(self, inputs, positions):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape, positions.shape), dtype=inputs.dtype)

    def get_config(self):  # the one that Keras makes by itself does not take a dtype policy
        return super().get_config()
