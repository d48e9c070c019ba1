"""How alike vectors are, and how well that orders pairs."""

import numpy as np
import scipy.stats

from rfv2_keras.errors import UserError


def cosine_similarity(first, second):
    """The cosine of each row of one array with the same row of another, in float64; 0 where a row is all zeros.

    Args:
        first, second: arrays (rows, features).

    Returns:
        float64 array (rows,).
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.ndim != 2:
        raise UserError(f"Both sides must be (rows, features) alike; received: {first.shape} and {second.shape}.")
    product = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    dots = np.einsum("ij,ij->i", first, second)
    return np.divide(dots, product, out=np.zeros_like(dots), where=product > 0)


def spearman(similarities, labels):
    """Spearman's rank correlation, with mean ranks for ties; NaN if one side is constant.

    Args:
        similarities, labels: sequences of numbers of the same length.

    Returns:
        float from -1 to 1.
    """
    if min(np.ptp(similarities), np.ptp(labels)) == 0:
        return float("nan")
    return float(scipy.stats.spearmanr(similarities, labels).statistic)
