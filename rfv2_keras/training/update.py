"""One update: divide, clip, apply."""

import tensorflow as tf

from rfv2_keras.layers import ResidualBranch


class Update:
    """Turns summed gradients into a step of the optimizer.

    The order matters: sums are divided by the number of targets of the whole update, then clipped once by their global
    norm, then handed to the optimizer. If any gradient is not finite the weights stay as they are and the update is
    counted as skipped.

    XLA compiles the step of the optimizer, variable by variable, but not the decision whether it is taken: within XLA's
    conditional everything is copied, and the update took more than twice as long. On one CPU the norm is
    left to TensorFlow's own reduction, five times as fast as XLA's; but the order of its sum depends on the number of
    threads, so that several processes, which must find the very same norm, use XLA's.

    Args:
        model: Keras model.
        optimizer: Keras optimizer; built here.
        loss_scale: `LossScale`.
        clip_norm: largest global norm of the mean gradient, or None.
        alpha_warmup: number of updates in which the α of residual branches rises from 0 to 1, or None.
        processes: number of processes that do this update with the same gradients.
    """

    def __init__(self, model, optimizer, loss_scale, clip_norm=None, alpha_warmup=None, processes=1):
        self.model = model
        self.optimizer = optimizer
        self.loss_scale = loss_scale
        self.clip_norm = clip_norm
        self.alpha_warmup = alpha_warmup
        self.branches = alpha_branches(model)
        optimizer.build(model.trainable_variables)
        compile_norm = processes > 1 or bool(tf.config.list_physical_devices("GPU"))
        self._norm = tf.function(tf.linalg.global_norm, jit_compile=compile_norm)
        self._steps = optimizer.update_step = CompiledSteps(optimizer.update_step)
        clips = (optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm)
        self._optimizer_clips = any(clip is not None for clip in clips)
        self._function = tf.function(self._apply)

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
        norm = self._norm(gradients) * factor
        finite = tf.math.is_finite(norm)
        if self.clip_norm is not None:
            factor *= tf.minimum(1.0, self.clip_norm / tf.maximum(norm, 1e-12))
        tf.cond(finite, lambda: self._step(gradients, factor), lambda: tf.constant(0))
        self.loss_scale.record(finite)
        return norm

    def _step(self, gradients, factor):
        if self._optimizer_clips:  # then it must see the mean, which is otherwise not written down
            gradients, factor = [g * factor for g in gradients], tf.constant(1.0)
        self._steps.factor = factor
        self.optimizer.apply(gradients, self.model.trainable_variables)
        if self.alpha_warmup is not None:
            done = tf.cast(self.optimizer.iterations.value, tf.float32) / self.alpha_warmup
            for branch in self.branches:
                branch.set_alpha(tf.minimum(1.0, done))
        return tf.constant(1)


class CompiledSteps:
    """`update_step` of an optimizer, compiled by XLA for each variable by itself.

    XLA copies weights and moments before it overwrites them. In one function for all variables these copies lie beside
    each other, three quarters of what a model takes in training once more; here there are those of a variable or two.

    Attributes:
        factor: what gradients are multiplied by; to be set before each update of the graph is made.
    """

    def __init__(self, update_step):
        self.factor = None
        self._update_step = update_step
        self._functions = {}

    def __call__(self, gradient, variable, learning_rate):
        key = variable.ref()
        if key not in self._functions:

            def step(gradient, factor, learning_rate):
                self._update_step(gradient * factor, variable, learning_rate)

            self._functions[key] = tf.function(step, jit_compile=True)
        self._functions[key](gradient, self.factor, tf.convert_to_tensor(learning_rate))


def alpha_branches(model):
    """The residual branches of a model whose α is raised from outside."""
    return [layer for layer in model.layers if isinstance(layer, ResidualBranch) and layer.residual == "alpha_warmup"]
