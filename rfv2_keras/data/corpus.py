"""Which files a corpus consists of, and how they are cut into chunks of work."""

import glob
import os
from dataclasses import dataclass
from pathlib import Path

from rfv2_keras.errors import UserError

COMPRESSED = (".gz", ".zst")
SMALLEST_CHUNK, LARGEST_CHUNK = 2**20, 2**29  # bytes
CHUNKS = 256  # of a corpus between 256 MiB and 128 GiB


@dataclass(frozen=True)
class Span:
    """The bytes `start` to `end` of a file: the lines that begin in them."""

    path: str
    start: int
    end: int

    @property
    def size(self):
        return self.end - self.start


def list_files(paths):
    """The files of a corpus with their sizes, in an order that does not depend on the machine.

    Arguments:
        paths: files, directories (all files below, hidden ones left out) and glob patterns (`**` included).

    Returns:
        List of pairs (path as str, size in bytes); a file named twice is there once.

    Raises:
        UserError: a path does not exist, a pattern matches nothing, or all files are empty.
    """
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    files = {path: os.path.getsize(path) for given in paths for path in _expand(os.fspath(given))}
    if not any(files.values()):
        raise UserError(f"the corpus {', '.join(map(str, paths))} has no text: no file with a size above 0 was found")
    return list(files.items())


def _expand(path):
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        below = [p for p in Path(path).rglob("*") if p.is_file()]
        return sorted(p.as_posix() for p in below if not any(part[0] == "." for part in p.relative_to(path).parts))
    matches = sorted(p for p in glob.glob(path, recursive=True) if os.path.isfile(p))
    if not matches:
        raise UserError(f"{path}: there is no such file or directory, and as a pattern it matches no file")
    return matches


def cut_into_chunks(files):
    """Cut a corpus into chunks, each one the work for one shard of records.

    Chunks follow from the files and their sizes alone, so every machine that sees the corpus cuts it alike. A large
    file is cut into spans of bytes, small files come together; a compressed file can only be read from its beginning
    and stays whole.

    Arguments:
        files: list of pairs (path, size in bytes).

    Returns:
        List of chunks, each a tuple of `Span`.
    """
    target = min(max(sum(size for _, size in files) // CHUNKS, SMALLEST_CHUNK), LARGEST_CHUNK)
    chunks, chunk, room = [], [], target
    for path, size in files:
        start = 0
        while start < size:
            end = size if path.endswith(COMPRESSED) else min(start + room, size)
            chunk.append(Span(path, start, end))
            room -= end - start
            start = end
            if room <= 0:
                chunks.append(tuple(chunk))
                chunk, room = [], target
    return [*chunks, tuple(chunk)] if chunk else chunks
