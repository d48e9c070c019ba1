"""Viterbi decoding: the best path through scores of labels and of their transitions."""

import numpy as np

from rfv2_keras.errors import UserError


def viterbi_decode(scores, transitions, starts=None, ends=None):
    """argmax_y Σ_t scores[t, y_t] + Σ_t transitions[y_{t−1}, y_t] for each sequence of a batch.

    Computed with numpy in float64: a loop over the positions, each step for the whole batch. A score or transition of
    −inf is never taken if there is another way. Positions where all labels score −inf are padding and are skipped,
    wherever they are. Of equally good paths the one with the smaller label at the last place where they differ wins.

    Args:
        scores: (batch, length, labels).
        transitions: (labels, labels); axes are (label, next label).
        starts: labels that may stand at the first position; None allows all.
        ends: labels that may stand at the last position; None allows all.

    Returns:
        int32, (batch, length), −1 at padding.

    Raises:
        UserError: the shapes do not fit, or a start or end is not a label.

    Source: Viterbi, "Error bounds for convolutional codes", IEEE Trans. Inf. Theory 13 (1967).
    """
    scores, transitions = np.asarray(scores, "float64"), np.asarray(transitions, "float64")
    if scores.ndim != 3 or transitions.shape != (scores.shape[-1],) * 2:
        raise UserError(
            "Viterbi decoding needs scores (batch, length, labels) and transitions (labels, labels); received shapes: "
            f"{scores.shape} and {transitions.shape}."
        )
    batch, length, labels = scores.shape
    start_scores, end_scores = _barrier(starts, labels, "starts"), _barrier(ends, labels, "ends")
    valid = (scores > -np.inf).any(-1)  # (batch, length)
    started = np.zeros((batch, 1), bool)
    best = np.zeros((batch, labels))  # score of the best path that ends in each label
    came_from = np.empty((length, batch, labels), int)  # the label before it on that path
    for t in range(length):
        paths = best[:, :, None] + transitions  # (batch, label, next label)
        now = valid[:, t, None]
        came_from[t] = np.where(now, paths.argmax(1), np.arange(labels))
        best = np.where(now, np.where(started, paths.max(1), start_scores) + scores[:, t], best)
        started |= now
    path = np.empty((batch, length), "int32")
    label = (best + end_scores).argmax(-1)
    for t in reversed(range(length)):
        path[:, t] = np.where(valid[:, t], label, -1)
        label = came_from[t, np.arange(batch), label]
    return path


def _barrier(allowed, labels, name):
    """0 for allowed labels, −inf for the others."""
    if allowed is None:
        return np.zeros(labels)
    if any(label not in range(labels) for label in allowed):
        raise UserError(f"{name} of Viterbi decoding must be labels from 0 to {labels - 1}; received: {list(allowed)}.")
    return np.where(np.isin(np.arange(labels), list(allowed)), 0.0, -np.inf)
