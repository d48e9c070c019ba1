"""One update: divide, clip, apply."""

import tensorflow as tf

from rfv2_keras.layers import ResidualBranch


class Update:
    """Turns summed gradients into a step of the optimizer, in one function that XLA compiles.

    The order matters: sums are divided by the number of targets of the whole update, then clipped once by their global
    norm, then handed to the optimizer. If any gradient is not finite the weights stay as they are and the update is
    counted as skipped.

    Args:
        model: Keras model.
        optimizer: Keras optimizer; built here.
        loss_scale: `LossScale`.
        clip_norm: largest global norm of the mean gradient, or None.
        alpha_warmup: number of updates in which the α of residual branches rises from 0 to 1, or None.
    """

    def __init__(self, model, optimizer, loss_scale, clip_norm=None, alpha_warmup=None):
        self.model = model
        self.optimizer = optimizer
        self.loss_scale = loss_scale
        self.clip_norm = clip_norm
        self.alpha_warmup = alpha_warmup
        self.branches = alpha_branches(model)
        optimizer.build(model.trainable_variables)
        self._function = tf.function(self._apply, jit_compile=True)

    def __call__(self, statistics, gradients, scale):
        """Apply one update.

        Args:
            statistics: sums of the whole update; entry 1 is the number of targets.
            gradients: gradients of (scale · sum of the loss).
            scale: float32 scalar.

        Returns:
            Global norm of the mean gradient before clipping, float32 scalar; not finite if the update was skipped.
        """
        return self._function(statistics, gradients, scale)

    def _apply(self, statistics, gradients, scale):
        return self._clip_and_step(gradients, 1.0 / (scale * tf.maximum(statistics[1], 1.0)))

    def _clip_and_step(self, gradients, factor):
        norm = tf.linalg.global_norm(gradients) * factor
        finite = tf.math.is_finite(norm)
        if self.clip_norm is not None:
            factor *= tf.minimum(1.0, self.clip_norm / tf.maximum(norm, 1e-12))
        tf.cond(finite, lambda: self._step([g * factor for g in gradients]), lambda: tf.constant(0))
        self.loss_scale.record(finite)
        return norm

    def _step(self, gradients):
        self.optimizer.apply(gradients, self.model.trainable_variables)
        if self.alpha_warmup is not None:
            done = tf.cast(self.optimizer.iterations.value, tf.float32) / self.alpha_warmup
            for branch in self.branches:
                branch.set_alpha(tf.minimum(1.0, done))
        return tf.constant(1)


def alpha_branches(model):
    """The residual branches of a model whose α is raised from outside."""
    return [layer for layer in model.layers if isinstance(layer, ResidualBranch) and layer.residual == "alpha_warmup"]
