"""Rotary position embedding (RoPE)."""

import keras
import numpy as np
from keras import ops

from rfv2_keras.layers.cpu_graph import is_bfloat16_on_cpus, unless_compiled


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
        tables = ops.cast(ops.cos(angles), self.compute_dtype), ops.cast(ops.sin(angles), self.compute_dtype)
        if self._gives_whole_batch:
            batch = (ops.shape(inputs)[0], *ops.shape(angles)[1:])
            tables = tuple(ops.broadcast_to(table, batch) for table in tables)
        return tables

    @property
    def _gives_whole_batch(self):
        """Whether tables are as large as what is multiplied with them; see `_rotate_on_cpus`."""
        return is_bfloat16_on_cpus(self.compute_dtype)

    def compute_mask(self, inputs, mask=None, positions=None):
        return None  # a table of positions has no padding

    def compute_output_shape(self, inputs_shape, positions_shape=None):
        leading = tuple(positions_shape or (inputs_shape[0] if self._gives_whole_batch else 1, inputs_shape[1]))
        return (*leading, self.size), (*leading, self.size)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "base": self.base}


def apply_rotary(x, rotary, scale=1.0):
    """Rotate the channel pairs of x by the angles of its positions and multiply it: scale · (x · cos + (x P) · sin).

    P is the constant signed permutation with (x P)_{2i} = −x_{2i+1} and (x P)_{2i+1} = x_{2i}. The small product is
    cheaper, forward and backward, than the strided slices that would give the same.

    In bfloat16 on processors a pair is a complex number of float32, and one product does it all.

    Args:
        x: (batch, length, size) or (batch, length, heads, size).
        rotary: the pair (cos, sin) of `RotaryEmbedding`, each (1 or batch, length, size).
        scale: a number.

    Returns:
        A tensor like x.
    """
    cos, sin = rotary
    if len(x.shape) == 4:
        cos, sin = ops.expand_dims(cos, 2), ops.expand_dims(sin, 2)
    if is_bfloat16_on_cpus(x.dtype):
        return _rotate_on_cpus(x, cos, sin, scale)
    return _rotate(x, cos * scale, sin * scale)


def place_and_scale(query, key, rotary, scale, query_rotary=None):
    """Queries and keys, rotated by `rotary` unless it is None, whose scores are multiplied by `scale`.

    Queries at other positions than the keys have tables of their own, `query_rotary`.

    Where they are rotated, either takes the root of `scale`, so that both are multiplied by one table. Where they are
    not, the queries take it, which are smaller than the scores.
    """
    if rotary is not None:
        query_rotary = rotary if query_rotary is None else query_rotary
        return apply_rotary(query, query_rotary, scale**0.5), apply_rotary(key, rotary, scale**0.5)
    return (query if scale == 1.0 else query * scale), key


def _rotate(x, cos, sin):
    """x · cos + (x P) · sin."""
    size = x.shape[-1]
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


def _rotate_on_cpus(x, cos, sin, scale):
    """scale · (a + b i) (cos + i sin) for every pair (a, b); XLA, which has no such view of pairs, does it by P.

    The gradient is multiplied by the conjugate, so that nothing is kept but the table. TensorFlow makes the table once
    for all layers, as it is the same computation from the same tensors in each of them; a smaller one, to be broadcast,
    would make the product up to five times as dear.
    """
    import tensorflow as tf

    cos, sin = scale * tf.cast(cos, "float32"), scale * tf.cast(sin, "float32")
    table = _table_of_pairs(cos, sin, x.shape[2] if len(x.shape) == 4 else None)

    def multiply(x, table):
        shape = tf.shape(x)
        pairs = tf.reshape(tf.cast(x, "float32"), tf.concat([shape[:-1], [x.shape[-1] // 2, 2]], axis=0))
        product = tf.bitcast(pairs, "complex64") * tf.bitcast(table, "complex64")
        product = tf.cast(tf.reshape(tf.bitcast(product, "float32"), shape), x.dtype)
        return tf.stop_gradient(product)  # a persistent tape looks for gradients in here; `bitcast` has none

    @tf.custom_gradient
    def rotate(x):
        def gradient(upstream):
            conjugate = table * tf.constant([1.0, -1.0])
            return unless_compiled(lambda: multiply(upstream, conjugate), lambda: _rotate(upstream, cos, -sin))

        return unless_compiled(lambda: multiply(x, table), lambda: _rotate(x, cos, sin)), gradient

    return rotate(x)


def _table_of_pairs(cos, sin, heads):
    """(cos, sin) of every pair of channels, (1 or batch, length, [heads,] size / 2, 2)."""
    import tensorflow as tf

    is_even = np.arange(cos.shape[-1]) % 2 == 0  # cos and sin have every value twice
    table = tf.where(is_even, cos, sin)
    table = tf.reshape(table, tf.concat([tf.shape(table)[:-1], [table.shape[-1] // 2, 2]], axis=0))
    if heads is not None:  # eight bytes are copied in half the time that a complex number takes
        table = tf.bitcast(tf.repeat(tf.bitcast(table, "float64"), heads, axis=2), "float32")
    return table
