"""Optimizers that swap the weights of a model for their moving averages and back."""

import keras
from keras import ops

from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdaFactor, AdamW, Lamb


class MovingAverages:
    """The two methods of bert4keras, on top of the averages that Keras keeps with `use_ema=True`."""

    def apply_ema_weights(self, bias_correction=True):
        """Put the averages into the model; the weights are kept until `reset_old_weights`.

        Args:
            bias_correction: True. Averages start at the first weights, not at zero as in bert4keras, so that there is
                no bias, and none can be left uncorrected.
        """
        if not bias_correction:
            raise UserError(
                "apply_ema_weights: averages have no bias here, so that bias_correction=False is not offered."
            )
        if not self.built:
            raise UserError("apply_ema_weights: there are no averages before the first update.")
        self._old_values = [ops.copy(variable.value) for variable in self._trainable_variables]
        for variable, average in zip(self._trainable_variables, self._model_variables_moving_average, strict=True):
            variable.assign(average)

    def reset_old_weights(self):
        """Put the weights back that `apply_ema_weights` replaced."""
        if getattr(self, "_old_values", None) is None:
            raise UserError("reset_old_weights: apply_ema_weights was not called before.")
        for variable, value in zip(self._trainable_variables, self._old_values, strict=True):
            variable.assign(value)
        self._old_values = None


@keras.saving.register_keras_serializable(package="rfv2_keras.compat")
class AveragingAdamW(MovingAverages, AdamW):
    """`AdamW` with moving averages of the weights."""


@keras.saving.register_keras_serializable(package="rfv2_keras.compat")
class AveragingLamb(MovingAverages, Lamb):
    """`Lamb` with moving averages of the weights."""


@keras.saving.register_keras_serializable(package="rfv2_keras.compat")
class AveragingAdaFactor(MovingAverages, AdaFactor):
    """`AdaFactor` with moving averages of the weights."""


AVERAGING = {AdamW: AveragingAdamW, Lamb: AveragingLamb, AdaFactor: AveragingAdaFactor}
