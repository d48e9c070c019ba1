"""How the gradients of several tasks on shared weights become one."""

from typing import NamedTuple

import tensorflow as tf

from rfv2_keras.errors import UserError
from rfv2_keras.multitask import task_weights
from rfv2_keras.multitask.gram import cosines_to_mean, gradient_norms, gram_matrix

FROM_GRADIENTS = {
    "sum": task_weights.sum_weights,
    "normalized": task_weights.normalized_weights,
    "mgda": task_weights.min_norm_weights,
    "primary_auxiliary": task_weights.primary_auxiliary_weights,
}
COMBINATIONS = ("loss_scaled", *FROM_GRADIENTS)
LOSS_SCALES = ("initial", "running", "current")


class TaskLosses(NamedTuple):
    """Losses of tasks, each (tasks,): of this update, of the first one, and the running mean."""

    current: tf.Tensor
    initial: tf.Tensor
    running: tf.Tensor


class CombinedGradient(NamedTuple):
    """What a `Combination` returns.

    gradient: (parameters,) float32, d = Σ w_i g_i.
    weights: (tasks,) float32, w; 0 for tasks that are absent.
    norms: (tasks,) float32, ‖g_i‖.
    cosines: (tasks,) float32, of g_i to the mean gradient of the tasks that are present.
    """

    gradient: tf.Tensor
    weights: tf.Tensor
    norms: tf.Tensor
    cosines: tf.Tensor


class Combination:
    """Combines the gradients of tasks; to be called inside a compiled function, after the sum over processes.

    * "sum": Σ g_i, as in the released multi-task code of RoFormerV2.
    * "loss_scaled": Σ g_i / L_i with the loss of the first update ("initial"), a running mean ("running") or the
      loss of this update ("current": the gradient of Σ L_i / stop_gradient(L_i)).
    * "normalized": Σ g_i / ‖g_i‖.
    * "mgda": the point of smallest norm in the convex hull.
    * "primary_auxiliary": row 0 is the primary task; the others are heeded only where they conflict with it.

    Args:
        name: one of these.
        loss_scale: "initial", "running" or "current"; "loss_scaled" only.

    Raises:
        UserError: an unknown name.
    """

    def __init__(self, name, loss_scale="initial"):
        _check("combination of gradients", name, COMBINATIONS)
        _check("loss scale of the combination", loss_scale, LOSS_SCALES)
        self.name = name
        self.loss_scale = loss_scale

    def __call__(self, gradients, present, losses=None):
        """Combine.

        Args:
            gradients: (tasks, parameters) float32; row i is the gradient of the mean loss of task i, that is the sum
                over its targets divided by their number and the loss scale. A row multiplied by the number of
                micro-batches that the task was drawn for gives "sum" the frequencies of the mixture. Every row counts
                as a task of its own: rows may also be micro-batches.
            present: (tasks,) bool; whether a task was drawn for this update. Other rows may hold anything.
            losses: `TaskLosses`; "loss_scaled" only.

        Returns:
            `CombinedGradient`; it is not finite if a row that is present is not, so that the update is skipped.
        """
        gradients = tf.where(present[:, None], gradients, 0.0)
        gram = gram_matrix(gradients)
        weights = self.weights(gram, present, losses)
        values = (weights, gradient_norms(gram), cosines_to_mean(gram, present))
        return CombinedGradient(weighted_sum(weights, gradients), *(tf.cast(value, tf.float32) for value in values))

    def weights(self, gram, present, losses=None):
        """The weights alone, for instance from gradients on the shared representation, which are much smaller.

        Args:
            gram: (tasks, tasks) float64, inner products of gradients; zeros for tasks that are absent.
            present, losses: as above.

        Returns:
            (tasks,) float64.
        """
        if self.name == "loss_scaled":
            weights = task_weights.loss_scaled_weights(getattr(losses, self.loss_scale))
        else:
            weights = FROM_GRADIENTS[self.name](gram)
        return tf.where(present, weights, 0.0)


def weighted_sum(weights, gradients):
    """Σ w_i g_i in float32: (tasks,), (tasks, parameters) -> (parameters,)."""
    # Not a product of matrices, which a GPU would compute in TensorFloat-32.
    return tf.reduce_sum(tf.cast(weights, tf.float32)[:, None] * gradients, axis=0)


def _check(what, value, allowed):
    if value not in allowed:
        raise UserError(f"The {what} must be one of {', '.join(allowed)}, received {value!r}.")
