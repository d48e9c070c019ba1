"""Functions whose gradient is written out instead of derived."""

import functools

from keras import ops


def custom_gradient(compute):
    """`keras.ops.custom_gradient` for gradients that are plain functions of the upstream gradient.

    Args:
        compute: function of tensors; returns its output and a function that turns the gradient of the output into that
            of each tensor.

    Keras's backends hand the upstream gradient over in two ways, as the only argument or by the name of `upstream`.
    """

    @functools.wraps(compute)
    def of_backend(*tensors):
        outputs, gradient = compute(*tensors)

        def backward(*arguments, upstream=None):
            return gradient(arguments[0] if upstream is None else upstream)

        return outputs, backward

    return ops.custom_gradient(of_backend)
