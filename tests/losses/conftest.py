"""What the tests of losses share: gradients on whichever Keras backend runs."""

import keras
import numpy as np
import pytest


@pytest.fixture(scope="session")
def gradient():
    """gradient(function, x): the gradient of the sum of function(x) in the type of x, as a numpy array."""
    return _GRADIENTS[keras.backend.backend()]


@pytest.fixture(scope="session")
def check_gradient(gradient):
    """check_gradient(function, x): the gradient in float64 equals central differences."""

    def check(function, x, step=1e-5, rtol=1e-5, atol=1e-7):
        x = np.asarray(x, "float64")
        if keras.backend.standardize_dtype(keras.ops.convert_to_tensor(x).dtype) != "float64":
            pytest.skip("this backend computes in float32 unless it is told otherwise (JAX_ENABLE_X64=1)")
        expected = np.zeros_like(x)
        for place in np.ndindex(*x.shape):
            shift = np.zeros_like(x)
            shift[place] = step
            after, before = (keras.ops.convert_to_numpy(keras.ops.sum(function(x + s))) for s in (shift, -shift))
            expected[place] = (after - before) / (2 * step)
        np.testing.assert_allclose(gradient(function, x), expected, rtol=rtol, atol=atol)

    return check


def _tensorflow_gradient(function, x):
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = keras.ops.sum(function(x))
    return tape.gradient(total, x).numpy()


def _jax_gradient(function, x):
    import jax

    return np.asarray(jax.grad(lambda x: keras.ops.sum(function(x)))(jax.numpy.asarray(x)))


def _torch_gradient(function, x):
    import torch

    x = torch.tensor(x, requires_grad=True)
    keras.ops.sum(function(x)).backward()
    return x.grad.numpy()


_GRADIENTS = {"tensorflow": _tensorflow_gradient, "jax": _jax_gradient, "torch": _torch_gradient}
