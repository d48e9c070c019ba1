"""Where micro-batches come from: what a draw of a task holds."""

import numpy as np

from rfv2_keras.data.masking import row_generator
from rfv2_keras.multitask.mixture import epochs_done, rows_of_draw, task_seed
from rfv2_keras.training.objective import masked_lm_inputs


class SupervisedSource:
    """Micro-batches of a task with labelled examples, as a pure function of the draw.

    Args:
        kind: `Kind`.
        features: list of `Feature`, the rows.
        names: names of the model's inputs; those that the features lack are 0 everywhere (segments).
        batch: rows of a micro-batch over all processes.
        buckets: lengths that rows are padded to.
        mask_rate: share of the tokens, special ones aside, that are replaced by [MASK]; drawn anew in every draw.
    """

    def __init__(self, kind, features, names, batch, buckets, mask_rate=0.0):
        self.kind = kind
        self.features = features
        self.names = names
        self.batch = batch
        self.buckets = sorted(buckets)
        self.mask_rate = mask_rate
        tokenizer = kind.tokenizer
        self._special = (tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id)
        self._mask_id = tokenizer.mask_id if mask_rate else None

    def __len__(self):
        return len(self.features)

    def slots(self, processes):
        """The largest number of targets of one process's part of a micro-batch."""
        return -(-self.batch // processes)

    def micro_batch(self, draw, seed, process=0, processes=1):
        """The rows of a draw that belong to one process.

        Args:
            draw: `Draw`.
            seed: int, of the run.
            process, processes: process p of n gets the rows from p · batch // n on.

        Returns:
            dict of arrays: the model's inputs by name, `target`; and `epochs`, how often the rows have been gone
            through.
        """
        rows = rows_of_draw(draw, seed, len(self), self.batch)
        # The length is that of the whole micro-batch, so that all processes compile the same shapes.
        length = padded_length(max(self.features[row].length for row in rows), self.buckets)
        first, last = (p * self.batch // processes for p in (process, process + 1))
        features = [self.features[row] for row in rows[first:last]]
        arrays = self.kind.inputs(features, length)
        token_ids = arrays["Input-Token"]
        if self.mask_rate:
            generators = (row_generator(task_seed(seed, draw.task), draw.number, row) for row in range(first, last))
            arrays["Input-Token"] = np.stack([self._masked(*pair) for pair in zip(token_ids, generators, strict=True)])
        zeros = np.zeros_like(token_ids)
        inputs = {name: arrays.get(name, zeros) for name in self.names}
        epochs = epochs_done(draw, len(self), self.batch)
        return {**inputs, "target": self.kind.targets(features, length), "epochs": epochs}

    def _masked(self, token_ids, generator):
        hidden = (generator.random(token_ids.shape) < self.mask_rate) & ~np.isin(token_ids, self._special)
        return np.where(hidden, np.int32(self._mask_id), token_ids)


class MaskedLMSource:
    """Micro-batches of masked language modelling.

    Args:
        batches: `Batches`, whose global batch is the micro-batch.
        model: the Keras model with the MLM head.
        batch: rows of a micro-batch over all processes.
    """

    def __init__(self, batches, model, batch):
        self.batches = batches
        self.model = model
        self.batch = batch

    def __len__(self):
        return self.batches.rows

    def slots(self, processes):
        """As in `SupervisedSource`."""
        return -(-self.batch // processes) * self.batches.max_targets

    def micro_batch(self, draw, seed, process=0, processes=1):
        """As in `SupervisedSource`, the targets being `target_ids`."""
        batch = self.batches.batch(task_seed(seed, draw.task), draw.number, process, processes)
        return {**masked_lm_inputs(self.model, batch), "epochs": epochs_done(draw, len(self), self.batch)}


def padded_length(longest, buckets):
    """The smallest bucket that holds so many tokens; beyond the last one the next multiple of it."""
    fitting = [bucket for bucket in buckets if bucket >= longest]
    return fitting[0] if fitting else -(-longest // buckets[-1]) * buckets[-1]
