"""The golden layer cases, and differentiation on whatever backend Keras runs on."""

import json

import keras
import numpy as np
import pytest
from keras import ops


@pytest.fixture(scope="session")
def golden_layer(root):
    """A function: name of a layer case -> (its entry in cases.json, its arrays)."""
    beside, here = root.parent / "shared" / "golden" / "layers", root / "tests" / "golden" / "layers"
    folder = beside if beside.is_dir() else here
    entries = json.loads((folder / "cases.json").read_text())

    def read(name):
        return entries[name], dict(np.load(folder / f"{name}.npz"))

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
