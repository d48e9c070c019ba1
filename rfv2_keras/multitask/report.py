"""The numbers of a multi-task run between two lines of its log."""

import numpy as np

from rfv2_keras.multitask.gradients import SUMS


class MultitaskReport:
    """Makes the numbers of every task out of sums.

    Per task that was drawn: `loss` (mean over targets), `share` (of the micro-batches), `accuracy` (masked language
    modelling only), `gradient_norm`, `cosine` (of its gradient to the mean of those of the update) and `weight` (of
    its gradient in the combination), each a mean over updates, and `epochs`. The `loss` of the run is the mean over
    micro-batches.

    Args:
        names: names of the tasks by number.
        gradients: `MultitaskGradients`.
        update: `MultitaskUpdate`.
        masked_lm: number of the task of masked language modelling, or None.
    """

    def __init__(self, names, gradients, update, masked_lm):
        self.names = names
        self.gradients = gradients
        self.update = update
        self.masked_lm = masked_lm

    def __call__(self, sums):
        """Numbers to be logged, from the summed statistics of `MultitaskGradients`."""
        sums = np.reshape(sums[2:], (-1, SUMS))
        measures = self.update.take_measures()
        values, mean = {}, 0.0
        for task, (loss, targets, draws, right) in enumerate(sums):
            if not draws:
                continue
            share, loss = draws / sums[:, 2].sum(), loss / max(targets, 1.0)
            mean += share * loss
            own = {"loss": loss, "share": share, "epochs": self.gradients.epochs[task]}
            own.update(measures.get(self.names[task], {}))
            if task == self.masked_lm:
                own["accuracy"] = right / max(targets, 1.0)
            values.update({f"task/{self.names[task]}/{key}": float(value) for key, value in own.items()})
        return {"loss": float(mean), **values}
