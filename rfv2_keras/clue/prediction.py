"""From a model and examples to predictions."""

import numpy as np
import tensorflow as tf

from rfv2_keras.clue.batches import FeatureBatches
from rfv2_keras.clue.progress import StepLines


def encode(kind, examples):
    """The features of examples, one example after the other."""
    return [feature for index, example in enumerate(examples) for feature in kind.features(example, index)]


class Predictor:
    """Predicts with one model, for any number of files.

    Args:
        kind: `Kind`.
        model: the Keras model that the kind made.
        batch: features that go through the model at once.
        stream: where progress goes; None for nowhere.
    """

    def __init__(self, kind, model, batch=64, stream=None):
        self.kind = kind
        self.model = model
        self.batch = batch
        self.stream = stream
        self._outputs = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)

    def __call__(self, examples, features=None):
        """Predictions for examples, in their order; `features` is what `encode` made of them, if it is at hand."""
        features = encode(self.kind, examples) if features is None else features
        summaries = [[] for _ in examples]
        batches = FeatureBatches(self.kind, features, [t.name for t in self.model.inputs], self.batch)
        lines = StepLines("predicting", len(batches), self.stream)
        for number in range(len(batches)):
            outputs = self._outputs([tf.convert_to_tensor(array) for array in batches.inputs(number)])
            for row, output in zip(batches.rows(number), np.asarray(outputs), strict=True):
                feature = features[row]
                summaries[feature.example].append((row, feature, self.kind.summary(feature, output)))
            lines(number + 1)
        # Batches are sorted by length; the number of a feature brings those of an example back into order.
        ordered = [[pair[1:] for pair in sorted(rows, key=lambda row: row[0])] for rows in summaries]
        return self.kind.decode(examples, ordered)
