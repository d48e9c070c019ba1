"""Opening HDF5 files, with one sentence instead of a library's exception where a file is damaged."""

import contextlib

import h5py
import numpy as np

from rfv2_keras.checkpoints.source import StoredArray
from rfv2_keras.errors import UserError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path):
    """Whether a file begins like an HDF5 file."""
    with open(path, "rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


@contextlib.contextmanager
def open_hdf5(path):
    """An open `h5py.File` for reading.

    Raises:
        UserError: the file is damaged.
    """
    with readable(path):
        file = h5py.File(path, "r")
    with file:
        yield file


@contextlib.contextmanager
def readable(path):
    """Turn what h5py raises on damaged files into a `UserError` that names the file."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: cannot be read as HDF5; the file is truncated or damaged.") from error


def stored_dataset(dataset, path):
    """A dataset as a `StoredArray`; Keras stores bfloat16 as raw bytes and an attribute that says so."""

    def read():
        with readable(path):
            values = dataset[()]
            if dataset.attrs.get("dtype") == "bfloat16":
                # The 16 bits are the upper half of a float32.
                values = (np.asarray(values).view("uint16").astype("uint32") << 16).view("float32")
            return values

    return StoredArray(dataset.shape, read)
