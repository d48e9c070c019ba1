"""Whitening over a grid of beta, gamma and number of components."""

import math
from typing import NamedTuple

import numpy as np

from rfv2_keras.embeddings.similarity import cosine_similarity, spearman
from rfv2_keras.embeddings.whitening import Whitening, component_scales
from rfv2_keras.errors import UserError

VALUES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of beta and gamma


class WhiteningGrid(NamedTuple):
    """Spearman correlations of cosine similarity with labels.

    Attributes:
        raw: float, without whitening.
        scores: array (betas, gammas, dimensions).
        betas, gammas, dimensions: what the axes stand for.
    """

    raw: float
    scores: np.ndarray
    betas: tuple
    gammas: tuple
    dimensions: tuple

    def at(self, beta, gamma, dimension):
        """One score."""
        return self.scores[self.betas.index(beta), self.gammas.index(gamma), self.dimensions.index(dimension)]

    def table(self, title):
        """The scores times 100 as lines of text: a row for each beta and gamma, a column for each dimension."""
        header = "  beta  gamma" + "".join(f"{f'dim {size}':>10}" for size in self.dimensions)
        lines = [title, f"  without whitening {100 * self.raw:.2f}", header]
        for beta, plane in zip(self.betas, self.scores, strict=True):
            for gamma, row in zip(self.gammas, plane, strict=True):
                lines.append(f"{beta:6.2f}{gamma:7.2f}" + "".join(f"{100 * score:10.2f}" for score in row))
        return "\n".join(lines)


def whitening_grid(first, second, labels, fitted, betas=VALUES, gammas=VALUES, dimensions=None):
    """Spearman correlations for every combination of beta, gamma and number of components.

    Args:
        first, second: vectors of the two sentences of each pair, (pairs, features).
        labels: (pairs,), larger for pairs that are more alike.
        fitted: a `Whitening` that has seen the vectors to learn from; its own arguments do not matter.
        betas, gammas: numbers.
        dimensions: numbers of components; None for all, half and a quarter of them.

    Returns:
        `WhiteningGrid`.

    Raises:
        UserError: a value is not allowed for `Whitening`.
    """
    features = first.shape[1]
    dimensions = tuple(dimensions or dict.fromkeys(max(features // part, 1) for part in (1, 2, 4)))
    for size in dimensions:
        if not 1 <= size <= features:
            raise UserError(f"a dimension must be from 1 to {features}, the size of the vectors; received: {size}.")
    if not all(math.isfinite(gamma) and gamma >= 0 for gamma in gammas):
        raise UserError(f"gamma must be a finite number >= 0; received: {', '.join(map(str, gammas))}.")
    scores = np.empty((len(betas), len(gammas), len(dimensions)))
    for i, beta in enumerate(betas):
        # With gamma 0 the vectors are only turned; every gamma and dimension follows from these coordinates.
        rotation = Whitening(beta, 0.0).merge(fitted)
        turned = rotation.transform(first), rotation.transform(second)
        for j, gamma in enumerate(gammas):
            scales = component_scales(rotation.eigenvalues_, gamma)
            for k, size in enumerate(dimensions):
                a, b = (side[:, :size] * scales[:size] for side in turned)
                scores[i, j, k] = spearman(cosine_similarity(a, b), labels)
    raw = spearman(cosine_similarity(first, second), labels)
    return WhiteningGrid(raw, scores, tuple(betas), tuple(gammas), dimensions)
