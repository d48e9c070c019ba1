"""Sums over micro-batches: statistics and gradients."""

import tensorflow as tf

from rfv2_keras.training.diagnosis import first_non_finite_layer


class GradientFunction:
    """Computes the sums of one process for one update.

    Everything is a sum over targets, never a mean: sums of micro-batches and of processes just add up, and dividing by
    the number of all targets at the very end gives exactly the gradient of one large batch, however unevenly the
    targets lie.

    Args:
        model: Keras model.
        objective: function (model, batch, training) -> float32 vector whose first two entries are the sum of the loss
            over targets and the number of targets; further entries are sums to be logged.
        jit_compile: whether XLA compiles the function, once per shape of batch.
    """

    def __init__(self, model, objective, jit_compile):
        self.model = model
        self.objective = objective
        self._sums = tf.function(self._compute, jit_compile=jit_compile)
        self._add = tf.function(_add, jit_compile=True)

    def __call__(self, micro_batches, scale):
        """Statistics and scaled gradients, summed over micro-batches.

        Args:
            micro_batches: iterable of dicts of arrays or tensors.
            scale: float32 scalar that the loss is multiplied by before it is differentiated; keeps sums of 16-bit
                gradients small and, as a loss scale, away from zero.

        Returns:
            (statistics, list of float32 gradients in the order of `model.trainable_variables`).
        """
        total = None
        for batch in micro_batches:
            sums = self._sums({name: tf.convert_to_tensor(value) for name, value in batch.items()}, scale)
            total = sums if total is None else self._add(total, sums)
        return total

    @property
    def compiled_shapes(self):
        """How many shapes of batch have been traced (and with XLA compiled) so far."""
        return self._sums.experimental_get_tracing_count()

    @property
    def shapes(self):
        """The shapes of the gradients."""
        return [v.shape for v in self.model.trainable_variables]

    def first_non_finite_layer(self, batch):
        """Which layer breaks first for a batch, or None."""
        return first_non_finite_layer(self.model, batch)

    def _compute(self, batch, scale):
        weights = [v.value for v in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            statistics = self.objective(self.model, batch, training=True)
            loss = statistics[0] * scale
        gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # Look-ups of embeddings have sparse gradients; the update wants dense ones.
        return statistics, [tf.cast(tf.convert_to_tensor(g), tf.float32) for g in gradients]


def _add(left, right):
    return tf.nest.map_structure(tf.add, left, right)
