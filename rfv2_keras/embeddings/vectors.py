"""Vectors in files."""

from pathlib import Path

import numpy as np

from rfv2_keras.checkpoints.atomic import atomic_file
from rfv2_keras.embeddings.checks import checked_vectors
from rfv2_keras.errors import UserError

SUFFIXES = (".npy", ".parquet")


def check_destination(path):
    """Stop before vectors are computed if they could not be written to `path`.

    Raises:
        UserError: the ending is not .npy or .parquet, or pyarrow, which writes the latter, is not installed.
    """
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: vectors are written as {' or '.join(SUFFIXES)}, received the ending {suffix!r}.")
    if suffix == ".parquet":
        _pyarrow(path)


def learn_from_files(whitening, paths):
    """`whitening.partial_fit` for the vectors in .npy files, one file after the other.

    Raises:
        UserError: a file holds no vectors, or vectors of another size than the others; the sentence names it.
    """
    for path in paths:
        try:
            whitening.partial_fit(open_vectors(path))
        except UserError as error:
            raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    return whitening


def write_vectors(path, vectors, texts):
    """Write vectors (rows, features) as .npy, or as .parquet with the columns `text` and `vector`."""
    check_destination(path)
    with atomic_file(path) as temporary:
        if Path(path).suffix == ".npy":
            np.save(temporary, vectors)
        else:
            pyarrow, parquet = _pyarrow(path)
            column = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), vectors.shape[1])
            parquet.write_table(pyarrow.table({"text": pyarrow.array(texts), "vector": column}), temporary)


def open_vectors(path):
    """An .npy file of vectors (rows, features), mapped into memory, so that it may be larger than that.

    Raises:
        UserError: the file cannot be read or holds something else.
    """
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except (ValueError, EOFError):
        raise UserError(f"{path}: is no .npy file of numbers.") from None
    if not isinstance(vectors, np.ndarray):
        raise UserError(f"{path}: must be an .npy file with one array, received an .npz file.")
    try:
        checked_vectors(vectors[:1])
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return vectors


def _pyarrow(path):
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{path}: writing parquet needs pyarrow (pip install pyarrow); .npy needs nothing.") from None
    return pyarrow, pyarrow.parquet
