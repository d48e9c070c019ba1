"""RMSNorm without gamma, the normalisation of RoFormerV2 and GAU-α."""

import keras
from keras import ops

from rfv2_keras.layers.custom_gradient import custom_gradient


def rms_normalize(x, epsilon, dtype="float32"):
    """x / sqrt(mean(x²) + ε) over the last axis, computed in float32 and then rounded to `dtype`.

    With y = r x the gradient is r (g − y mean(g y)). For a 16-bit type it is computed from the rounded y, which the
    next layer keeps as well, so that no float32 tensor has to be kept.
    """
    x = ops.cast(x, "float32")
    if keras.backend.standardize_dtype(dtype) == "float32":
        return x * _inverse_size(x, epsilon)

    @custom_gradient
    def compute(x):
        r = _inverse_size(x, epsilon)
        y = ops.cast(x * r, dtype)

        def gradient(upstream):
            g = ops.cast(upstream, "float32")
            rounded = ops.cast(y, "float32")
            return r * (g - rounded * ops.mean(g * rounded, axis=-1, keepdims=True))

        return y, gradient

    return compute(x)


def _inverse_size(x, epsilon):
    return ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + epsilon)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class RMSNorm(keras.layers.Layer):
    """y = x / sqrt(mean(x²) + ε) over the last axis: no centring, no gamma, no beta, hence no weights.

    The mean is taken in float32 under every dtype policy (in float16 x² overflows from |x| ≈ 256 on). An all-zero row
    gives zeros.

    Args:
        epsilon: ε, 1e-7 in the reference (JunnYu's PyTorch port uses 1e-12).

    Source: https://spaces.ac.cn/archives/8998; arXiv 1910.07467 for RMSNorm.
    """

    def __init__(self, epsilon=1e-7, **kwargs):
        super().__init__(autocast=False, **kwargs)  # inputs are cast to float32 in `call`, not to 16 bits before
        self.epsilon = epsilon
        self.supports_masking = True

    def call(self, inputs):
        return rms_normalize(inputs, self.epsilon, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
