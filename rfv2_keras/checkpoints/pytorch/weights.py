"""Weights in files of PyTorch: `model.safetensors` and `pytorch_model.bin`, by the names of several libraries."""

import contextlib

import numpy as np

from rfv2_keras.checkpoints.assign import weights_by_path
from rfv2_keras.checkpoints.norm_scales import fold_norm_scales
from rfv2_keras.checkpoints.pytorch.names import DECODERS, STACKED_TENSOR, is_transposed, our_name
from rfv2_keras.checkpoints.pytorch.safetensors_file import read_safetensors
from rfv2_keras.checkpoints.pytorch.torch_file import is_torch_file, read_torch_file
from rfv2_keras.checkpoints.source import StoredArray, WeightSource
from rfv2_keras.errors import UserError


def is_pytorch_weights(path):
    """Whether a file is one of PyTorch, by its name or its first bytes."""
    return str(path).endswith(".safetensors") or is_torch_file(path)


def read_tensors(path):
    """name -> `StoredArray` of a file."""
    return read_safetensors(path) if str(path).endswith(".safetensors") else read_torch_file(path)


@contextlib.contextmanager
def open_pytorch_weights(path, model):
    """The `WeightSource` of a file of PyTorch.

    Args:
        path: the file.
        model: the model to be loaded; offsets that only the file has must be zero, and scales of norms foldable.

    Raises:
        UserError: the file is damaged, or is that of a model which ours cannot express.
    """
    tensors = read_tensors(path)
    arrays, names, rest = _by_path(tensors)
    own = weights_by_path(model)
    if "Embedding-Norm/gamma" not in own:
        fold_norm_scales(arrays, path)
    _drop_neutral(arrays, names, own, path)
    if any(layer.name in ("MLM-Activation", "Output-MLM-Activation") for layer in model.layers):
        _check_tied(arrays, tensors, path)
    found = {names[name]: array for name, array in arrays.items()}
    yield WeightSource(str(path), {**found, **rest}, lambda name: names.get(name, name))


def _by_path(tensors):
    """path -> array, path -> name in the file, and the tensors that no weight of ours corresponds to."""
    arrays, names, rest = {}, {}, {}
    for name, array in tensors.items():
        stacked = STACKED_TENSOR.fullmatch(name)
        path = our_name(name)
        if stacked and array.shape[:1] == (2,):
            for row, side in enumerate("qk"):
                path = f"Transformer-{stacked['n']}-GatedAttentionUnit/{side}_scaleoffset/{stacked['w']}"
                arrays[path], names[path] = _row(array, row), f"{name}[{row}]"
        elif path is None or path in arrays:
            rest[name] = array
        else:
            arrays[path] = _transposed(array) if is_transposed(path) and len(array.shape) == 2 else array
            names[path] = name
    return arrays, names, rest


def _transposed(array):
    return StoredArray(reversed(array.shape), lambda: np.asarray(array).T)


def _row(array, row):
    return StoredArray(array.shape[1:], lambda: np.asarray(array)[row])


def _drop_neutral(arrays, names, own, place):
    """Leave out offsets that the model has no place for, if they are zero, and refuse the file if they are not.

    Such are the biases of libraries that always have them, and positions beside rotary ones.
    """
    layers = {path.rpartition("/")[0] for path in own}
    for path in [path for path in arrays if path not in own]:
        layer, _, kind = path.rpartition("/")
        is_norm = layer == "Embedding-Norm" or layer.endswith("-Norm/norm")
        is_offset = kind in ("bias", "beta") and (layer in layers or is_norm)
        if (is_offset or layer == "Embedding-Position") and np.any(np.asarray(arrays.pop(path))):
            raise UserError(
                f"{place}: {names[path]} is not zero, and the model that the config describes has no such weight."
            )


def _check_tied(arrays, tensors, place):
    """Stop if the matrix of the MLM head is another than the token table: ours is the table."""
    decoder = next((name for name in DECODERS if name in tensors), None)
    table = arrays.get("Embedding-Token/embeddings")
    if decoder is None or table is None or tensors[decoder].shape != table.shape:
        return
    if not np.array_equal(np.asarray(tensors[decoder]), np.asarray(table)):
        raise UserError(
            f"{place}: {decoder} differs from the token table, and the MLM head of this model is the token table; "
            "build the model without with_mlm."
        )
