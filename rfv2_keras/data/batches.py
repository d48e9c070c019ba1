"""The batch as a pure function of records, seed and step."""

import numpy as np

from rfv2_keras.data.masking import Masking, row_generator
from rfv2_keras.data.packing import PackedRows, SingleRows
from rfv2_keras.data.permutation import shuffled
from rfv2_keras.errors import UserError

SPECIAL_TOKENS = 2  # [CLS] and [SEP] around every piece
STEPS_PER_WINDOW = 16  # steps whose rows are sorted by length together, where there are several buckets


class Batches:
    """Batches for masked language modelling.

    `batch(seed, step)` depends on nothing but its arguments and the records, so a run resumes anywhere without the
    state of an iterator, and any number of processes see one stream. Rows come in an order that is shuffled anew every
    epoch (`shuffled`), masks are drawn anew at every step.

    With several `buckets` the rows of 16 consecutive steps are put together by length, and the steps take turns in
    random order; each batch is padded to the smallest bucket that holds it, so that XLA compiles one shape per bucket.

    Arguments:
        records: Records or a view of them: len(), `read(indices)`, `lengths`, `maxlen`, `vocab_size`, `start_id`,
            `end_id`, `mask_id`.
        batch_size: int, rows of the global batch.
        maxlen: int, the longest row; default: that of the records.
        buckets: lengths to which batches are padded, besides `maxlen`.
        packed: bool, put several short records into one row of `maxlen` tokens.
        mask_rate, whole_words: see `Masking`.

    Attributes:
        rows: int, rows of an epoch.
        buckets: tuple of int, rising, the last `maxlen`.
        max_targets: int, the largest number of targets in a row.

    Raises:
        UserError: an argument does not fit the records.
    """

    def __init__(self, records, batch_size, *, maxlen=None, buckets=(), packed=False, mask_rate=0.15, whole_words=True):
        maxlen = maxlen or records.maxlen
        if maxlen < records.maxlen:
            raise UserError(
                f"maxlen is {maxlen}, but the records were prepared for rows of {records.maxlen} tokens; prepare them "
                f"again with maxlen {maxlen}"
            )
        if batch_size < 1 or batch_size >= 2**24:
            raise UserError(f"the batch size must be from 1 to {2**24 - 1}, received {batch_size}")
        if any(bucket <= SPECIAL_TOKENS or bucket > maxlen for bucket in buckets):
            raise UserError(
                f"buckets must lie between {SPECIAL_TOKENS + 1} and maxlen {maxlen}, received {list(buckets)}"
            )
        self._records, self._batch_size, self._packed = records, batch_size, packed
        self.buckets = (maxlen,) if packed else tuple(sorted({*buckets, maxlen}))
        self._packing = PackedRows(records.lengths, maxlen, SPECIAL_TOKENS) if packed else SingleRows(len(records))
        self.rows = self._packing.count
        self._mask = Masking(records.mask_id, records.vocab_size, mask_rate, whole_words)
        self.max_targets = self._mask.max_targets(maxlen)

    def batch(self, seed, step, process=0, processes=1):
        """The rows of the global batch of a step that belong to one process.

        Arguments:
            seed: int.
            step: int from 0, counts global batches.
            process, processes: int; process p of n gets the rows from p * batch_size // n on.

        Returns:
            dict of int32 arrays: `token_ids` and `segment_ids` (rows, length), and `document_ids` (rows, length) if
            packed, counting the documents of a row from 1, 0 on padding; `target_positions` and `target_ids` (rows,
            targets), where target id 0 means no target. Lengths are those of the global batch.
        """
        if not 0 <= process < processes:
            raise UserError(f"process must be from 0 to {processes - 1}, received {process}")
        rows, length = self._rows_of_step(seed, step)
        first, last = (p * self._batch_size // processes for p in (process, process + 1))
        members = self._packing.records(rows[first:last])
        pieces = iter(self._records.read([record for row in members for record in row]))
        targets = self._mask.max_targets(length)
        shapes = {"token_ids": length, "segment_ids": length, "target_positions": targets, "target_ids": targets}
        if self._packed:
            shapes["document_ids"] = length
        batch = {name: np.zeros((last - first, size), np.int32) for name, size in shapes.items()}
        for index, row in enumerate(members):
            row_arrays = {name: array[index] for name, array in batch.items()}
            self._fill(row_arrays, [next(pieces) for _ in row], row_generator(seed, step, first + index))
        return batch

    def _rows_of_step(self, seed, step):
        """The rows of the global batch and the length to which they are padded."""
        size = self._batch_size
        if len(self.buckets) == 1:
            return shuffled(np.arange(step * size, (step + 1) * size), self.rows, seed), self.buckets[0]
        window, turn = divmod(step, STEPS_PER_WINDOW)
        begin = window * STEPS_PER_WINDOW * size
        rows = shuffled(np.arange(begin, begin + STEPS_PER_WINDOW * size), self.rows, seed)
        lengths = self._records.lengths[rows] + np.int64(SPECIAL_TOKENS)
        by_length = np.argsort(lengths, kind="stable").reshape(STEPS_PER_WINDOW, size)
        turns = shuffled(window * STEPS_PER_WINDOW + np.arange(STEPS_PER_WINDOW), STEPS_PER_WINDOW, seed)
        chosen = np.sort(by_length[turns[turn]])  # back in shuffled order within the batch
        longest = lengths[chosen].max()
        return rows[chosen], next(bucket for bucket in self.buckets if bucket >= longest)

    def _fill(self, row, pieces, generator):
        """Write the pieces of a row: [CLS] tokens [SEP] each, tokens masked."""
        token_ids = np.concatenate([ids for ids, _ in pieces])
        word_starts = np.concatenate([starts for _, starts in pieces])
        lengths = np.array([len(ids) for ids, _ in pieces])
        documents = np.repeat(np.arange(len(pieces)), lengths)
        # Before token i of document d stand i tokens, d documents with two special tokens each, and one [CLS].
        places = np.arange(len(token_ids)) + SPECIAL_TOKENS * documents + 1
        ends = np.cumsum(lengths + SPECIAL_TOKENS)
        seen, targets = self._mask(token_ids, word_starts, generator, row["target_ids"].size)
        row["token_ids"][places] = seen
        row["token_ids"][ends - lengths - SPECIAL_TOKENS] = self._records.start_id
        row["token_ids"][ends - 1] = self._records.end_id
        count = np.count_nonzero(targets)
        row["target_positions"][:count] = places[targets]
        row["target_ids"][:count] = token_ids[targets]
        if self._packed:
            row["document_ids"][: ends[-1]] = np.repeat(np.arange(len(pieces)), lengths + SPECIAL_TOKENS) + 1
