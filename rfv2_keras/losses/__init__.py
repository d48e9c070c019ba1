"""Losses and their metrics: masked language model, ZLPR for multi-label, EXACT and others for accuracy."""

from rfv2_keras.losses.accuracy import (
    CrossEntropyThenAccuracy,
    SmoothedAccuracyLoss,
    SwitchToAccuracy,
    TemperatureCrossEntropy,
    cross_entropy_then_accuracy,
    smoothed_accuracy_loss,
    temperature_cross_entropy,
)
from rfv2_keras.losses.exact import EXACT, expected_accuracy, normalized_logits
from rfv2_keras.losses.loss_schedule import LossSchedule
from rfv2_keras.losses.masked_lm import MaskedLMAccuracy, MaskedLMLoss, masked_lm_loss, masked_lm_sums
from rfv2_keras.losses.multilabel_metrics import (
    MultiLabelExactMatch,
    MultiLabelF1,
    MultiLabelPrecision,
    MultiLabelRecall,
)
from rfv2_keras.losses.sparse_zlpr import SparseZLPR, sparse_zlpr
from rfv2_keras.losses.zlpr import ZLPR, zlpr, zlpr_probabilities

__all__ = [
    "EXACT",
    "ZLPR",
    "CrossEntropyThenAccuracy",
    "LossSchedule",
    "MaskedLMAccuracy",
    "MaskedLMLoss",
    "MultiLabelExactMatch",
    "MultiLabelF1",
    "MultiLabelPrecision",
    "MultiLabelRecall",
    "SmoothedAccuracyLoss",
    "SparseZLPR",
    "SwitchToAccuracy",
    "TemperatureCrossEntropy",
    "cross_entropy_then_accuracy",
    "expected_accuracy",
    "masked_lm_loss",
    "masked_lm_sums",
    "normalized_logits",
    "smoothed_accuracy_loss",
    "sparse_zlpr",
    "temperature_cross_entropy",
    "zlpr",
    "zlpr_probabilities",
]
