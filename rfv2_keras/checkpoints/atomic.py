"""Files that appear under their name complete or not at all."""

import contextlib
import os
import secrets
from pathlib import Path


def temporary_path(path):
    """A new name beside `path`, with the same ending, for what is not finished yet."""
    path = Path(path)
    return path.with_name(f".unfinished-{secrets.token_hex(4)}-{path.name}")


@contextlib.contextmanager
def atomic_file(path):
    """Write a file under a temporary name; it is synced to disk and renamed at the end, or removed after an error.

    A process that is killed leaves at most a file `.unfinished-...` behind; what stood under `path` stays.

        with atomic_file("config.json") as temporary:
            temporary.write_text("{}")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # some file systems do not sync folders
        sync(path.parent)


def sync(path):
    """Have the operating system write a file, or the list of names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
