"""Sums over the micro-batches of an update, task by task."""

import math

import numpy as np
import tensorflow as tf

from rfv2_keras.multitask.functions import flat
from rfv2_keras.training.diagnosis import first_non_finite_layer

# Sums that are kept of each task: loss, targets, micro-batches, right predictions.
SUMS = 4


class MultitaskGradients:
    """Computes the sums of one process for one update, the gradients of tasks apart from each other.

    Statistics are one float32 vector: the sum of the loss and the number of targets of all tasks, then `SUMS` numbers
    of each task. Gradients are `rows` vectors of the shared weights, and one of all heads. Row k holds the k-th of the
    tasks that were drawn, in the order of their numbers; those who need not know which they are find out from the
    numbers of micro-batches. Rows beyond are 0.

    Everything is a sum over targets (times the scale, by the `slots` of the task), so that sums of micro-batches and of
    processes just add up, and one all-reduce of all of it is enough.

    Args:
        model: `MultitaskModel`.
        names: names of the tasks by number.
        functions: the `TaskFunction` of each task.
        slots: for each task the largest number of targets of one process's micro-batch; the loss is divided by it
            before it is differentiated, which keeps 16-bit gradients in range.
        rows: int, the largest number of tasks of an update.
    """

    def __init__(self, model, names, functions, slots, rows):
        self.model = model
        self.names = names
        self.functions = functions
        self.slots = slots
        self.rows = rows
        self.epochs = {}  # of the tasks drawn by this process, for the log
        self._heads = [model.heads.get(name) for name in names]
        self._sizes = head_sizes(model, names)
        self._parameters = sum(math.prod(v.shape) for v in model.shared.trainable_variables)
        self._no_sums = tf.zeros((SUMS,))
        self._no_row = tf.zeros((self._parameters,))
        self._no_heads = [tf.zeros((size,)) for size in self._sizes]

    def __call__(self, micro_batches, scale):
        """Statistics and scaled gradients, summed over micro-batches.

        Args:
            micro_batches: list of dicts of `TaskFunction`'s arrays with `task` and `number` of the micro-batch, ints.
            scale: float32 scalar.
        """
        sums, rows, heads = {}, {}, {}
        for batch in micro_batches:
            task = batch["task"]
            function, head = self.functions[task], self._heads[task]
            (loss, targets, right), row, own = function(batch, head, batch["number"], scale / self.slots[task])
            for store, value in ((sums, tf.stack([loss, targets, 1.0, right])), (rows, row), (heads, own)):
                store[task] = store[task] + value if task in store else value
            self.epochs[task] = batch["epochs"]
        drawn = sorted(rows)
        gradients = [rows[task] for task in drawn] + [self._no_row] * (self.rows - len(drawn))
        gradients.append(flat([heads.get(task, nothing) for task, nothing in enumerate(self._no_heads)]))
        total = tf.add_n([sums[task][:2] for task in drawn])
        return flat([total, *(sums.get(task, self._no_sums) for task in range(len(self.names)))]), gradients

    @property
    def shapes(self):
        """The shapes of the gradients."""
        return [tf.TensorShape((self._parameters,))] * self.rows + [tf.TensorShape((sum(self._sizes),))]

    @property
    def compiled_shapes(self):
        """How many shapes have been traced (and with XLA compiled) so far, over all functions."""
        return sum(function.compiled_shapes for function in set(self.functions))

    def first_non_finite_layer(self, batch):
        """Which layer, or head, breaks first for a micro-batch, or None."""
        name, head = self.names[batch["task"]], self._heads[batch["task"]]
        rows = {
            key: np.reshape(value, (-1, np.shape(value)[-1])) for key, value in batch.items() if key.startswith("Input")
        }
        culprit = first_non_finite_layer(self.model.builder.encoder, rows)
        if culprit is not None:
            return f"{culprit} for task {name}"
        broken = [w for w in ([] if head is None else head.weights) if not np.all(np.isfinite(w.numpy()))]
        return f"the weight {broken[0].path}" if broken else None


def head_sizes(model, names):
    """Number of weights of each task's head; 0 without a head."""
    heads = [model.heads.get(name) for name in names]
    return [0 if head is None else sum(math.prod(w.shape) for w in head.weights) for head in heads]
