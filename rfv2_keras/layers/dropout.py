"""Dropout, drawn from 16 random bits for each element on processors, where Keras takes 32 and three times as long."""

import functools
import math

import keras

from rfv2_keras.layers.cpu_graph import has_only_cpus, is_graph_of_known_shape

LEVELS = 2**16  # of a draw


def dropout(x, rate, seed):
    """x · B / (1 − rate) with B = 0 for a share `rate` of the elements, drawn at random, and 1 for the others.

    Args:
        x: float tensor.
        rate: 0 < rate < 1. On processors it is rounded to a multiple of 2⁻¹⁶ (and never to 0 or 1).
        seed: a `keras.random.SeedGenerator`.
    """
    if not has_only_cpus():
        return keras.random.dropout(x, rate, seed=seed)
    return x * draw_kept(x, rate, seed, 1.0 / kept_share(rate))


def kept_share(rate):
    """The share of the elements that `draw_kept` keeps."""
    return 1.0 - _dropped_levels(rate) / LEVELS


def draw_kept(x, rate, seed, value=1.0):
    """A tensor like x that is `value` where an element is kept and 0 elsewhere; TensorFlow on processors only."""
    draw = _compiled_draw() if is_graph_of_known_shape(x) else _draw
    import tensorflow as tf

    shape = tuple(x.shape) if x.shape.is_fully_defined() else tf.shape(x)
    return draw(shape, _dropped_levels(rate), seed.next(), value, x.dtype)


def _draw(shape, dropped_levels, seed, value, dtype, algorithm="philox"):
    import tensorflow as tf

    count = math.prod(shape) if isinstance(shape, tuple) else tf.reduce_prod(shape)
    words = tf.random.stateless_uniform(
        [(count + 3) // 4], tf.cast(seed, "int64"), minval=None, maxval=None, dtype="uint64", alg=algorithm
    )
    levels = tf.reshape(tf.reshape(tf.bitcast(words, "uint16"), [-1])[:count], shape)
    return tf.where(levels < dropped_levels, tf.cast(0.0, dtype), tf.cast(value, dtype))


@functools.cache  # one function for all layers, compiled once per shape
def _compiled_draw():
    """All of it in one pass over memory, by XLA, which is at its fastest with another random number generator."""
    import tensorflow as tf

    return tf.function(functools.partial(_draw, algorithm="threefry"), jit_compile=True)


def _dropped_levels(rate):
    return min(max(round(rate * LEVELS), 1), LEVELS - 1)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` by `dropout`.

    Args:
        rate: share of the elements that are dropped in training, 0 ≤ rate < 1; the others are divided by 1 − rate.
        **kwargs: further arguments of `keras.layers.Dropout`; with a `noise_shape` it is Keras's.

    Source: https://jmlr.org/papers/v15/srivastava14a.html.
    """

    def call(self, inputs, training=False):
        if training and self.rate and self.noise_shape is None:
            return dropout(inputs, self.rate, self.seed_generator)
        return super().call(inputs, training)
