"""Norm, softmax and swish that round to 16 bits have gradients of their own: those of float32, up to rounding."""

import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.layers import RMSNorm
from rfv2_keras.layers.activations import get_activation
from rfv2_keras.layers.attention_weights import attention_weights

FUNCTIONS = {
    "norm": lambda x, dtype: RMSNorm(dtype=dtype)(x),
    "softmax": lambda x, dtype: attention_weights(x, "softmax", dtype=dtype),
    "softmax_plus": lambda x, dtype: attention_weights(x, "softmax_plus", length=100, dtype=dtype),
}


def value_and_gradient(function, x, upstream, dtype, jit):
    @tf.function(jit_compile=jit)
    def compute():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x, dtype)
            total = tf.reduce_sum(tf.cast(y, "float32") * upstream)
        return y, tape.gradient(total, x)

    y, gradient = compute()
    assert y.dtype == dtype
    return tf.cast(y, "float32").numpy(), gradient.numpy()


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("dtype", "precision"), [("bfloat16", 2.0**-8), ("float16", 2.0**-11)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_is_that_of_float32(name, dtype, precision, jit):
    """Within a few roundings of the largest element of its row; a wrong formula is off by its whole size."""
    x = tf.random.stateless_normal((5, 7, 64), (1, 2))
    upstream = tf.cast(tf.cast(tf.random.stateless_normal((5, 7, 64), (3, 4)), dtype), "float32")
    exact, exact_gradient = value_and_gradient(FUNCTIONS[name], x, upstream, "float32", jit)
    rounded, gradient = value_and_gradient(FUNCTIONS[name], x, upstream, dtype, jit)
    np.testing.assert_allclose(rounded, exact, rtol=precision, atol=1e-7)
    size = np.abs(exact_gradient).max(axis=-1, keepdims=True)
    assert (np.abs(gradient - exact_gradient) / size).max() < 4 * precision


def test_norm_of_zeros_has_a_finite_gradient():
    x, upstream = tf.zeros((1, 2, 8)), tf.ones((1, 2, 8))
    for dtype in ("float32", "bfloat16"):
        y, gradient = value_and_gradient(FUNCTIONS["norm"], x, upstream, dtype, False)
        assert not y.any()
        np.testing.assert_allclose(gradient, 1e7**0.5, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_gradient_of_swish_is_rounded_once(dtype, run_tensorflow):
    """However it is compiled; autodiff in bfloat16 is wrong by up to 8 %."""
    precision = {"float32": 2.0**-20, "bfloat16": 2.0**-8, "float16": 2.0**-10}[dtype]
    x = tf.cast(tf.concat([tf.linspace(-20.0, 20.0, 999), [0.0, 1e-30, -1e-4]], axis=0), dtype)
    upstream = tf.cast(tf.random.stateless_normal(x.shape, (1, 2)), dtype)

    def compute(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = get_activation("swish")(x)
        return y, tape.gradient(y, x, output_gradients=upstream)

    y, gradient = (tf.cast(value, "float64").numpy() for value in run_tensorflow(compute, x, upstream))
    x, upstream = tf.cast(x, "float64"), tf.cast(upstream, "float64")
    s = tf.sigmoid(x)
    np.testing.assert_allclose(y, x * s, rtol=4 * precision, atol=2e-4)
    np.testing.assert_allclose(gradient, upstream * s * (1.0 + x * (1.0 - s)), rtol=precision, atol=1e-6)
