"""The golden layer cases, and differentiation on whatever backend Keras runs on."""

import json

import keras
import numpy as np
import pytest
from keras import ops


@pytest.fixture(scope="session")
def golden_layer(golden):
    """A function: name of a layer case -> (its entry in cases.json, its arrays)."""
    entries = json.loads((golden / "layers" / "cases.json").read_text())

    def read(name):
        return entries[name], dict(np.load(golden / "layers" / f"{name}.npz"))

    return read


@pytest.fixture(scope="session")
def input_gradient():
    """A function: (function of a tensor that gives a scalar, array) -> gradient, numpy."""

    def gradient(function, x):
        x = ops.convert_to_tensor(x)
        if keras.backend.backend() == "jax":
            import jax

            result = jax.grad(function)(x)
        elif keras.backend.backend() == "torch":
            import torch

            x = x.clone().requires_grad_()
            (result,) = torch.autograd.grad(function(x), x)
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(x)
                value = function(x)
            result = tape.gradient(value, x)
        return ops.convert_to_numpy(result)

    return gradient
