"""Losses between cross entropy and accuracy: temperature, smoothed accuracy, and one after the other."""

import keras
from keras import ops

from rfv2_keras.errors import UserError
from rfv2_keras.losses.inputs import at_least_float32, class_ids
from rfv2_keras.losses.loss_schedule import LossSchedule


def temperature_cross_entropy(labels, logits, temperature=1.0):
    """Cross entropy of `softmax(logits / temperature)`; the lower the temperature, the nearer its zeros to accuracy's.

    Args:
        labels: (...) or (..., 1), ids of the labelled classes.
        logits: (..., classes); -inf marks a class that does not exist.
        temperature: number > 0.

    Returns:
        Losses (...), in float32 (float64 for float64 logits).
    """
    scaled = at_least_float32(logits) / temperature
    ids = ops.expand_dims(class_ids(labels, scaled), -1)
    return ops.logsumexp(scaled, axis=-1) - ops.squeeze(ops.take_along_axis(scaled, ids, axis=-1), -1)


def smoothed_accuracy_loss(labels, logits, temperature=1.0):
    """`1 - p_y` with `p = softmax(logits / temperature)`: one minus a smooth accuracy.

    To first order it equals the cross entropy as p_y nears 1, but its gradient vanishes as p_y nears 0: it suits
    fine-tuning, not training from scratch.

    Sources: https://spaces.ac.cn/archives/9098, https://spaces.ac.cn/archives/10145.

    Arguments and result as in `temperature_cross_entropy`.
    """
    # -expm1(-x) is 1 - exp(-x) without cancellation where p_y is almost 1.
    return -ops.expm1(-temperature_cross_entropy(labels, logits, temperature))


def cross_entropy_then_accuracy(labels, logits, accuracy_weight, temperature=1.0):
    """`(1 - w) * temperature_cross_entropy + w * smoothed_accuracy_loss` with the weight w from 0 to 1.

    Other arguments and result as in `temperature_cross_entropy`.
    """
    cross_entropy = temperature_cross_entropy(labels, logits, temperature)
    weight = ops.cast(accuracy_weight, cross_entropy.dtype)
    return (1 - weight) * cross_entropy - weight * ops.expm1(-cross_entropy)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class TemperatureCrossEntropy(keras.losses.Loss):
    """`temperature_cross_entropy` as a Keras loss.

    Args:
        temperature: number > 0.
        reduction: as in `keras.losses.Loss`; by default the mean over the samples.

    Raises:
        UserError: if the temperature is not positive.
    """

    def __init__(self, temperature=1.0, reduction="sum_over_batch_size", name="temperature_cross_entropy"):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        if not temperature > 0:
            raise UserError(f"`temperature` must be > 0; received: {temperature!r}.")
        self.temperature = temperature

    def call(self, y_true, y_pred):
        return temperature_cross_entropy(y_true, y_pred, self.temperature)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable(package="rfv2_keras")
class SmoothedAccuracyLoss(TemperatureCrossEntropy):
    """`smoothed_accuracy_loss` as a Keras loss; arguments as in `TemperatureCrossEntropy`."""

    def __init__(self, temperature=1.0, reduction="sum_over_batch_size", name="smoothed_accuracy_loss"):
        super().__init__(temperature, reduction=reduction, name=name)

    def call(self, y_true, y_pred):
        return smoothed_accuracy_loss(y_true, y_pred, self.temperature)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class CrossEntropyThenAccuracy(TemperatureCrossEntropy):
    """`cross_entropy_then_accuracy` as a Keras loss, with a weight that moves from 0 to 1.

    The weight is a variable that the callback `SwitchToAccuracy` sets while a compiled model trains.

    Args:
        temperature: of both parts, > 0.
        accuracy_weight: initial weight of the accuracy.
        reduction: as in `keras.losses.Loss`; by default the mean over the samples.
    """

    def __init__(
        self,
        temperature=1.0,
        accuracy_weight=0.0,
        reduction="sum_over_batch_size",
        name="cross_entropy_then_accuracy",
    ):
        super().__init__(temperature, reduction=reduction, name=name)
        self.accuracy_weight = keras.Variable(accuracy_weight, dtype="float32", trainable=False, name="accuracy_weight")

    def call(self, y_true, y_pred):
        return cross_entropy_then_accuracy(y_true, y_pred, self.accuracy_weight, self.temperature)

    def get_config(self):
        return {**super().get_config(), "accuracy_weight": float(ops.convert_to_numpy(self.accuracy_weight))}


class SwitchToAccuracy(LossSchedule):
    """Callback that moves `CrossEntropyThenAccuracy` from cross entropy to accuracy.

    The weight is 0 for `after` batches, rises in a straight line over the next `ramp` batches and then stays 1. That
    accuracy comes second is the source's advice (smoothed accuracy suits fine-tuning, not training from scratch);
    when and how fast to switch is in no source: this schedule is ours.

    Args:
        loss: the `CrossEntropyThenAccuracy` that the model was compiled with.
        after: number of batches with cross entropy only.
        ramp: number of batches in between; 0 switches at once.
        first_step: batches that an earlier run has already trained.
    """

    def __init__(self, loss, after, ramp=0, first_step=0):
        def weight(step):
            return float(step >= after) if ramp == 0 else min(max((step - after) / ramp, 0.0), 1.0)

        super().__init__(loss.accuracy_weight, weight, first_step)
