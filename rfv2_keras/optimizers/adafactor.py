"""AdaFactor as the CLUE fine-tuning of RoFormerV2 used it."""

import keras
import numpy as np
from keras import ops

from rfv2_keras.optimizers.selection import checked_multipliers, checked_patterns, matches, multiplier


@keras.saving.register_keras_serializable(package="rfv2_keras")
class AdaFactor(keras.optimizers.Optimizer):
    """Adaptive learning rates from second moments that large matrices keep only as row and column means.

    With gradient `g`, weight `w`, learning rate `r`, update number `t = 1, 2, ...` and `rms(x) = sqrt(mean(x**2))`:

        beta = beta2, or 1 - t**-0.8 if that is None
        v = beta * v + (1 - beta) * (g**2 + epsilon1)              # in full
        v = v_row * v_column / mean(v_row)                         # or factored: running means over the two axes
        u = g / sqrt(v + epsilon1)
        u = u / max(1, rms(u) / clipping_threshold)
        m = beta1 * m + (1 - beta1) * u;  u = m                    # if beta1 > 0
        w = w - r * u * max(rms(w), epsilon2)                      # without the last factor if not scaled

    The defaults are the CLUE settings of RoFormerV2, where no variable is factored; bert4keras's own defaults are
    `learning_rate=1e-3, beta1=0.0, min_dim_size_to_factor=128`. Argument names are bert4keras's.

    Sources: Shazeer and Stern, arXiv 1804.04235; bert4keras 0.11.5; `clue/` of ZhuiyiTechnology/roformer-v2.

    Args:
        learning_rate: float, schedule or callable; None is the paper's `RelativeStep`.
        beta1: decay of the mean of the updates; 0 keeps no such mean and saves its memory.
        beta2: decay of the second moment; None is the paper's `1 - t**-0.8`.
        epsilon1: added to squared gradients.
        epsilon2: the least parameter scale.
        multiply_by_parameter_scale: whether steps are proportional to `rms(w)`.
        clipping_threshold: largest rms of an update before the learning rate; None does not clip.
        min_dim_size_to_factor: a variable is factored over its two largest axes if both are at least this long.
        exclude_from_parameter_scale: regular expressions; a weight in whose path one is found is not scaled.
        learning_rate_multipliers: dict of regular expression to factor, as in `AdamW`.
        **kwargs: the common arguments of Keras optimizers.

    Raises:
        UserError: for a pattern that is no regular expression or a factor that is negative.
    """

    def __init__(
        self,
        learning_rate=5e-4,
        beta1=0.9,
        beta2=None,
        epsilon1=1e-30,
        epsilon2=1e-3,
        multiply_by_parameter_scale=True,
        clipping_threshold=1.0,
        min_dim_size_to_factor=1_000_000,
        exclude_from_parameter_scale=None,
        learning_rate_multipliers=None,
        name="adafactor",
        **kwargs,
    ):
        if learning_rate is None:
            learning_rate = RelativeStep(1.0 if multiply_by_parameter_scale else 0.05)
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon1 = epsilon1
        self.epsilon2 = epsilon2
        self.multiply_by_parameter_scale = multiply_by_parameter_scale
        self.clipping_threshold = clipping_threshold
        self.min_dim_size_to_factor = min_dim_size_to_factor
        self.exclude_from_parameter_scale = checked_patterns(
            "exclude_from_parameter_scale", exclude_from_parameter_scale
        )
        self.learning_rate_multipliers = checked_multipliers("learning_rate_multipliers", learning_rate_multipliers)

    def build(self, variables):
        """Creates the moments of every variable and looks up which rules hold for it."""
        if self.built:
            return
        super().build(variables)
        if self.beta1 > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        self._factored_axes = [self._axes_to_factor(v.shape) for v in variables]
        self._second_moments = [
            self._add_second_moments(v, axes) for v, axes in zip(variables, self._factored_axes, strict=True)
        ]
        self._scaled = [
            self.multiply_by_parameter_scale and not matches(self.exclude_from_parameter_scale, v) for v in variables
        ]
        self._multipliers = [multiplier(self.learning_rate_multipliers, v) for v in variables]

    def _axes_to_factor(self, shape):
        """The two longest axes, or none if the variable is kept in full."""
        if len(shape) < 2:
            return ()
        axes = np.argsort(shape, kind="stable")[-2:]
        return tuple(int(a) for a in axes) if shape[axes[0]] >= self.min_dim_size_to_factor else ()

    def _add_second_moments(self, variable, axes):
        if not axes:
            return [self.add_variable_from_reference(variable, name="velocity")]
        return [
            self.add_variable(
                [1 if i == axis else size for i, size in enumerate(variable.shape)],
                dtype=variable.dtype,
                name=f"{variable.name}_velocity_mean_over_axis_{axis}",
            )
            for axis in axes
        ]

    def update_step(self, gradient, variable, learning_rate):
        """Moves one variable and its moments by one update."""
        index = self._get_variable_index(variable)
        # Adding zeros makes the sparse gradient of an embedding dense.
        gradient = ops.add(ops.cast(gradient, variable.dtype), ops.zeros(variable.shape, variable.dtype))
        second_moment = self._updated_second_moment(ops.square(gradient) + self.epsilon1, index)
        update = gradient / ops.sqrt(second_moment + self.epsilon1)
        if self.clipping_threshold is not None:
            update = update / ops.maximum(1.0, _rms(update) / self.clipping_threshold)
        if self.beta1 > 0:
            momentum = self._momentums[index]
            self.assign(momentum, self.beta1 * momentum + (1 - self.beta1) * update)
            update = momentum
        if self._scaled[index]:
            update = update * ops.maximum(_rms(variable), self.epsilon2)
        rate = ops.cast(learning_rate, variable.dtype) * self._multipliers[index]
        self.assign_sub(variable, rate * update)

    def _updated_second_moment(self, square, index):
        if self.beta2 is None:
            decay = 1 - ops.power(ops.cast(self.iterations + 1, square.dtype), -0.8)
        else:
            decay = self.beta2
        axes, moments = self._factored_axes[index], self._second_moments[index]
        if not axes:
            self.assign(moments[0], decay * moments[0] + (1 - decay) * square)
            return moments[0]
        for axis, moment in zip(axes, moments, strict=True):
            self.assign(moment, decay * moment + (1 - decay) * ops.mean(square, axis=axis, keepdims=True))
        over_first, over_second = moments
        return over_first * over_second / ops.mean(over_second, axis=axes[0], keepdims=True)

    def get_config(self):
        return {
            **super().get_config(),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon1": self.epsilon1,
            "epsilon2": self.epsilon2,
            "multiply_by_parameter_scale": self.multiply_by_parameter_scale,
            "clipping_threshold": self.clipping_threshold,
            "min_dim_size_to_factor": self.min_dim_size_to_factor,
            "exclude_from_parameter_scale": list(self.exclude_from_parameter_scale),
            "learning_rate_multipliers": dict(self.learning_rate_multipliers),
        }


@keras.saving.register_keras_serializable(package="rfv2_keras")
class RelativeStep(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of the AdaFactor paper: `factor * min(0.01, 1 / sqrt(t))` at update `t = 1, 2, ...`.

    Args:
        factor: 1 where steps are proportional to the parameter scale, 0.05 where they are not.
    """

    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, step):
        return self.factor * ops.minimum(0.01, 1 / ops.sqrt(ops.cast(step, "float32") + 1))

    def get_config(self):
        return {"factor": self.factor}


def _rms(x):
    return ops.sqrt(ops.mean(ops.square(x)))
