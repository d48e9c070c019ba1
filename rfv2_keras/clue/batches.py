"""Batches of features of similar length, in an order that depends on a seed and the epoch only."""

import numpy as np
import tensorflow as tf

BUCKET = 16  # lengths are rounded up to a multiple
WINDOW = 50  # batches; within so many batches features are sorted by length


class FeatureBatches:
    """Batches for training and predicting.

    Args:
        kind: `Kind`, which pads.
        features: list of `Feature`.
        inputs: names of the model's inputs; those that the features lack are 0 everywhere (segments).
        batch: int, features of a batch.
        seed: None leaves the features in order of length, so that predicting wastes no padding; a number draws another
            order in every epoch.
    """

    def __init__(self, kind, features, inputs, batch, seed=None):
        self.kind = kind
        self.features = features
        self.names = inputs
        self.batch = batch
        self.seed = seed
        self.lengths = np.array([feature.length for feature in features])
        self.epoch = 0
        self.order = self._order()

    def __len__(self):
        return -(-len(self.features) // self.batch)

    def __getitem__(self, number):
        features, length = self._features(number)
        return self.inputs(number), self.kind.targets(features, length)

    def dataset(self):
        """A `tf.data.Dataset` of (inputs, targets) for `fit`; every pass over it is the next epoch."""
        inputs, targets = self[0]
        # Keras would take the sizes of the first batches for those of all; only the number of axes is fixed.
        signature = tuple(_any_size(array) for array in inputs), _any_size(targets)
        dataset = tf.data.Dataset.from_generator(self._epoch, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(2)

    def inputs(self, number):
        """The inputs of the model for a batch, a tuple of arrays."""
        features, length = self._features(number)
        arrays = self.kind.inputs(features, length)
        zeros = np.zeros_like(next(iter(arrays.values())))
        return tuple(arrays.get(name, zeros) for name in self.names)

    def rows(self, number):
        """Indices of the features of a batch."""
        return self.order[number * self.batch : (number + 1) * self.batch]

    def next_epoch(self):
        """Draw the order of the next epoch."""
        self.epoch += 1
        self.order = self._order()

    def _epoch(self):
        for number in range(len(self)):
            yield self[number]
        self.next_epoch()

    def _features(self, number):
        features = [self.features[i] for i in self.rows(number)]
        return features, -(-max(feature.length for feature in features) // BUCKET) * BUCKET

    def _order(self):
        if self.seed is None:
            return np.argsort(self.lengths, kind="stable")
        draw = np.random.default_rng([self.seed, self.epoch])
        order = draw.permutation(len(self.features))
        # Sorting within windows makes batches of similar length; the batches are then shuffled, and a batch that is
        # not full stays at the end.
        size = WINDOW * self.batch
        for start in range(0, len(order), size):
            window = order[start : start + size]
            order[start : start + size] = window[np.argsort(self.lengths[window], kind="stable")]
        full = len(order) // self.batch * self.batch
        batches = order[:full].reshape(-1, self.batch)
        return np.concatenate([draw.permutation(batches).reshape(-1), order[full:]])


def _any_size(array):
    array = np.asarray(array)
    return tf.TensorSpec([None] * array.ndim, array.dtype)
