"""Which task each micro-batch belongs to, and which rows of that task it holds."""

from typing import NamedTuple

import numpy as np

from rfv2_keras.data.permutation import shuffled
from rfv2_keras.errors import UserError

PERIOD = 2**18  # draws; a power of four, which `shuffled` orders fastest


class Draw(NamedTuple):
    """One micro-batch.

    task: number of the task.
    number: how many micro-batches were drawn from this task before, since the start of training.
    """

    task: int
    number: int


class Mixture:
    """The tasks of every update, as a pure function of (seed, step).

    An update draws `accumulation` micro-batches. Independent draws would have the right frequencies, but to know which
    rows a draw is to take one must know how often its task was drawn before, and that would need all draws from the
    first. So draws come in periods of 2¹⁸ = 262,144:

    * Each period holds every task a fixed number of times: its share of the period, rounded by largest remainders. So
      the earlier periods need no look, and frequencies over whole periods are exact to one draw in 262,144.
    * Within a period the order is shuffled, anew in each. Thousands of draws are few beside a period, so that they look
      as if drawn independently: no pattern, and counts that vary as chance has it.
    * The order of one period is computed at once (0.1 s) and kept until another one is asked for.

    The n-th draw of a task takes the n-th `batch_size` rows of an endless stream through the task's rows, shuffled
    anew in every epoch of the task: every row comes once before any comes twice.

    Args:
        names: names of the tasks, for messages.
        shares: (tasks,) positive numbers, for instance from `task_shares`.
        accumulation: micro-batches of an update.

    Raises:
        UserError: a task's share is less than one draw in a period, or `accumulation` is not positive.
    """

    def __init__(self, names, shares, accumulation):
        if accumulation < 1:
            raise UserError(f"The number of micro-batches of an update must be at least 1, received {accumulation}.")
        self.names = tuple(names)
        self.accumulation = accumulation
        self.counts = _largest_remainders(np.asarray(shares, np.float64), PERIOD)
        for name, count in zip(self.names, self.counts, strict=True):
            if count == 0:
                raise UserError(
                    f"Task {name!r} has a share of less than one in {PERIOD:,} draws and would not be trained; give it "
                    "a larger weight, or choose square_root, temperature or a cap."
                )
        self._period = (None, None, None)

    def draws(self, seed, step):
        """The micro-batches of an update.

        Args:
            seed: int.
            step: int from 0.

        Returns:
            list of `accumulation` `Draw`s.
        """
        first = step * self.accumulation
        return [self._draw(seed, position) for position in range(first, first + self.accumulation)]

    def _draw(self, seed, position):
        period, place = divmod(position, PERIOD)
        tasks, earlier = self._order(seed, period)
        task = int(tasks[place])
        return Draw(task, period * int(self.counts[task]) + int(earlier[place]))

    def _order(self, seed, period):
        """Task of each draw of a period, and how often it came before within the period."""
        key, tasks, earlier = self._period
        if key != (seed, period):
            items = shuffled(np.arange(period * PERIOD, (period + 1) * PERIOD), PERIOD, _derived_seed(seed, 0))
            tasks = np.repeat(np.arange(len(self.counts), dtype=np.int32), self.counts)[items]
            earlier = np.empty(PERIOD, np.int32)
            earlier[np.argsort(tasks, kind="stable")] = np.concatenate([np.arange(count) for count in self.counts])
            self._period = ((seed, period), tasks, earlier)  # one assignment: another thread sees all of it or none
        return tasks, earlier


def task_seed(seed, task):
    """A seed of a task's own: tasks of equal size must not go through their rows in the same order.

    Args:
        seed: int, of the run.
        task: int, number of the task.

    Returns:
        int below 2⁶⁴.
    """
    return _derived_seed(seed, task + 1)


def rows_of_draw(draw, seed, size, batch_size, process=0, processes=1):
    """The rows of a task that a draw takes.

    Args:
        draw: `Draw`.
        seed: int, of the run.
        size: number of rows of the task.
        batch_size: rows of the micro-batch over all processes.
        process, processes: process p of n gets the rows from p · batch_size // n on.

    Returns:
        (rows,) int64.
    """
    first, last = (draw.number * batch_size + p * batch_size // processes for p in (process, process + 1))
    return shuffled(np.arange(first, last), size, task_seed(seed, draw.task))


def epochs_done(draw, size, batch_size):
    """How often a task's rows have been gone through after a draw, a float."""
    return (draw.number + 1) * batch_size / size


def _derived_seed(seed, use):
    return int(np.random.SeedSequence((seed % 2**64, use)).generate_state(1, np.uint64)[0])


def _largest_remainders(shares, total):
    """Whole numbers with a given sum, as near to the shares as can be (Hamilton's method of apportionment)."""
    exact = shares / shares.sum() * total
    counts = np.floor(exact).astype(np.int64)
    # The stable order of the negative remainders prefers earlier tasks among equal ones.
    most_left = np.argsort(counts - exact, kind="stable")
    counts[most_left[: total - counts.sum()]] += 1
    return counts
