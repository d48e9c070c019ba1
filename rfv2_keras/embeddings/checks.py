"""What may be called vectors."""

import numpy as np

from rfv2_keras.errors import UserError


def checked_vectors(X, features=None):
    """Vectors as an array (rows, features) of float32 or float64 (other numbers become float64).

    Args:
        X: array or nested list of finite real numbers.
        features: number of features that is expected; None for any.

    Raises:
        UserError: something else was received.
        TypeError: an element is no number.
    """
    if hasattr(X, "toarray"):
        raise UserError("Vectors must be a dense array, received a sparse one: call toarray() on it.")
    try:
        X = np.asarray(X)
        if X.dtype.kind != "c" and X.dtype not in (np.float32, np.float64):
            X = X.astype(np.float64)
    except ValueError as error:
        raise UserError(f"Vectors must be rows of numbers, all of one length ({error}).") from None
    if X.dtype.kind == "c":
        raise UserError(f"Complex data not supported: vectors must be real numbers, received {X.dtype}.")
    if X.ndim != 2:
        raise UserError(
            f"Vectors must have 2 dimensions (rows, features), received shape {X.shape}. Reshape your data, with "
            "X.reshape(1, -1) if it is a single vector."
        )
    if 0 in X.shape:
        what, axis = ("feature", 1) if len(X) else ("sample", 0)
        raise UserError(
            f"Found array with {X.shape[axis]} {what}(s) (shape={X.shape}) while a minimum of 1 is required."
        )
    if features is not None and X.shape[1] != features:
        raise UserError(f"X has {X.shape[1]} features, but Whitening is expecting {features} features as input.")
    # The sum needs no array as large as X, which may be a file mapped into memory; only float64 near its end overflows.
    if not np.isfinite(X.sum(dtype=np.float64)) and not np.isfinite(X).all():
        raise UserError("Vectors must be finite, received NaN or infinity.")
    return X
