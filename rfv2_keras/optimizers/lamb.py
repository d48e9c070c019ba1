"""LAMB as RoFormerV2 and GAU-alpha were pretrained with it."""

import keras
from keras import ops

from rfv2_keras.optimizers.adamw import AdamW
from rfv2_keras.optimizers.selection import checked_patterns, matches


@keras.saving.register_keras_serializable(package="rfv2_keras")
class Lamb(AdamW):
    """AdamW whose step on each variable is as long as the variable itself, times the learning rate.

    With the `direction` of `AdamW`, which contains the weight decay:

        ratio = ||w|| / ||direction||     # 1 if either norm is 0
        w = w - r * ratio * direction

    `keras.optimizers.Lamb` leaves the weight decay outside the ratio and always corrects the bias. The pretraining of
    RoFormerV2 and GAU-alpha used a learning rate of 1.76e-3, `bias_correction=False` and a weight decay of 0.01 on all
    weights. bert4keras divides the step by `max(r, 1e-7)` to find the direction; here nothing is divided by the
    learning rate, so that the two differ only where `0 < r < 1e-7`.

    Sources: You et al., arXiv 1904.00962; bert4keras 0.11.5; https://spaces.ac.cn/archives/8998.

    Args:
        exclude_from_layer_adaptation: regular expressions; a weight in whose path one is found has ratio 1.
        **kwargs: the arguments of `AdamW`.

    Raises:
        UserError: for a pattern that is no regular expression.
    """

    def __init__(self, learning_rate=0.001, exclude_from_layer_adaptation=None, name="lamb", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.adaptation_exclusions = checked_patterns("exclude_from_layer_adaptation", exclude_from_layer_adaptation)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._adapts = [not matches(self.adaptation_exclusions, v) for v in variables]

    def _trust_ratio(self, variable, direction, index):
        if not self._adapts[index]:
            return 1.0
        weight_norm = ops.sqrt(ops.sum(ops.square(variable)))
        step_norm = ops.sqrt(ops.sum(ops.square(direction)))
        both = ops.logical_and(weight_norm > 0, step_norm > 0)
        return ops.where(both, weight_norm / ops.where(both, step_norm, 1.0), 1.0)

    def get_config(self):
        return {**super().get_config(), "exclude_from_layer_adaptation": list(self.adaptation_exclusions)}
