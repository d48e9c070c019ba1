"""Layers around an encoder that reads one row for each choice."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rfv2_keras")
class ChoiceRows(keras.layers.Layer):
    """Puts the choices of all examples below each other: (batch, choices, length) to (batch · choices, length)."""

    def call(self, inputs):
        return ops.reshape(inputs, (-1, ops.shape(inputs)[2]))

    def compute_output_spec(self, inputs):
        # Layers are taken to give floats; these are token ids.
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def compute_output_shape(self, input_shape):
        batch, choices, length = input_shape
        return (None if batch is None or choices is None else batch * choices, length)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class ChoiceLogits(keras.layers.Layer):
    """Puts the scores of rows side by side again, as float32 logits over the choices of an example.

        logits[b, c] = scores[b · choices + c], or -inf where row c of example b is nothing but padding

    A choice with -inf has probability 0 and no gradient. Where all rows are padding, the scores stay as they are, so
    that a softmax over them is a number.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, scores, token_ids):
        # scores: (batch · choices, 1), token_ids: (batch, choices, length)
        given = ops.any(token_ids != 0, axis=-1)
        logits = ops.reshape(ops.cast(scores, "float32"), ops.shape(given))
        none_given = ops.logical_not(ops.any(given, axis=-1, keepdims=True))
        return ops.where(ops.logical_or(given, none_given), logits, -float("inf"))

    def compute_output_spec(self, scores, token_ids):
        return keras.KerasTensor(self.compute_output_shape(scores.shape, token_ids.shape), dtype="float32")

    def compute_output_shape(self, scores_shape, token_ids_shape):
        return tuple(token_ids_shape[:2])
