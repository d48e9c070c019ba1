"""Losses of task heads whose classes exclude each other."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rfv2_keras")
class SparseCrossEntropy(keras.losses.Loss):
    """Cross entropy between a class number and logits, with label smoothing.

        loss = (1 - ε) · -log p_y + ε · mean_k -log p_k

    Logits of -inf (classes that are not there) are left out of the mean.

    Args:
        label_smoothing: ε, at least 0 and below 1.
    """

    def __init__(self, label_smoothing=0.0, reduction="sum_over_batch_size", name="sparse_cross_entropy", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        # y_true: (batch,), y_pred: (batch, classes)
        logits = ops.cast(y_pred, "float32")
        surprise = ops.logsumexp(logits, axis=-1, keepdims=True) - logits
        classes = ops.cast(ops.reshape(y_true, (-1, 1)), "int32")
        loss = ops.take_along_axis(surprise, classes, axis=-1)[:, 0]
        if not self.label_smoothing:
            return loss
        there = ops.cast(ops.isfinite(surprise), "float32")
        mean = ops.sum(ops.where(there > 0, surprise, 0.0), axis=-1) / ops.sum(there, axis=-1)
        return (1.0 - self.label_smoothing) * loss + self.label_smoothing * mean

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
