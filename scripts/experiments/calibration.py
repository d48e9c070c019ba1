"""How far probabilities are from the frequencies of what they are the probabilities of."""

from typing import NamedTuple

import numpy as np

BINS = 15


class Reliability(NamedTuple):
    """Bins of equal width over the probabilities 0 to 1.

    Attributes:
        counts: how many probabilities lie in each bin.
        predicted: their mean; nan in an empty bin.
        observed: how often what they predict is so; nan in an empty bin.
    """

    counts: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray

    @property
    def expected_error(self):
        """Expected calibration error: mean of |predicted − observed| over all probabilities (arXiv 1706.04599)."""
        filled = self.counts > 0
        gaps = np.abs(self.predicted - self.observed)[filled]
        return float((gaps * self.counts[filled]).sum() / self.counts.sum())


def reliability(probabilities, outcomes):
    """The `Reliability` of probabilities whose outcomes are 0 or 1, in arrays of one shape."""
    probabilities, outcomes = np.ravel(probabilities).astype("float64"), np.ravel(outcomes)
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bins, weights, BINS) / counts for weights in (probabilities, outcomes)]
    return Reliability(counts, *means)
