"""Held-out evaluation."""

import tensorflow as tf


class Evaluation:
    """Loss and accuracy per target over held-out batches, dropout off.

    Args:
        model: Keras model.
        objective: see `GradientFunction`; its third sum counts right predictions.
        batches: function that gives this process's batches, the same ones at each call.
        processes: `SingleProcess` or `WorkerProcesses`.
        jit_compile: whether XLA compiles the forward pass.
    """

    def __init__(self, model, objective, batches, processes, jit_compile):
        self.batches = batches
        self.processes = processes
        self._sums = tf.function(lambda batch: objective(model, batch, training=False), jit_compile=jit_compile)

    def __call__(self):
        """(loss, accuracy) over all processes."""
        total = tf.zeros(3)
        for batch in self.batches():
            total += self._sums({name: tf.convert_to_tensor(value) for name, value in batch.items()})
        loss, targets, right = self.processes.sum(total).numpy().tolist()
        return loss / max(targets, 1.0), right / max(targets, 1.0)
