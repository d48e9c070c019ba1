"""ZLPR for labels that are given as lists of class ids."""

import keras
from keras import ops

from rfv2_keras.losses.zlpr import zlpr


def sparse_zlpr(y_true, y_pred, mask_zero=False, threshold=0.0):
    """`zlpr` with the positive classes listed by id.

    The ids are scattered into a (..., classes) table of 0 and 1, which takes no more memory than the scores. bert4keras
    subtracts the positive classes from the log-sum-exp of all classes instead, which cancels as soon as they dominate:
    with perfect scores of +-20 its loss is 3.9 where the true one is 1e-8, and its gradient points the wrong way.

    Args:
        y_true: (..., count), ids of the positive classes; an id that is listed twice counts once.
        y_pred: (..., classes), as in `zlpr`.
        mask_zero: whether id 0 is padding; class 0 then does not exist and its score is ignored.
        threshold: as in `zlpr`.

    Returns:
        Losses (...), in float32 (float64 for float64 scores).
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if mask_zero:
        y_pred = ops.where(ops.arange(y_pred.shape[-1]) == 0, -float("inf"), y_pred)
    return zlpr(_multi_hot(y_true, y_pred), y_pred, threshold)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class SparseZLPR(keras.losses.Loss):
    """`sparse_zlpr` as a Keras loss.

    Args:
        mask_zero: whether id 0 is padding.
        threshold: score above which a class is predicted.
        reduction: as in `keras.losses.Loss`; by default the mean over the samples.
    """

    def __init__(self, mask_zero=False, threshold=0.0, reduction="sum_over_batch_size", name="sparse_zlpr"):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.mask_zero = mask_zero
        self.threshold = threshold

    def call(self, y_true, y_pred):
        return sparse_zlpr(y_true, y_pred, self.mask_zero, self.threshold)

    def get_config(self):
        return {**super().get_config(), "mask_zero": self.mask_zero, "threshold": self.threshold}


def _multi_hot(ids, scores):
    """Ids (..., count) as a table of 0 and 1 in the shape of the scores (..., classes)."""
    table = ops.reshape(ops.zeros_like(scores), (-1, scores.shape[-1]))
    ids = ops.cast(ids, "int32")
    ids = ops.reshape(ids, (-1, ops.shape(ids)[-1]))
    rows = ops.zeros_like(ids) + ops.expand_dims(ops.arange(ops.shape(ids)[0], dtype="int32"), -1)
    places = ops.reshape(ops.stack([rows, ids], axis=-1), (-1, 2))
    ones = ops.ones_like(places[:, 0], dtype=table.dtype)
    return ops.reshape(ops.scatter_update(table, places, ones), ops.shape(scores))
