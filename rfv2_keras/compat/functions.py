"""K: those functions of Keras 2's `keras.backend` that scripts use in losses, metrics and Lambda layers.

They are `keras.ops` under the old names, with the old order and defaults of arguments. The names of Keras 2 hide
Python's own `abs`, `all`, `any`, `eval`, `max`, `min`, `pow`, `round` and `sum` in this module.
"""

# ruff: noqa: F401 - what is imported here is what the module offers.

import keras
from keras import ops
from keras.config import epsilon, floatx, set_epsilon, set_floatx
from keras.ops import (
    abs,
    arange,
    cast,
    cos,
    elu,
    equal,
    exp,
    expand_dims,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    log_sigmoid,
    log_softmax,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    not_equal,
    ones_like,
    relu,
    reshape,
    round,
    shape,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    sqrt,
    square,
    squeeze,
    stack,
    stop_gradient,
    tanh,
    tile,
    transpose,
    where,
    zeros_like,
)

from rfv2_keras.compat.absent import absent_names

__getattr__ = absent_names(
    "K",
    {
        "batch_dot": "use keras.ops.einsum",
        "clear_session": "use keras.utils.clear_session()",
        "function": "call keras.Model(inputs, outputs) instead",
        "get_session": "there are no sessions; models and tensors compute at once",
        "gradients": "use a tf.GradientTape in train_step of your keras.Model",
        "in_train_phase": "give call() of your layer an argument training=None",
        "learning_phase": "give call() of your layer an argument training=None",
        "rnn": "use keras.layers.RNN with a cell",
        "update": "use variable.assign(value)",
        "update_add": "use variable.assign_add(value)",
        "update_sub": "use variable.assign_sub(value)",
    },
)

# --- reductions ------------------------------------------------------------------------------------------------------


def sum(x, axis=None, keepdims=False):
    return ops.sum(x, axis, keepdims)


def prod(x, axis=None, keepdims=False):
    return ops.prod(x, axis, keepdims)


def mean(x, axis=None, keepdims=False):
    """The mean; of booleans, as in `K.mean(K.equal(a, b))`, the share of True."""
    return ops.mean(_as_number(x), axis, keepdims)


def std(x, axis=None, keepdims=False):
    return ops.std(x, axis, keepdims)


def var(x, axis=None, keepdims=False):
    return ops.var(x, axis, keepdims)


def max(x, axis=None, keepdims=False):
    return ops.max(x, axis, keepdims)


def min(x, axis=None, keepdims=False):
    return ops.min(x, axis, keepdims)


def any(x, axis=None, keepdims=False):
    return ops.any(x, axis, keepdims)


def all(x, axis=None, keepdims=False):
    return ops.all(x, axis, keepdims)


def logsumexp(x, axis=None, keepdims=False):
    return ops.logsumexp(x, axis, keepdims)


def cumsum(x, axis=0):
    return ops.cumsum(x, axis)


def argmax(x, axis=-1):
    return ops.argmax(x, axis)


def argmin(x, axis=-1):
    return ops.argmin(x, axis)


# --- shapes ----------------------------------------------------------------------------------------------------------


def ndim(x):
    return len(x.shape)


def int_shape(x):
    return tuple(x.shape)


def dtype(x):
    return keras.backend.standardize_dtype(x.dtype)


def concatenate(tensors, axis=-1):
    return ops.concatenate(tensors, axis)


def permute_dimensions(x, pattern):
    return ops.transpose(x, pattern)


def repeat_elements(x, rep, axis):
    return ops.repeat(x, rep, axis)


def one_hot(indices, num_classes):
    return ops.one_hot(ops.cast(indices, "int32"), num_classes)


def gather(reference, indices):
    return ops.take(reference, ops.cast(indices, "int32"), axis=0)


# --- arithmetic ------------------------------------------------------------------------------------------------------


def clip(x, min_value, max_value):
    return ops.clip(x, min_value, max_value)


def pow(x, a):
    return ops.power(x, a)


def dot(x, y):
    """Sums over the last axis of x and the last but one of y."""
    return ops.matmul(x, y) if len(y.shape) <= 2 else ops.tensordot(x, y, axes=[[-1], [len(y.shape) - 2]])


def l2_normalize(x, axis=None):
    """x divided by its norm over `axis`, by that of all its elements by default."""
    return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis, keepdims=True), 1e-12))


def switch(condition, then_expression, else_expression):
    """Elementwise choice between two tensors."""
    return ops.where(condition, then_expression, else_expression)


# --- losses ----------------------------------------------------------------------------------------------------------


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-log of the probability of the target class, one axis less than `output`; targets may be floats."""
    return ops.sparse_categorical_crossentropy(ops.cast(target, "int32"), output, from_logits, axis)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    return ops.categorical_crossentropy(target, output, from_logits, axis)


def binary_crossentropy(target, output, from_logits=False):
    return ops.binary_crossentropy(ops.cast(target, dtype(output)), output, from_logits)


# --- variables -------------------------------------------------------------------------------------------------------


def variable(value, dtype=None, name=None):
    return keras.Variable(value, dtype=dtype or keras.config.floatx(), name=name)


def constant(value, dtype=None):
    return ops.convert_to_tensor(value, dtype=dtype or keras.config.floatx())


def eval(x):
    """The values of a tensor or variable as a NumPy array."""
    return ops.convert_to_numpy(x)


get_value = eval


def set_value(x, value):
    """Give a variable a value."""
    x.assign(value)


def _as_number(x):
    return ops.cast(x, keras.config.floatx()) if dtype(x) == "bool" else x
