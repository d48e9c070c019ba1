"""How labels and scores enter a loss: scores in float32 or better under every policy, class ids as integers."""

import keras
from keras import ops


def at_least_float32(scores):
    """The scores in float32, or in float64 if that is what they are."""
    scores = ops.convert_to_tensor(scores)
    is_double = keras.backend.standardize_dtype(scores.dtype) == "float64"
    return scores if is_double else ops.cast(scores, "float32")


def class_ids(labels, scores):
    """Labels (...) or (..., 1) that belong to scores (..., classes), as int32 (...)."""
    labels = ops.cast(labels, "int32")
    has_class_axis = len(labels.shape) == len(scores.shape) and labels.shape[-1] == 1
    return ops.squeeze(labels, -1) if has_class_axis else labels
