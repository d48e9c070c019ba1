"""Mean and scatter of vectors, in one pass and in parts."""

import numpy as np

ROWS_AT_ONCE = 4096  # bounds the float64 copy of float32 vectors


class Moments:
    """Number, mean and scatter of the rows seen so far, in float64.

    The scatter is the sum of (x - mean)(x - mean)ᵀ. Parts are joined with the formulas of Chan, Golub and LeVeque,
    which lose no digits where the mean is large against the spread, as it is for sentence vectors:

        n = n_a + n_b;   d = mean_b - mean_a;   mean = mean_a + d n_b / n;   scatter = S_a + S_b + d dᵀ n_a n_b / n

    Args:
        count: number of rows.
        mean: (features,).
        scatter: (features, features).

    Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    """

    def __init__(self, count, mean, scatter):
        self.count = int(count)
        self.mean = np.asarray(mean, np.float64)
        self.scatter = np.asarray(scatter, np.float64)

    @classmethod
    def of(cls, vectors):
        """The moments of vectors (rows, features)."""
        total = cls(0, np.zeros(vectors.shape[1]), np.zeros((vectors.shape[1],) * 2))
        for begin in range(0, len(vectors), ROWS_AT_ONCE):
            rows = np.asarray(vectors[begin : begin + ROWS_AT_ONCE], np.float64)
            mean = rows.mean(0)
            centred = rows - mean
            total += cls(len(rows), mean, centred.T @ centred)
        return total

    def __add__(self, other):
        """The moments of the rows of both."""
        count = self.count + other.count
        if not other.count or not self.count:
            return self if self.count else other
        step = other.mean - self.mean
        weight = self.count * other.count / count
        return Moments(
            count,
            self.mean + step * (other.count / count),
            self.scatter + other.scatter + np.outer(step, step) * weight,
        )

    def second_moment(self, beta):
        """1/n times the sum of (x - beta mean)(x - beta mean)ᵀ, (features, features)."""
        return self.scatter / self.count + (1 - beta) ** 2 * np.outer(self.mean, self.mean)
