"""From a model and examples to predictions."""

import numpy as np

from rfv2_keras.clue.progress import StepLines
from rfv2_keras.inference.any_shape import prediction_function
from rfv2_keras.inference.batching import row_batches


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
        self._outputs = prediction_function(model)

    def __call__(self, examples, features=None):
        """Predictions for examples, in their order; `features` is what `encode` made of them, if it is at hand."""
        features = encode(self.kind, examples) if features is None else features
        summaries = [[] for _ in examples]
        batches = list(row_batches(features, lambda feature: feature.length, self.batch, batches_at_once=None))
        lines = StepLines("predicting", len(batches), self.stream)
        for number, batch in enumerate(batches, 1):
            outputs = self._outputs(self._inputs(batch))
            kept = zip(batch.places, batch.rows, np.asarray(outputs)[: len(batch.rows)], strict=True)
            for place, feature, output in kept:
                summaries[feature.example].append((place, feature, self.kind.summary(feature, output)))
            lines(number)
        # Batches are sorted by length; the number of a feature brings those of an example back into order.
        ordered = [[pair[1:] for pair in sorted(rows, key=lambda row: row[0])] for rows in summaries]
        return self.kind.decode(examples, ordered)

    def _inputs(self, batch):
        """The inputs of the model for a batch; those that the features lack are 0 everywhere (segments)."""
        rows, columns = batch.shape
        arrays = self.kind.inputs(batch.rows, columns)
        arrays = {name: _with_rows(array, rows) for name, array in arrays.items()}
        zeros = np.zeros_like(next(iter(arrays.values())))
        return [arrays.get(tensor.name, zeros) for tensor in self.model.inputs]


def _with_rows(array, rows):
    """The array with rows of zeros at its end."""
    return np.pad(array, [(0, rows - len(array)), *[(0, 0)] * (array.ndim - 1)])
