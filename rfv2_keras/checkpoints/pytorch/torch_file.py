"""`pytorch_model.bin`: state dicts that torch.save wrote, read with numpy alone.

Two formats: since PyTorch 1.6 an uncompressed zip archive (`data.pkl` and a file for every storage), before that four
pickles followed by the storages. `torch_pickle` reads the pickles and runs nothing. Nothing is unpacked to the disk,
and no archive is believed that claims to be larger than its file.
"""

import contextlib
import struct
import zipfile
import zlib
from pathlib import PurePosixPath

import numpy as np

from rfv2_keras.checkpoints.pytorch.torch_pickle import STORAGE_TYPES, Tensor, read_pickle
from rfv2_keras.checkpoints.source import StoredArray
from rfv2_keras.errors import UserError

_ZIP = b"PK\x03\x04"
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY = b"\x80\x02\x8a\x0a" + _LEGACY_MAGIC.to_bytes(10, "little")  # the pickle of that number
_LARGEST_PICKLE = 16 * 2**20  # that of a model with a thousand weights takes some 100 kB


def is_torch_file(path):
    """Whether a file begins like one of torch.save."""
    with open(path, "rb") as file:
        start = file.read(len(_LEGACY))
    return start.startswith((_ZIP, _LEGACY))


def read_torch_file(path):
    """name -> `StoredArray` of the state dict in a file.

    Raises:
        UserError: the file is damaged, its sizes contradict each other, or it holds no tensors by name.
    """
    with open(path, "rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
    state, read_storage = _read_zip(path) if is_zip else _read_legacy(path)
    # Checkpoints of training scripts keep the weights under a key.
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not any(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: holds no state dict, that is no tensors by name.")
    return {
        str(name): StoredArray(tensor.shape, _reader(tensor, read_storage, path))
        for name, tensor in state.items()
        if isinstance(tensor, Tensor)
    }


def _reader(tensor, read_storage, path):
    def read():
        with _readable(path):
            data = read_storage(tensor.storage)
        values = values_of(data, STORAGE_TYPES[tensor.storage.kind])
        if len(values) != tensor.storage.size:
            raise UserError(f"{path}: a storage has {len(values)} values instead of {tensor.storage.size}.")
        strides = [stride * values.itemsize for stride in tensor.strides]
        view = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False)
        return np.array(view)

    return read


def values_of(data, kind):
    """Bytes as an array of numpy type `kind`; bfloat16 becomes float32."""
    if kind == "bfloat16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, kind)


# --- zip ---------------------------------------------------------------------------------------------------------


def _read_zip(path):
    """The object of a zip archive, and a function that reads the bytes of a storage."""
    with _readable(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_members(members, path)
        pickles = [member for member in members if PurePosixPath(member.filename).name == "data.pkl"]
        if len(pickles) != 1:
            raise UserError(f"{path}: the archive holds {len(pickles)} files data.pkl instead of one.")
        if pickles[0].file_size > _LARGEST_PICKLE:
            raise UserError(f"{path}: data.pkl has {pickles[0].file_size:,} bytes, more than any model needs.")
        data = archive.read(pickles[0])
        root = PurePosixPath(pickles[0].filename).parent
        names = {member.filename for member in members}
        if str(root / "byteorder") in names and archive.read(str(root / "byteorder")) != b"little":
            raise UserError(f"{path}: was written on a big-endian machine, which is not supported.")
    state = read_pickle(data, path)

    def read_storage(storage):
        with zipfile.ZipFile(path) as archive:
            return archive.read(str(root / "data" / storage.key))  # checks the CRC

    return state, read_storage


def _check_members(members, path):
    size = path_size(path)
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if ".." in parts or member.filename.startswith(("/", "\\")):
            raise UserError(f"{path}: the archive has a member outside itself ({member.filename!r}).")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise UserError(
                f"{path}: the archive has a compressed member ({member.filename!r}); torch.save writes none."
            )
    if sum(member.file_size for member in members) > size:
        raise UserError(f"{path}: the members of the archive claim more bytes than the {size:,} of the file.")


def path_size(path):
    """Bytes of a file."""
    with open(path, "rb") as file:
        return file.seek(0, 2)


# --- before PyTorch 1.6 ------------------------------------------------------------------------------------------


def _read_legacy(path):
    """The object of an old file, and a function that reads the bytes of a storage."""
    with open(path, "rb") as file, _readable(path):
        magic, version, system = (read_pickle(file, path) for _ in range(3))
        if magic != _LEGACY_MAGIC or version != 1001 or system.get("little_endian") is not True:
            raise UserError(f"{path}: is no file of torch.save that can be read here.")
        storages = {}
        state = read_pickle(file, path, storages)
        keys = read_pickle(file, path)
        places, end = {}, path_size(path)
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            length = count * _width(storages[key].kind)
            if not 0 <= length <= end - file.tell():
                raise ValueError("a storage ends behind the file")
            places[key] = (file.tell(), length)
            file.seek(length, 1)

    def read_storage(storage):
        start, length = places[storage.key]
        with open(path, "rb") as file:
            file.seek(start)
            return file.read(length)

    return state, read_storage


def _width(kind):
    return 2 if STORAGE_TYPES[kind] == "bfloat16" else np.dtype(STORAGE_TYPES[kind]).itemsize


@contextlib.contextmanager
def _readable(path):
    """Turn what zipfile and struct raise on damaged files into a `UserError` that names the file."""
    try:
        yield
    except UserError:
        raise
    except (OSError, KeyError, ValueError, EOFError, struct.error, AttributeError, NotImplementedError, RuntimeError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise UserError(f"{path}: cannot be read as PyTorch weights; the file is truncated or damaged.") from error
