"""`model.safetensors`: tensors by name, without code."""

import contextlib
import json

import numpy as np
import safetensors
from safetensors.numpy import save_file

from rfv2_keras.checkpoints.atomic import atomic_file
from rfv2_keras.checkpoints.pytorch.torch_file import values_of
from rfv2_keras.checkpoints.source import StoredArray
from rfv2_keras.errors import UserError


def read_safetensors(path):
    """name -> `StoredArray` of a file; the header is read and checked, values are read one by one later.

    Raises:
        UserError: the header is damaged, or contradicts itself or the size of the file.
    """
    with _opened(path) as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  not a dict
    return {name: StoredArray(shape, _reader(path, name)) for name, shape in shapes.items()}


def save_safetensors(arrays, path):
    """Write float32 arrays by name, complete or not at all."""
    with atomic_file(path) as temporary:
        # PyTorch programs ask for this metadata.
        save_file(
            {name: np.ascontiguousarray(array, "<f4") for name, array in arrays.items()}, temporary, {"format": "pt"}
        )


def _reader(path, name):
    def read():
        with _opened(path) as file:
            if file.get_slice(name).get_dtype() != "BF16":
                return file.get_tensor(name)
            return _bfloat16(path, name)  # which numpy does not have

    return read


def _bfloat16(path, name):
    """A tensor of a file whose header has been checked: length of the header, header, values."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))[name]
        start, end = entry["data_offsets"]
        file.seek(8 + length + start)
        return values_of(file.read(end - start), "bfloat16").reshape(entry["shape"])


@contextlib.contextmanager
def _opened(path):
    try:
        with safetensors.safe_open(path, framework="np") as file:
            yield file
    except (safetensors.SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read as safetensors ({str(error).rstrip('.')}).") from error
