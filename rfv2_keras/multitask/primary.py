"""The draws of runs with a primary task."""

from rfv2_keras.multitask.mixture import Draw, Mixture


class PrimaryMixture:
    """The first micro-batch of every update belongs to task 0, the others are drawn from the other tasks.

    Without a gradient of the primary task nothing could be said about the others, see `primary_auxiliary_weights`.

    Args:
        names, shares: of all tasks, the primary one first; its share does not count.
        accumulation: micro-batches of an update, at least 2.
    """

    def __init__(self, names, shares, accumulation):
        self._auxiliary = Mixture(names[1:], shares[1:], accumulation - 1)

    def draws(self, seed, step):
        """As `Mixture.draws`."""
        others = self._auxiliary.draws(seed, step)
        return [Draw(0, step), *(Draw(draw.task + 1, draw.number) for draw in others)]
