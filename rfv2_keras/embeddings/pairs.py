"""Files of sentences, and of pairs of sentences with labels."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rfv2_keras.errors import UserError

NAMED_LINES = 5  # a message names so many bad lines


class Pairs(NamedTuple):
    """Pairs of sentences: two lists of str and their labels, a float64 array; a larger label means more alike."""

    first: list
    second: list
    labels: np.ndarray

    @property
    def texts(self):
        """All sentences: the first ones, then the second ones."""
        return self.first + self.second

    def split(self, vectors):
        """Vectors of `texts` as those of the first and those of the second sentences."""
        return vectors[: len(self.first)], vectors[len(self.first) :]


def read_pairs(path):
    """Read a UTF-8 file of lines `text1<TAB>text2<TAB>label`, label being a number; blank lines do not count.

    Args:
        path: the file.

    Returns:
        `Pairs`, at least two of them.

    Raises:
        UserError: the file cannot be read, has bad lines (the sentence names them by number), fewer than two pairs, or
            one label only, with which nothing can be ranked.
    """
    rows, bad = [], []
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            row = _pair(line)
            (bad if isinstance(row, str) else rows).append(f"line {number} {row}" if isinstance(row, str) else row)
    if bad:
        named = "; ".join(bad[:NAMED_LINES]) + (f"; and {len(bad) - NAMED_LINES} more" if bad[NAMED_LINES:] else "")
        raise UserError(f"{path}: a line must be text1<TAB>text2<TAB>number, but {named}.")
    first, second, labels = zip(*rows, strict=True) if rows else ((), (), ())
    if len(set(labels)) < 2:
        raise UserError(f"{path}: needs pairs with at least two different labels, has {len(rows)} with {set(labels)}.")
    return Pairs(list(first), list(second), np.array(labels))


def read_texts(path):
    """Read a UTF-8 file with a sentence per line; a blank line is an empty sentence, so that row i is line i.

    Raises:
        UserError: the file cannot be read or is empty.
    """
    texts = list(_lines(path))
    if not texts:
        raise UserError(f"{path}: is empty; a sentence per line is needed.")
    return texts


def _pair(line):
    """(text1, text2, label), or what is wrong."""
    columns = [column.strip() for column in line.split("\t")]
    if len(columns) != 3:
        return f"has {len(columns)} columns"
    first, second, label = columns
    if not (first and second):
        return "has an empty text"
    try:
        value = float(label)
    except ValueError:
        return f"has the label {label!r}"
    return (first, second, value) if math.isfinite(value) else f"has the label {label!r}"


def _lines(path):
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 (byte {error.start}).") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    # Only line feeds end a line: U+2028 and its like are characters.
    return text.removesuffix("\n").split("\n") if text else []
