"""Rotary position embedding (RoPE)."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="rfv2_keras")
class RotaryEmbedding(keras.layers.Layer):
    """The tables cos(t·θ_i) and sin(t·θ_i), θ_i = base^(−2i/size), that rotate queries and keys by their position t.

    Channels 2i and 2i+1 form pair i, so every θ_i stands twice in a row of the tables. Positions and tables are
    computed in float32 under every dtype policy and cast once at the end: bfloat16 has only 385 different values among
    the whole numbers 0 … 511.

    Args:
        size: channels of one head's queries and keys; even.
        base: 10000 in RoFormer.

    Call arguments:
        inputs: (batch, length, …); only its length is used.
        positions: (batch, length) positions to use instead of 0, 1, 2, …; may be fractional or negative.

    Returns:
        The pair (cos, sin), each (1 or batch, length, size), for `apply_rotary`.

    Raises:
        ValueError: `size` is not a positive even number.

    Source: arXiv 2104.09864; https://spaces.ac.cn/archives/8265.
    """

    def __init__(self, size, base=10000.0, **kwargs):
        # autocast would round fractional or large positions to 16 bits before they arrive in `call`.
        super().__init__(autocast=False, **kwargs)
        if size <= 0 or size % 2:
            raise ValueError(f"size of RotaryEmbedding must be a positive even number. Received: size={size}")
        self.size = size
        self.base = base

    def call(self, inputs, positions=None):
        if positions is None:
            positions = ops.expand_dims(ops.arange(ops.shape(inputs)[1]), 0)  # (1, length)
        pairs = np.arange(self.size) // 2
        theta = np.power(float(self.base), -2.0 * pairs / self.size).astype("float32")  # (size,)
        angles = ops.expand_dims(ops.cast(positions, "float32"), -1) * theta  # (1 or batch, length, size)
        return ops.cast(ops.cos(angles), self.compute_dtype), ops.cast(ops.sin(angles), self.compute_dtype)

    def compute_mask(self, inputs, mask=None, positions=None):
        return None  # a table of positions has no padding

    def compute_output_shape(self, inputs_shape, positions_shape=None):
        leading = (1, inputs_shape[1]) if positions_shape is None else tuple(positions_shape)
        return (*leading, self.size), (*leading, self.size)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "base": self.base}


def apply_rotary(x, rotary):
    """Rotate the channel pairs of x by the angles of its positions: x · cos + (x P) · sin.

    P is the constant signed permutation with (x P)_{2i} = −x_{2i+1} and (x P)_{2i+1} = x_{2i}. The small product is
    cheaper, forward and backward, than the strided slices that would give the same.

    Args:
        x: (batch, length, size) or (batch, length, heads, size).
        rotary: the pair (cos, sin) of `RotaryEmbedding`, each (1 or batch, length, size).

    Returns:
        A tensor like x.
    """
    cos, sin = rotary
    size = x.shape[-1]
    if len(x.shape) == 4:
        cos, sin = ops.expand_dims(cos, 2), ops.expand_dims(sin, 2)
    rows = ops.reshape(x, (-1, size))  # one plain matrix product instead of a batched one
    turned = ops.reshape(ops.matmul(rows, _quarter_turn(size, x.dtype)), ops.shape(x))
    return x * ops.cast(cos, x.dtype) + turned * ops.cast(sin, x.dtype)


def _quarter_turn(size, dtype):
    """P: every pair (a, b) becomes (−b, a)."""
    matrix = np.zeros((size, size), "float32")
    even = np.arange(0, size, 2)
    matrix[even + 1, even] = -1.0
    matrix[even, even + 1] = 1.0
    return ops.cast(matrix, dtype)
