"""One update: divide, combine the gradients of tasks, clip, apply."""

import math

import numpy as np
import tensorflow as tf

from rfv2_keras.multitask.combination import TaskLosses
from rfv2_keras.multitask.gradients import SUMS
from rfv2_keras.training.update import Update

RUNNING = 0.99  # what a running mean of a loss keeps of itself in each update of its task
FREQUENT = ("sum", "loss_scaled")  # combinations to which it matters how often a task was drawn for an update


class MultitaskUpdate(Update):
    """Turns the sums of `MultitaskGradients` into a step of the optimizer, in one function that XLA compiles.

    Per task, sums are divided by the number of its targets: gradients of mean losses. With "sum" and "loss_scaled" each
    is multiplied by its share of the update's micro-batches, so that the sum is the mean over micro-batches. Those on
    the shared weights meet as the `Combination` says; those of heads are left as they are (times the share).
    The whole is clipped once by its global norm.

    Args:
        model: `MultitaskModel`.
        names: names of the tasks by number.
        slots: of `MultitaskGradients`.
        rows: of `MultitaskGradients`.
        combination: `Combination`.
        **arguments: those of `Update`.

    Attributes:
        initial_losses, running_losses: (tasks,) variables, 0 for tasks that were never drawn.
    """

    def __init__(self, model, names, slots, rows, combination, **arguments):
        super().__init__(model, **arguments)
        self.names = names
        self.rows = rows
        self.combination = combination
        self._slots = tf.constant(slots, tf.float32)
        heads = [model.heads.get(name) for name in names]
        self._owners = [task for task, head in enumerate(heads) if head is not None for _ in head.weights]
        self.initial_losses = tf.Variable(tf.zeros((len(names),)), trainable=False)
        self.running_losses = tf.Variable(tf.zeros((len(names),)), trainable=False)
        # Sums over the updates since the last report: updates with the task, norms, cosines, weights.
        self._measures = tf.Variable(tf.zeros((len(names), 4)), trainable=False)

    def take_measures(self):
        """Means per task since the last call: dict from name to gradient_norm, cosine, weight; drawn tasks only."""
        measures = self._measures.numpy()
        self._measures.assign(np.zeros_like(measures))
        keys = ("gradient_norm", "cosine", "weight")
        drawn = ((name, row) for name, row in zip(self.names, measures, strict=True) if row[0])
        return {name: dict(zip(keys, (row[1:] / row[0]).tolist(), strict=True)) for name, row in drawn}

    def get_state(self):
        """The losses that combinations remember, as plain numbers for a checkpoint."""
        return {
            name: [float(x) for x in pair]
            for name, *pair in zip(self.names, self.initial_losses.numpy(), self.running_losses.numpy(), strict=True)
        }

    def set_state(self, state):
        """Take up the state of a checkpoint."""
        initial, running = zip(*(state[name] for name in self.names), strict=True)
        self.initial_losses.assign(initial)
        self.running_losses.assign(running)

    def _apply(self, statistics, gradients, scale):
        *rows, heads = gradients
        loss, targets, draws, _ = tf.unstack(tf.reshape(statistics[2:], (-1, SUMS)), axis=1)  # (tasks,) each
        drawn = draws > 0.0
        shares = draws / tf.reduce_sum(draws)
        means = 1.0 / tf.maximum(targets, 1.0)
        factors = means * self._slots / scale
        place = tf.cumsum(tf.cast(drawn, tf.int32)) - 1
        is_row = drawn[None] & (place[None] == tf.range(self.rows)[:, None])  # (rows, tasks)

        def by_row(values):
            return tf.reduce_sum(tf.where(is_row, values[None], 0.0), axis=1)

        def by_task(values):
            return tf.reduce_sum(tf.where(is_row, values[:, None], 0.0), axis=0)

        losses = self._losses(loss * means, drawn)
        weigh = by_row(shares) if self.combination.name in FREQUENT else tf.ones((self.rows,))
        combined = self.combination(
            tf.stack(rows) * (by_row(factors) * weigh)[:, None],
            tf.reduce_any(is_row, axis=1),
            TaskLosses(*map(by_row, losses)),
        )
        norm = self._clip_and_step(self._split(combined.gradient, heads, factors * shares), tf.constant(1.0))
        finite = tf.math.is_finite(norm)
        norms = tf.math.divide_no_nan(combined.norms, weigh)
        measures = [tf.cast(drawn, tf.float32), *map(by_task, (norms, combined.cosines, combined.weights))]
        self._measures.assign_add(tf.where(finite, tf.stack(measures, axis=1), 0.0))
        self.initial_losses.assign(tf.where(finite, losses.initial, self.initial_losses))
        self.running_losses.assign(tf.where(finite, losses.running, self.running_losses))
        return norm

    def _losses(self, current, drawn):
        """`TaskLosses` of all tasks with those of this update taken in."""
        first = drawn & (self.initial_losses == 0.0)
        running = tf.where(first, current, RUNNING * self.running_losses + (1.0 - RUNNING) * current)
        return TaskLosses(
            current,
            tf.where(first, current, self.initial_losses),
            tf.where(drawn, running, self.running_losses),
        )

    def _split(self, shared, heads, factors):
        """The gradients of `model.trainable_variables`."""
        factors = tf.unstack(factors)
        gradients = _split(shared, self.model.shared.trainable_variables)
        own = _split(heads, self.model.head_weights)
        return gradients + [g * factors[task] for g, task in zip(own, self._owners, strict=True)]


def _split(vector, variables):
    """Pieces of a vector in the shapes of variables."""
    pieces = tf.split(vector, [math.prod(v.shape) for v in variables]) if variables else []
    return [tf.reshape(piece, v.shape) for piece, v in zip(pieces, variables, strict=True)]
