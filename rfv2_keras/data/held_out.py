"""Setting records aside for evaluation."""

import numpy as np

from rfv2_keras.errors import UserError

STRETCH = 64  # neighbouring records that go together: pieces of one document lie side by side


def split_held_out(records, share):
    """Split records into those to train on and those held out.

    Of every 1 / share stretches of 64 neighbouring records one is held out, so all of the corpus is represented, and a
    document is in both halves only if it lies across the edge of a stretch. The split follows from the number of
    records and the share alone and costs no memory.

    Arguments:
        records: Records.
        share: float in (0, 0.5].

    Returns:
        Two views with the interface that `Batches` needs: for training, held out.

    Raises:
        UserError: the share is impossible, or there are too few records.
    """
    if not 0 < share <= 0.5:
        raise UserError(f"the share of records held out must be above 0 and at most 0.5, received {share!r}")
    period = STRETCH * round(1 / share)
    if len(records) <= period - STRETCH:
        raise UserError(f"{len(records)} records are too few to hold out {share:g} of them, which takes {period}")
    return _RecordView(records, period, held_out=False), _RecordView(records, period, held_out=True)


class _RecordView:
    """The first or the last records of every period."""

    def __init__(self, records, period, held_out):
        self._records = records
        self._period = period
        self._width = STRETCH if held_out else period - STRETCH
        self._offset = period - STRETCH if held_out else 0
        whole, rest = divmod(len(records), period)
        self._count = whole * self._width + min(max(rest - self._offset, 0), self._width)
        self.lengths = _LengthView(records.lengths, self._places, self._count)
        for name in ("maxlen", "vocab_size", "start_id", "end_id", "mask_id"):
            setattr(self, name, getattr(records, name))

    def __len__(self):
        return self._count

    def read(self, indices):
        return self._records.read(self._places(np.asarray(indices, np.int64)))

    def _places(self, indices):
        return indices // self._width * self._period + self._offset + indices % self._width


class _LengthView:
    """The lengths at some places, looked up when asked for."""

    def __init__(self, lengths, places, count):
        self._lengths, self._places, self._count = lengths, places, count

    def __len__(self):
        return self._count

    def __getitem__(self, key):
        indices = np.arange(*key.indices(self._count)) if isinstance(key, slice) else np.asarray(key)
        return self._lengths[self._places(indices)]
