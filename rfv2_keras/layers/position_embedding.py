"""Learned absolute positions, as in BERT."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rfv2_keras")
class PositionEmbedding(keras.layers.Layer):
    """y_t = x_t + E[t] with a learned table E of `max_positions` rows.

    Args:
        max_positions: number of rows; longer inputs are an error.
        initializer: of the table.

    Call arguments:
        inputs: (batch, length, size).
        positions: (batch, length) whole numbers to use instead of 0, 1, 2, …; optional.

    Raises:
        ValueError: the length of the input is known to exceed `max_positions`.

    Source: arXiv 1810.04805.
    """

    def __init__(self, max_positions, initializer="truncated_normal", **kwargs):
        super().__init__(**kwargs)
        self.max_positions = max_positions
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True

    def build(self, inputs_shape, positions_shape=None):
        self.embeddings = self.add_weight(
            name="embeddings", shape=(self.max_positions, inputs_shape[-1]), initializer=self.initializer
        )

    def call(self, inputs, positions=None):
        table = ops.cast(self.embeddings, self.compute_dtype)
        if positions is not None:
            return inputs + ops.take(table, ops.cast(positions, "int32"), axis=0)
        length = inputs.shape[1]
        if length is not None and length > self.max_positions:
            raise ValueError(
                f"{self.name} has {self.max_positions} positions (max_position_embeddings). Received: length {length}"
            )
        return inputs + table[: ops.shape(inputs)[1]]

    def compute_output_shape(self, inputs_shape, positions_shape=None):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "max_positions": self.max_positions,
            "initializer": keras.initializers.serialize(self.initializer),
        }
