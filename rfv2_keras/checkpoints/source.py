"""What a reader of a file format hands on: names and arrays that are read when they are needed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


class StoredArray:
    """An array in a file: the shape is known at once, `numpy.asarray` reads the values.

    Args:
        shape: its shape.
        read: function without arguments that reads and returns it.
    """

    def __init__(self, shape, read):
        self.shape = tuple(shape)
        self._read = read

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._read(), dtype=dtype)


def same_name(path):
    """The name of a weight in a file that names weights as our models do."""
    return path


@dataclass
class WeightSource:
    """An opened file with weights.

    Args:
        place: how to call it in messages.
        arrays: name -> array (`StoredArray`, or anything else with a shape that `numpy.asarray` takes).
        name_of: path of a weight in our models -> its name in `arrays`.
    """

    place: str
    arrays: Mapping[str, StoredArray]
    name_of: Callable[[str], str] = same_name
