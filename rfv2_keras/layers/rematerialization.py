"""Gradient checkpointing: forget the inside of a layer, compute it again on the way back."""

import keras


class DrawnSeed(keras.random.SeedGenerator):
    """A seed that has been drawn already.

    A function that is computed twice must drop out the same elements twice. `SeedGenerator.next` changes a variable,
    so it is called once, outside, and its value is handed in as a tensor; Keras takes only generators, hence this one.
    """

    def __init__(self, seed):  # no variable is made
        self._seed = seed

    def next(self, ordered=True):
        return self._seed


def check_checkpointing(value, name):
    """Raise ValueError unless `value` says what an attention layer computes again; `name` is the layer's."""
    if value is not False and value is not True and value != "attention":
        raise ValueError(
            f'gradient_checkpointing of {name} must be False, True or "attention". Received: '
            f"gradient_checkpointing={value!r}"
        )


def rematerialize(function, enabled, *tensors):
    """`function(*tensors)`, keeping none of its intermediate values for the gradient if `enabled`."""
    if enabled:
        function = keras.remat(function)
    return function(*tensors)
