"""Networks that learn several labels for a vector, with two losses and three kinds of targets."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from rfv2_keras.losses import MultiLabelExactMatch, MultiLabelF1, zlpr
from rfv2_keras.optimizers import AdamW, PiecewiseLinear

ZLPR, SIGMOID = LOSSES = ("ZLPR", "sigmoid cross entropy")
HARD, SMOOTHED, MIXUP = TARGETS = ("hard", "smoothed", "mixup")
ARMS = tuple((loss, targets) for targets in TARGETS for loss in LOSSES)


class Result(NamedTuple):
    """What came of a training, on the test texts.

    Attributes:
        f1: micro F1 × 100.
        exact: share × 100 of the texts whose predicted labels are exactly right.
        scores, labels: (texts, labels), and the right labels as 0 and 1.
    """

    f1: float
    exact: float
    scores: np.ndarray
    labels: np.ndarray


def sigmoid_cross_entropy(labels, scores):
    """The sum over the labels, as ZLPR is one loss for all of them."""
    return ops.sum(ops.binary_crossentropy(labels, scores, from_logits=True), axis=-1)


def train(data, loss, targets, seed, options):
    """Train a network.

    Args:
        data: `Vectors`.
        loss: one of `LOSSES`.
        targets: one of `TARGETS`.
        seed: of initial weights, the order of texts, and mixing.
        options: of the script.

    Returns:
        `Result`.
    """
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    layers = [keras.layers.Dense(options.hidden, "relu"), keras.layers.Dense(data.train_labels.shape[1])]
    model = keras.Sequential([keras.Input(data.train.shape[1:]), *layers])
    steps = options.epochs * -(-len(data.train) // options.batch)
    optimizer = AdamW(PiecewiseLinear({steps // 10: 1.0, steps: 0.0}, options.learning_rate))
    model.compile(optimizer, zlpr if loss == ZLPR else sigmoid_cross_entropy, jit_compile=False)
    for _ in range(options.epochs):  # one by one, since mixup draws other pairs in each
        order = generator.permutation(len(data.train))
        examples = soften(data.train[order], data.train_labels[order], targets, options.smoothing, generator)
        model.fit(*examples, batch_size=options.batch, shuffle=False, verbose=0)
    scores = ops.convert_to_numpy(model(data.test))
    f1, exact = (percent(metric, scores, data.test_labels) for metric in (MultiLabelF1(), MultiLabelExactMatch()))
    print(f"{loss}, {targets} targets, seed {seed}: micro F1 {f1:.2f}, exact match {exact:.2f}", flush=True)
    return Result(f1, exact, scores, data.test_labels)


def soften(vectors, labels, targets, smoothing, generator):
    """Vectors and labels to learn from.

    Args:
        vectors, labels: (texts, features) and (texts, labels), labels 0 and 1.
        targets: one of `TARGETS`.
        smoothing: ε of smoothed labels t (1 − ε) + ε / 2.
        generator: numpy.random.Generator, of mixup: λ a + (1 − λ) b for random pairs of texts, λ uniform in [0, 1].
    """
    if targets == SMOOTHED:
        return vectors, labels * (1 - smoothing) + smoothing / 2
    if targets == MIXUP:
        share = generator.random((len(vectors), 1)).astype("float32")
        other = generator.permutation(len(vectors))
        vectors, labels = (share * array + (1 - share) * array[other] for array in (vectors, labels))
    return vectors, labels


def percent(metric, scores, labels):
    """The result of a Keras metric × 100."""
    metric.update_state(labels, scores)
    return 100 * float(metric.result())
