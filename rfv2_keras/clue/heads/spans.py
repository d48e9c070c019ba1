"""Layers that turn hidden states into scores of spans."""

import keras
from keras import ops

from rfv2_keras.layers import ConditionalRandomField, GlobalPointer


@keras.saving.register_keras_serializable(package="rfv2_keras")
class AnswerPointer(keras.layers.Layer):
    """Logits over all spans of a passage and one for "no answer": a `GlobalPointer` with one head, flattened.

    The span from position i to position j of n has class i · n + j; class 0, the span of the first token, means that
    there is no answer. Logits of spans that do not count are -inf; class 0 always counts, so that a cross entropy has a
    value for every row. Computed in float32.

    Args:
        head_size: size of q and k.
        kernel_initializer: of the projection.

    Call arguments:
        inputs: (batch, length, size).
        mask: (batch, length), True where an answer may begin and end.

    Returns:
        (batch, length · length), float32.

    Source: https://spaces.ac.cn/archives/8373; `clue/cmrc2018.py` of ZhuiyiTechnology/roformer-v2.
    """

    def __init__(self, head_size, kernel_initializer="lecun_normal", **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.head_size = head_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True
        self.pointer = GlobalPointer(
            1, head_size, use_bias=False, kernel_initializer=self.kernel_initializer, dtype="float32", name="pointer"
        )

    def build(self, inputs_shape):
        self.pointer.build(inputs_shape)

    def call(self, inputs, mask):
        mask = ops.cast(mask, "bool")
        mask = ops.concatenate([ops.ones_like(mask[:, :1]), mask[:, 1:]], axis=1)
        scores = self.pointer(inputs, mask=mask)  # (batch, 1, first, last)
        return ops.reshape(scores, (-1, ops.shape(inputs)[1] * ops.shape(inputs)[1]))

    def compute_mask(self, inputs, mask=None):
        return None  # the mask is in the logits

    def compute_output_spec(self, inputs, mask=None):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def compute_output_shape(self, inputs_shape):
        batch, length, _ = inputs_shape
        return batch, None if length is None else length * length

    def get_config(self):
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "head_size": self.head_size, "kernel_initializer": initializer}


@keras.saving.register_keras_serializable(package="rfv2_keras")
class TaggingHead(keras.layers.Layer):
    """A dense layer and a `ConditionalRandomField`, in float32: scores of tags, -inf at padding.

    Args:
        units: number of tags.
        transition_rate: how many times faster than other weights transitions are learned by AdamW.
        kernel_initializer: of the dense layer.

    Call arguments:
        inputs: (batch, length, size).
        mask: (batch, length), True where there is a token.

    Returns:
        (batch, length, units), float32.
    """

    def __init__(self, units, transition_rate=1.0, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.units = units
        self.transition_rate = transition_rate
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True
        self.dense = keras.layers.Dense(
            units, kernel_initializer=self.kernel_initializer, dtype="float32", name="dense"
        )
        self.crf = ConditionalRandomField(units, transition_rate, dtype="float32", name="crf")

    def build(self, inputs_shape):
        self.dense.build(inputs_shape)
        self.crf.build((*inputs_shape[:-1], self.units))

    def call(self, inputs, mask=None):
        return self.crf(self.dense(inputs), mask=mask)

    def compute_mask(self, inputs, mask=None):
        return None  # the mask is in the scores

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "transition_rate": self.transition_rate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
