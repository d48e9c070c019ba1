"""The weights w with which gradients of tasks are added, d = Σ w_i g_i, from inner products and losses.

All take `gram`, (tasks, tasks) float64 inner products, and return (tasks,) float64. A gradient of zero (a task that was
not drawn, or has nothing left to learn) gets weight 0 where a formula would divide by its norm, and binds nothing.
"""

import tensorflow as tf

from rfv2_keras.multitask.gram import gradient_cosines, gradient_norms, reciprocal_or_zero
from rfv2_keras.multitask.nonnegative import minimize_nonnegative


def sum_weights(gram):
    """w_i = 1: the loss of large scale decides."""
    return tf.ones_like(tf.linalg.diag_part(gram))


def loss_scaled_weights(losses):
    """w_i = 1 / L_i, whatever a loss is multiplied by.

    With the loss of the first update or a running mean for L this evens out scales; with the current loss it is the
    gradient of Σ L_i / stop_gradient(L_i), that is of the logarithm of the geometric mean of the losses.
    A loss that is not positive has no scale and gets weight 0.

    Args:
        losses: (tasks,).

    Source: https://spaces.ac.cn/archives/8870.
    """
    return reciprocal_or_zero(tf.cast(losses, tf.float64))


def normalized_weights(gram):
    """w_i = 1 / ‖g_i‖: neither scale nor shift of a loss matters (https://spaces.ac.cn/archives/8870)."""
    return reciprocal_or_zero(gradient_norms(gram))


def min_norm_weights(gram):
    """The point of smallest norm in the convex hull of the gradients that are not zero: w ≥ 0, Σ w_i = 1.

    This d has ⟨g_i, d⟩ ≥ ‖d‖² for every task: a small step against it lets no loss rise. It is zero where no
    direction serves all tasks. MGDA: arXiv 1810.04650, https://spaces.ac.cn/archives/8896.

    With s the smallest norm, the minimum of ‖Σ x_i (g_i / s, 1) − (0, 1)‖² over x ≥ 0 is a multiple of w: for given
    proportions of x the best length leaves q / (1 + q), q = ‖d‖² / s², which grows with ‖d‖. The columns
    (g_i / s, 1) are scaled to (g_i / ‖g_i‖, s / ‖g_i‖), so that ratios of a million do no harm.
    """
    norms = gradient_norms(gram)
    inverse = reciprocal_or_zero(norms)
    relative = inverse * reciprocal_or_zero(tf.reduce_max(inverse))  # s / ‖g_i‖
    matrix = gradient_cosines(gram, norms) + relative[:, None] * relative[None, :]
    weights = minimize_nonnegative(matrix, relative, usable=relative > 0.0) * relative
    return weights * reciprocal_or_zero(tf.reduce_sum(weights))


def primary_auxiliary_weights(gram):
    """w_0 = 1 for the primary task, and for auxiliary tasks the w_i ≥ 0 that minimise ‖g_0 + Σ w_i g_i‖.

    An auxiliary task gets a say only where it stands against the primary one; d never points against any of them. For
    one auxiliary task w_1 = relu(−⟨g_0, g_1⟩) / ‖g_1‖². Without a gradient of the primary task d is zero.

    Source: https://spaces.ac.cn/archives/8907.
    """
    norms = gradient_norms(gram)
    cosines = gradient_cosines(gram, norms)
    auxiliary = tf.range(norms.shape[0]) > 0
    share = minimize_nonnegative(cosines, -cosines[:, 0], usable=auxiliary & (tf.linalg.diag_part(cosines) > 0.0))
    return tf.where(auxiliary, share * norms[0] * reciprocal_or_zero(norms), 1.0)
