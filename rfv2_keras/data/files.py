"""Writing files so that they are either whole or absent."""

import contextlib
import hashlib
import json
import os
import socket
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def written_whole(path, temporary_folder=None):
    """A temporary path to write to; on leaving, the file is synced and renamed to `path`.

    The temporary name tells machine and process apart, so that several may write the same file at once. What a killed
    process leaves lies in `temporary_folder`, by default that of `path`.
    """
    path = Path(path)
    folder = path.parent if temporary_folder is None else temporary_folder
    temporary = folder / f".{path.name}.{socket.gethostname()}-{os.getpid()}.tmp"
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_array(path, array, temporary_folder=None):
    """Write an array as a .npy file."""
    with written_whole(path, temporary_folder) as temporary, open(temporary, "wb") as file:
        np.save(file, array)


def write_json(path, content, temporary_folder=None):
    with written_whole(path, temporary_folder) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def file_sha256(path, progress=lambda size: None):
    """The SHA-256 of a file as 64 hexadecimal digits; `progress` is called with numbers of bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
            progress(len(block))
    return digest.hexdigest()
