"""Metrics for scores that are compared with a threshold, class by class."""

import keras
from keras import ops


class _ThresholdCounts(keras.metrics.Metric):
    """Counts of true positives, predicted classes and labelled classes over all batches since the last reset.

    A class is predicted if its score exceeds the threshold and labelled if its label exceeds 1/2. Shapes do not
    matter, as long as labels and scores have the same.

    Args:
        threshold: score above which a class is predicted.
    """

    def __init__(self, threshold=0.0, name=None, dtype="float32"):
        super().__init__(name=name, dtype=dtype)
        self.threshold = threshold
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.predicted = self.add_weight(name="predicted", initializer="zeros")
        self.labelled = self.add_weight(name="labelled", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        predicted = ops.cast(ops.cast(y_pred, "float32") > self.threshold, self.dtype)
        labelled = ops.cast(ops.cast(y_true, "float32") > 0.5, self.dtype)
        weights = _weights(sample_weight, predicted)
        self.hits.assign_add(ops.sum(weights * predicted * labelled))
        self.predicted.assign_add(ops.sum(weights * predicted))
        self.labelled.assign_add(ops.sum(weights * labelled))

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@keras.saving.register_keras_serializable(package="rfv2_keras")
class MultiLabelPrecision(_ThresholdCounts):
    """Share of the predicted classes that are labelled; 0 if none is predicted."""

    def result(self):
        return ops.divide_no_nan(self.hits, self.predicted)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class MultiLabelRecall(_ThresholdCounts):
    """Share of the labelled classes that are predicted; 0 if none is labelled."""

    def result(self):
        return ops.divide_no_nan(self.hits, self.labelled)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class MultiLabelF1(_ThresholdCounts):
    """Micro-averaged F1, `2 hits / (predicted + labelled)`; 0 if both are 0."""

    def result(self):
        return ops.divide_no_nan(2 * self.hits, self.predicted + self.labelled)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class MultiLabelExactMatch(keras.metrics.Mean):
    """Share of the samples whose predicted classes are exactly the labelled ones.

    Args:
        threshold: score above which a class is predicted.
    """

    def __init__(self, threshold=0.0, name="multi_label_exact_match", dtype="float32"):
        super().__init__(name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        predicted = ops.cast(y_pred, "float32") > self.threshold
        agree = ops.equal(predicted, ops.cast(y_true, "float32") > 0.5)
        super().update_state(ops.all(agree, axis=-1), sample_weight)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


def _weights(sample_weight, like):
    """Weights of samples (or of parts of them) with axes of length 1 added until they broadcast; 1 without weights."""
    if sample_weight is None:
        return 1.0
    weights = ops.cast(sample_weight, like.dtype)
    return ops.reshape(weights, (*ops.shape(weights), *[1] * (len(like.shape) - len(weights.shape))))
