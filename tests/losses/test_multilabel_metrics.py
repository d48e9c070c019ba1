"""Multi-label metrics equal scikit-learn's over the union of all batches."""

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from rfv2_keras.losses import MultiLabelExactMatch, MultiLabelF1, MultiLabelPrecision, MultiLabelRecall

PAIRS = [
    (MultiLabelPrecision, lambda t, p: precision_score(t, p, average="micro")),
    (MultiLabelRecall, lambda t, p: recall_score(t, p, average="micro")),
    (MultiLabelF1, lambda t, p: f1_score(t, p, average="micro")),
    (MultiLabelExactMatch, accuracy_score),
]


@pytest.mark.parametrize(("metric", "expected"), PAIRS)
@pytest.mark.parametrize("threshold", [0.0, 0.7])
def test_equal_to_scikit_learn(metric, expected, threshold):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, (50, 3))
    scores = generator.normal(size=(50, 3)) + labels
    scores[labels == 0] = np.where(generator.random((labels == 0).sum()) < 0.2, -np.inf, scores[labels == 0])
    metric = keras.metrics.deserialize(keras.metrics.serialize(metric(threshold=threshold)))
    for rows in (slice(0, 7), slice(7, 30), slice(30, 50)):
        metric.update_state(labels[rows], scores[rows])
    assert float(metric.result()) == pytest.approx(expected(labels, (scores > threshold).astype(int)), rel=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


@pytest.mark.parametrize(("metric", "expected"), PAIRS)
def test_weights_of_samples(metric, expected):
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, (20, 5))
    scores = generator.normal(size=(20, 5)) + 2 * labels - 1
    metric, weights = metric(), generator.integers(0, 2, 20)
    metric.update_state(labels, scores, sample_weight=weights)
    chosen = weights == 1
    assert float(metric.result()) == pytest.approx(expected(labels[chosen], (scores > 0)[chosen].astype(int)), rel=1e-6)


def test_spans_of_four_axes():
    labels = np.zeros((2, 3, 4, 4))
    labels[0, 1, 0, 2] = labels[1, 2, 3, 3] = 1
    scores = np.where(labels == 1, 1.0, -np.inf)
    scores[0, 0, 1, 1] = 2.0
    metric = MultiLabelF1()
    metric.update_state(labels, scores)
    assert float(metric.result()) == pytest.approx(2 * 2 / (3 + 2))
