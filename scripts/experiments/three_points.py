"""The three-point example: what is the best threshold of a classifier of points on a line, for each loss?"""

from typing import NamedTuple

import numpy as np
from keras import ops

from rfv2_keras.losses import expected_accuracy, smoothed_accuracy_loss, temperature_cross_entropy

POINTS = np.array([-0.25, 0.0, 0.25])
LABELS = np.array([0, 0, 1])  # every b with 0 < b < 0.25 classifies all three
BIASES = np.linspace(-2, 2, 8001)


class Optimum(NamedTuple):
    """Where a mean loss is least on [-2, 2].

    Attributes:
        lowest, highest: ends of the range of b; the same number unless the loss is flat there.
        accuracy: share of the points that f = x - b classifies in the middle of the range.
        losses: the mean loss at every b of `BIASES`.
    """

    lowest: float
    highest: float
    accuracy: float
    losses: np.ndarray


def hinge(labels, logits):
    """max(0, 1 - y f) with y = ±1 and the difference f of the two logits."""
    return ops.relu(1 - (2 * labels - 1) * (logits[..., 1] - logits[..., 0]))


# name -> loss of (labels, logits), and the b that the article gives
LOSSES = {
    "cross entropy": (temperature_cross_entropy, (0.700, 0.700)),
    "hinge": (hinge, (0.75, 1.0)),
    # Noise of 0.1 on f, as in the article, is noise of 0.1 / √2 on each of the two logits whose difference f is.
    "EXACT, σ = 0.1": (lambda y, s: 1 - expected_accuracy(y, s, 0.1 / 2**0.5), (0.125, 0.125)),
    "cross entropy, temperature 0.1": (lambda y, s: temperature_cross_entropy(y, s, 0.1), (0.131, 0.131)),
    "cross entropy, temperature 0.05": (lambda y, s: temperature_cross_entropy(y, s, 0.05), (0.125, 0.125)),
    "1 − p_y, temperature 0.1": (lambda y, s: smoothed_accuracy_loss(y, s, 0.1), (0.136, 0.136)),
    "1 − p_y, temperature 1": (smoothed_accuracy_loss, (2.0, 2.0)),
}


def optimum(loss):
    """The `Optimum` of a loss, with the points' logits (0, x - b), in float64."""
    scores = POINTS - BIASES[:, None]  # (biases, points)
    logits = np.stack([np.zeros_like(scores), scores], axis=-1)
    losses = ops.convert_to_numpy(loss(np.broadcast_to(LABELS, scores.shape), logits)).mean(axis=-1)
    best = BIASES[losses <= losses.min() + 1e-12]
    right = (np.mean([best[0], best[-1]]) < POINTS) == LABELS
    return Optimum(float(best[0]), float(best[-1]), float(right.mean()), losses)


def agrees(found, article, tolerance=0.002):
    """Whether the range of an `Optimum` is that of the article."""
    return max(abs(found.lowest - article[0]), abs(found.highest - article[1])) <= tolerance


def show_range(lowest, highest):
    """A range of b as text, one number if it is a point."""
    return f"{lowest:.3f}" if highest - lowest < 5e-4 else f"{lowest:.3f} to {highest:.3f}"
