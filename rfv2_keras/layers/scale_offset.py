"""Per-channel scale and offset."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rfv2_keras")
class ScaleOffset(keras.layers.Layer):
    """y = x · γ + β with one γ and one β per channel.

    GAU makes its queries and keys from one projection with two of these; the MLM head of BERT uses the offset alone.

    Args:
        scale: whether there is a γ (initialised to ones).
        offset: whether there is a β (initialised to zeros).

    Source: arXiv 2202.10447.
    """

    def __init__(self, scale=True, offset=True, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def build(self, input_shape):
        # β before γ: the order of weights in checkpoints of the reference.
        self.beta = self._channel_weight("beta", input_shape, "zeros") if self.offset else None
        self.gamma = self._channel_weight("gamma", input_shape, "ones") if self.scale else None

    def _channel_weight(self, name, input_shape, initializer):
        return self.add_weight(name=name, shape=(input_shape[-1],), initializer=initializer)

    def call(self, inputs):
        outputs = inputs
        if self.gamma is not None:
            outputs = outputs * ops.cast(self.gamma, inputs.dtype)
        if self.beta is not None:
            outputs = outputs + ops.cast(self.beta, inputs.dtype)
        return outputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}
