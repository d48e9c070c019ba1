"""`open` with access to single lines of large files."""

import builtins
import json
from pathlib import Path

from rfv2_keras.errors import UserError


def open(name, mode="r", encoding=None, errors="strict", indexable=False):
    """Python's `open`; with `indexable` a file whose lines are items, read when they are asked for.

    Args:
        name, mode, encoding, errors: as in Python.
        indexable: False; True to find where the lines begin by reading the file once; or the path of a file that keeps
            these places for the next time. For reading only.

    Returns:
        A file, or `IndexedLines`.
    """
    if not indexable:
        return builtins.open(
            name, mode, encoding=None if "b" in mode else encoding, errors=None if "b" in mode else errors
        )
    if mode not in ("r", "rt"):
        raise UserError(f"{name}: indexable=True is for reading, received mode {mode!r}.")
    return IndexedLines(name, encoding or "utf-8", errors, None if indexable is True else indexable)


class IndexedLines:
    """The lines of a text file as a sequence; each keeps its line feed.

    Args:
        path: of the file.
        encoding, errors: of the text.
        index: file for the places of the lines, which is read if it is there and written if not; None for none.
    """

    def __init__(self, path, encoding="utf-8", errors="strict", index=None):
        self.name, self.encoding, self.errors = path, encoding, errors
        self.file = builtins.open(path, "rb")  # noqa: SIM115 - closed by close()
        if index is not None and Path(index).is_file():
            self.offsets = json.loads(Path(index).read_text(encoding="utf-8"))
        else:
            self.offsets = _line_offsets(self.file)
            if index is not None:
                Path(index).write_text(json.dumps(self.offsets), encoding="utf-8")

    def __len__(self):
        return len(self.offsets)

    def __getitem__(self, key):
        self.file.seek(self.offsets[key])
        return self.file.readline().decode(self.encoding, self.errors)

    def __iter__(self):
        for number in range(len(self)):
            yield self[number]

    def close(self):
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _line_offsets(file):
    offsets, offset = [], 0
    for line in file:
        offsets.append(offset)
        offset += len(line)
    return offsets
