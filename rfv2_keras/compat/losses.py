"""The multi-label cross entropies of bert4keras, which are called ZLPR here."""

from keras import ops

from rfv2_keras.losses import sparse_zlpr, zlpr


def multilabel_categorical_crossentropy(y_true, y_pred):
    """`zlpr`: log(1 + Σ exp(s_i)) over negatives + log(1 + Σ exp(−s_j)) over positives, over the last axis.

    Args:
        y_true: (..., labels), 0 or 1.
        y_pred: (..., labels), scores; −inf where a label does not count.

    Source: https://spaces.ac.cn/archives/7359.
    """
    return zlpr(ops.cast(y_true, "float32"), y_pred)


def sparse_multilabel_categorical_crossentropy(y_true, y_pred, mask_zero=False):
    """`sparse_zlpr`: the same for positive classes given by their indices (..., positives).

    Args:
        mask_zero: whether index 0 is padding of the list of positives, so that class 0 does not count.
    """
    return sparse_zlpr(ops.cast(y_true, "int32"), y_pred, mask_zero=mask_zero)
