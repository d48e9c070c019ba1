"""Losses of the heads that label spans, one number for each text."""

import keras
from keras import ops

from rfv2_keras.losses import ZLPR


@keras.saving.register_keras_serializable(package="rfv2_keras")
class SpanZLPR(ZLPR):
    """ZLPR over all spans of a text for each label, averaged over labels.

    Targets and scores: (batch, labels, first position, last position).
    """

    def __init__(self, reduction="sum_over_batch_size", name="span_zlpr"):
        super().__init__(class_axes=2, reduction=reduction, name=name)

    def call(self, y_true, y_pred):
        return ops.mean(super().call(y_true, y_pred), axis=-1)

    def get_config(self):
        config = super().get_config()
        return {name: config[name] for name in ("reduction", "name")}


class TaggingLoss(keras.losses.Loss):
    """-log P of the right tags under a conditional random field.

    Targets: (batch, length), tags; scores: (batch, length, tags), -inf at padding.

    Args:
        crf: the `ConditionalRandomField` of the model that is trained, whose transitions enter.
    """

    def __init__(self, crf, reduction="sum_over_batch_size", name="tagging_loss"):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.crf = crf

    def call(self, y_true, y_pred):
        return self.crf.sparse_loss(y_true, y_pred)
