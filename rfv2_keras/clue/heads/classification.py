"""Layers that turn hidden states into what a task asks for."""

from typing import Literal

import keras
from keras import ops

Pooling = Literal["first", "mean", "max"]


@keras.saving.register_keras_serializable(package="rfv2_keras")
class ClassificationHead(keras.layers.Layer):
    """Pooling, dropout and a dense layer, in float32.

        logits = W pool(h) + b,   pool(h) = h[0], or mean or maximum of h over tokens that are no padding

    Args:
        units: number of logits.
        pooling: `"first"`, `"mean"` or `"max"`.
        dropout: rate on the pooled vector.
        kernel_initializer: of W; the CLUE scripts take that of the encoder.
    """

    def __init__(self, units, pooling="first", dropout=0.0, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.supports_masking = True
        self.units = units
        self.pooling = pooling
        self.dropout = keras.layers.Dropout(dropout, dtype="float32", name="dropout")
        self.dense = keras.layers.Dense(units, kernel_initializer=kernel_initializer, dtype="float32", name="dense")

    def build(self, input_shape):
        self.dense.build((None, input_shape[-1]))

    def call(self, inputs, mask=None, training=None):
        # inputs: (batch, length, hidden), mask: (batch, length)
        return self.dense(self.dropout(self._pool(inputs, mask), training=training))

    def compute_mask(self, inputs, previous_mask):
        return None  # else Keras would apply the mask of tokens to the loss of rows

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "pooling": self.pooling,
            "dropout": self.dropout.rate,
            "kernel_initializer": keras.initializers.serialize(self.dense.kernel_initializer),
        }

    def _pool(self, hidden, mask):
        if self.pooling == "first":
            return hidden[:, 0]
        valid = ops.ones_like(hidden[:, :, :1]) if mask is None else ops.expand_dims(ops.cast(mask, hidden.dtype), -1)
        if self.pooling == "mean":
            return ops.sum(hidden * valid, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0)
        return ops.max(ops.where(valid > 0, hidden, -1e9), axis=1)
