"""Adam with decoupled weight decay, as bert4keras computes it."""

import keras
from keras import ops

from rfv2_keras.optimizers.selection import checked_multipliers, checked_patterns, matches, multiplier


@keras.saving.register_keras_serializable(package="rfv2_keras")
class AdamW(keras.optimizers.Optimizer):
    """Adam with decoupled weight decay; plain Adam with `weight_decay=0`.

    With gradient `g`, weight `w`, learning rate `r` and update number `t = 1, 2, ...`:

        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)    # m, v themselves without bias_correction
        direction = m_hat / (sqrt(v_hat) + epsilon) + weight_decay * w
        w = w - r * direction

    It differs from `keras.optimizers.AdamW` in epsilon (1e-6, added after the bias correction), in the switch
    `bias_correction`, in weights being chosen by their path, and in the learning rate per weight.

    Sources: Kingma and Ba, arXiv 1412.6980; Loshchilov and Hutter, arXiv 1711.05101; bert4keras 0.11.5.

    Args:
        learning_rate: float, a `keras.optimizers.schedules.LearningRateSchedule` or a callable without arguments.
        beta_1: decay of the mean of the gradients.
        beta_2: decay of the mean of the squared gradients.
        epsilon: added to the root of the second moment.
        bias_correction: whether the moments are divided by `1 - beta**t`. RoFormerV2 was pretrained without.
        weight_decay: share of a weight that is taken off at learning rate 1; None is 0.
        exclude_from_weight_decay: regular expressions; a weight in whose path one is found does not decay.
            The Keras method of the same name, `optimizer.exclude_from_weight_decay(...)`, works too.
        learning_rate_multipliers: dict of regular expression to factor; a weight's learning rate is multiplied by
            the factors of all expressions found in its path. This serves layer-wise learning rates.
        **kwargs: the common arguments of Keras optimizers (`clipnorm`, `global_clipnorm`, `use_ema`, ...).

    Raises:
        UserError: for a pattern that is no regular expression or a factor that is negative.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        bias_correction=True,
        weight_decay=0.01,
        exclude_from_weight_decay=None,
        learning_rate_multipliers=None,
        name="adamw",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, name=name, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.bias_correction = bias_correction
        self.decay_exclusions = checked_patterns("exclude_from_weight_decay", exclude_from_weight_decay)
        self.learning_rate_multipliers = checked_multipliers("learning_rate_multipliers", learning_rate_multipliers)

    def build(self, variables):
        """Creates the two moments of every variable and looks up which rules hold for it."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        # Looked up here because update_step receives bare tensors without a path on some backends.
        self._decays = [
            (self.weight_decay or 0.0) * (self._use_weight_decay(v) and not matches(self.decay_exclusions, v))
            for v in variables
        ]
        self._multipliers = [multiplier(self.learning_rate_multipliers, v) for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        """Moves one variable and its moments by one update."""
        index = self._get_variable_index(variable)
        direction = self._direction(gradient, variable, index)
        rate = ops.cast(learning_rate, variable.dtype) * self._multipliers[index]
        self.assign_sub(variable, rate * self._trust_ratio(variable, direction, index) * direction)

    def _direction(self, gradient, variable, index):
        # Adding zeros makes the sparse gradient of an embedding dense.
        gradient = ops.add(ops.cast(gradient, variable.dtype), ops.zeros(variable.shape, variable.dtype))
        mean, square = self._momentums[index], self._velocities[index]
        self.assign(mean, self.beta_1 * mean + (1 - self.beta_1) * gradient)
        self.assign(square, self.beta_2 * square + (1 - self.beta_2) * ops.square(gradient))
        if self.bias_correction:
            step = ops.cast(self.iterations + 1, variable.dtype)
            mean = mean / (1 - ops.power(ops.cast(self.beta_1, variable.dtype), step))
            square = square / (1 - ops.power(ops.cast(self.beta_2, variable.dtype), step))
        return mean / (ops.sqrt(square) + self.epsilon) + self._decays[index] * variable

    def _trust_ratio(self, variable, direction, index):
        return 1.0

    def _apply_weight_decay(self, variables):
        # Keras would let the weights decay here, before update_step; here the decay is part of the direction.
        pass

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "bias_correction": self.bias_correction,
            "exclude_from_weight_decay": list(self.decay_exclusions),
            "learning_rate_multipliers": dict(self.learning_rate_multipliers),
        }
