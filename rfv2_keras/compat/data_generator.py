"""`DataGenerator`: batches from examples, for `model.fit`."""

import itertools

import keras
import numpy as np
import tensorflow as tf

from rfv2_keras.errors import UserError

PEEKED_BATCHES = 8  # that show which axes may change


class DataGenerator:
    """Base of generators that make batches of examples; subclasses define `__iter__`.

        class data_generator(DataGenerator):
            def __iter__(self, random=False):
                token_ids, labels = [], []
                for is_end, (text, label) in self.sample(random):
                    token_ids.append(tokenizer.encode(text)[0])
                    labels.append([label])
                    if len(token_ids) == self.batch_size or is_end:
                        yield sequence_padding(token_ids), np.array(labels)
                        token_ids, labels = [], []

        generator = data_generator(examples, batch_size=32)
        model.fit(generator.forfit(), steps_per_epoch=len(generator), epochs=5)

    The order is drawn from NumPy's global generator: `np.random.seed` repeats it.

    Args:
        data: a sequence of examples, or any other iterable, which then has no length and is shuffled in a buffer.
        batch_size: examples in a batch.
        buffer_size: examples that a shuffled iterable keeps at hand; 1000 batches by default.
    """

    def __init__(self, data, batch_size=32, buffer_size=None):
        self.data = data
        self.batch_size = batch_size
        self.steps = -(-len(data) // batch_size) if hasattr(data, "__len__") else None
        self.buffer_size = buffer_size or batch_size * 1000

    def __len__(self):
        if self.steps is None:
            raise UserError("these data have no length; give steps_per_epoch a number.")
        return self.steps

    def sample(self, random=False):
        """Yield pairs: whether this is the last example, and the example."""
        examples = self._ordered(random)
        try:
            current = next(examples)
        except StopIteration:
            return
        for following in examples:
            yield False, current
            current = following
        yield True, current

    def __iter__(self, random=False):
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self, random=False)")

    def forfit(self, random=True):
        """Batches without end, for `model.fit(generator.forfit(), steps_per_epoch=len(generator))`.

        Keras takes the shapes of a plain generator from its first two batches and fails at a third of another length;
        so this is a `tf.data.Dataset` in which every axis may change that is not always 1. Loops over it see
        TensorFlow tensors.

        Args:
            random: whether the examples are shuffled in each round.
        """
        return self._dataset(random, lambda batch: batch)

    def fortest(self, random=False):
        """The inputs of batches without end, for `model.predict(generator.fortest(), steps=len(generator))`."""
        return self._dataset(random, lambda batch: batch[:1])

    def to_dataset(self, *args, **kwargs):
        raise UserError(
            "to_dataset is not offered: forfit() gives a tf.data.Dataset already, with what __iter__ yields."
        )

    def _ordered(self, random):
        if not random:
            yield from self.data
        elif self.steps is not None:
            for index in np.random.permutation(len(self.data)):  # noqa: NPY002 - np.random.seed shall repeat it
                yield self.data[index]
        else:
            yield from self._shuffled_in_buffer()

    def _shuffled_in_buffer(self):
        buffer = []
        for example in self.data:
            if len(buffer) == self.buffer_size:
                yield _drawn_from(buffer)
            buffer.append(example)
        while buffer:
            yield _drawn_from(buffer)

    def _dataset(self, random, part):
        def batches():
            while True:
                for batch in self.__iter__(random):
                    yield _structure(part(batch))

        first = [_structure(part(batch)) for batch in itertools.islice(self.__iter__(), PEEKED_BATCHES)]
        if not first:
            raise UserError(f"{type(self).__name__} has no batch to give: there are no examples.")
        signature = keras.tree.map_structure(_signature, *first)
        return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(tf.data.AUTOTUNE)


def _drawn_from(buffer):
    return buffer.pop(np.random.randint(len(buffer)))  # noqa: NPY002


def _structure(batch):
    """A batch as tuples of arrays: tf.data makes one tensor of a list, and has no None, which stands for no labels."""
    if not isinstance(batch, tuple):
        raise UserError(f"__iter__ must yield tuples (inputs, labels), received {type(batch).__name__}.")
    while len(batch) > 1 and batch[-1] is None:
        batch = batch[:-1]
    return keras.tree.map_structure(np.asarray, keras.tree.lists_to_tuples(tuple(_arrays(part) for part in batch)))


def _arrays(part):
    """Lists of numbers become arrays, lists of inputs stay lists."""
    if isinstance(part, list) and not any(isinstance(item, np.ndarray) for item in part):
        return np.asarray(part)
    return part


def _signature(*arrays):
    """Arrays in which each axis may have any size, but for one that is always 1: labels (batch, 1) need to show it."""
    sizes = [1 if set(axis) == {1} else None for axis in zip(*(array.shape[1:] for array in arrays), strict=True)]
    return tf.TensorSpec((None, *sizes), arrays[0].dtype)
