"""ZLPR: softmax and cross entropy carried over to multi-label classification."""

import keras
import numpy as np
from keras import ops

from rfv2_keras.errors import UserError
from rfv2_keras.losses.inputs import at_least_float32


def zlpr(y_true, y_pred, threshold=0.0, class_axes=1):
    """Zero-bounded log-sum-exp and pairwise rank-based loss of each sample.

    For scores `s`, labels `t` in [0, 1] and threshold `s0`:

        log(1 + sum_i t_i exp(s0 - s_i)) + log(1 + sum_i (1 - t_i) exp(s_i - s0))

    which for labels 0 and 1 ranks every positive class above the threshold and every negative one below it. Classes
    with `s > s0` are predicted. Classes with score -inf are left out, whatever their label. For soft labels the
    minimum lies at `t = sigmoid(2 (s - s0))`, see `zlpr_probabilities`.

    Sources: https://spaces.ac.cn/archives/7359, https://spaces.ac.cn/archives/9064, arXiv 2208.02955.

    Args:
        y_true: (..., classes), probabilities of the labels, 0 to 1.
        y_pred: (..., classes), any real scores, without sigmoid or softmax; -inf marks a class that does not count.
        threshold: number, or tensor that broadcasts to `y_pred`, such as the score of a threshold class (..., 1).
        class_axes: how many trailing axes make up the classes: 2 for GlobalPointer's (batch, types, start, end).

    Returns:
        Losses (...) without the class axes, in float32 (float64 for float64 scores).
    """
    scores = at_least_float32(y_pred)
    scores = _merge_axes(scores - ops.cast(threshold, scores.dtype), class_axes)
    labels = _merge_axes(ops.cast(y_true, scores.dtype), class_axes)
    counts = ops.not_equal(scores, -np.inf)
    negative = ops.where(counts, scores, -np.inf) + ops.log(1 - labels)
    positive = ops.where(counts, -scores, -np.inf) + ops.log(labels)
    return _log_one_plus_sum_exp(negative) + _log_one_plus_sum_exp(positive)


def zlpr_probabilities(scores, threshold=0.0):
    """Probabilities of labels under scores trained with `zlpr`: `sigmoid(2 (s - s0))`, above 1/2 where predicted."""
    scores = at_least_float32(scores)
    return ops.sigmoid(2 * (scores - ops.cast(threshold, scores.dtype)))


@keras.saving.register_keras_serializable(package="rfv2_keras")
class ZLPR(keras.losses.Loss):
    """`zlpr` as a Keras loss.

    Args:
        threshold: score above which a class is predicted.
        class_axes: how many trailing axes make up the classes.
        reduction: as in `keras.losses.Loss`; by default the mean over the samples.

    Raises:
        UserError: if `class_axes` is not an integer >= 1.
    """

    def __init__(self, threshold=0.0, class_axes=1, reduction="sum_over_batch_size", name="zlpr"):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        if not isinstance(class_axes, int) or class_axes < 1:
            raise UserError(f"`class_axes` must be an integer >= 1; received: {class_axes!r}.")
        self.threshold = threshold
        self.class_axes = class_axes

    def call(self, y_true, y_pred):
        return zlpr(y_true, y_pred, self.threshold, self.class_axes)

    # The same function, within reach of those who hold the class.
    probabilities = staticmethod(zlpr_probabilities)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold, "class_axes": self.class_axes}


def _merge_axes(x, axes):
    return x if axes == 1 else ops.reshape(x, (*ops.shape(x)[:-axes], -1))


def _log_one_plus_sum_exp(x):
    # The 1 enters as exp(0): the maximum of the terms is then finite even if all others are -inf.
    return ops.logsumexp(ops.concatenate([x, ops.zeros_like(x[..., :1])], axis=-1), axis=-1)
