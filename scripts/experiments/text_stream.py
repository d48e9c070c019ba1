"""Real text as one stream of tokens, cut into rows of any length without padding."""

from pathlib import Path

import numpy as np

from rfv2_keras.data.masking import Masking, row_generator
from rfv2_keras.errors import UserError
from rfv2_keras.text import Tokenizer

MASK_RATE = 0.15
PAD, MASK, UNKNOWN = range(3)  # ids of the stream's own vocabulary; the tokens follow, the most frequent one first


class TextStream:
    """The tokens of text files, and batches for masked language modelling made of them.

    The first part of every file is for training, the last for testing. The most frequent tokens of the training part
    have ids of their own; the others are one unknown token, which is never a target. Tokens are masked one by one as
    BERT masks them, see `rfv2_keras.data.masking.Masking`. Rows have neither special tokens nor padding: rows of
    different lengths differ in nothing but where the text is cut.

    Args:
        paths: UTF-8 text files.
        vocab: vocabulary file of the tokenizer.
        vocab_size: how many ids the stream has.
        test_tokens: how many tokens at the end of each file are for testing.

    Raises:
        UserError: a file is not longer than its part for testing.
    """

    def __init__(self, paths, vocab, vocab_size, test_tokens):
        tokenizer = Tokenizer(vocab, token_start=None, token_end=None)
        train, test = [], []
        for path in paths:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            ids = np.concatenate([tokenizer.encode(line)[0] for line in lines if line.strip()])
            if len(ids) <= test_tokens:
                raise UserError(f"{path}: holds {len(ids)} tokens, but {test_tokens} of them are for testing alone.")
            train.append(ids[:-test_tokens])
            test.append(ids[-test_tokens:])
        train, test = np.concatenate(train).astype(int), np.concatenate(test).astype(int)
        counts = np.bincount(train, minlength=len(tokenizer.token_dict))
        counts[tokenizer.token_dict["[UNK]"]] = 0
        frequent = np.argsort(-counts, kind="stable")[: vocab_size - 3]
        own_ids = np.full(len(counts), UNKNOWN, np.int32)
        own_ids[frequent[counts[frequent] > 0]] = 3 + np.arange(np.count_nonzero(counts[frequent]))
        self.train, self.test = own_ids[train], own_ids[test]
        self.vocab_size = vocab_size
        self._mask = Masking(MASK, vocab_size, MASK_RATE, whole_words=False)

    def training_batch(self, seed, step, rows, length):
        """Rows from random places of the training part; the same ones for the same arguments."""
        generator = row_generator(seed, step, 0)
        starts = generator.integers(0, len(self.train) - length, rows)
        ids = self.train[starts[:, None] + np.arange(length)]
        seen, targets = self._masked(ids.reshape(-1), generator)
        # One row in a hundred has more targets than this, which are then not asked for.
        return arrays_of(seen.reshape(ids.shape), targets.reshape(ids.shape), ids, length // 4)

    def test_batches(self, rows, length):
        """The testing part in rows of a length, so many at a time; masked alike whatever the length.

        Raises:
            UserError: it cannot be cut into such batches.
        """
        if len(self.test) % (rows * length):
            raise UserError(f"{len(self.test)} tokens cannot be cut into batches of {rows} rows of {length} tokens.")
        seen, targets = self._masked(self.test, row_generator(0, 0, 0))
        seen, targets, ids = (array.reshape(-1, rows, length) for array in (seen, targets, self.test))
        room = targets.sum(axis=-1).max()
        return [arrays_of(*parts, room) for parts in zip(seen, targets, ids, strict=True)]

    def _masked(self, ids, generator):
        """What the model sees of the ids (tokens,), and which of them are targets."""
        seen, targets = self._mask(ids, np.ones(len(ids), bool), generator, len(ids))
        return seen, targets & (ids != UNKNOWN)


def arrays_of(seen, targets, ids, room):
    """The arrays of a batch, with room for so many targets in a row.

    Args:
        seen, targets, ids: (rows, length): the ids that the model sees, which are targets, and the true ids.
        room: int.
    """
    places = np.argsort(~targets, axis=1, kind="stable")[:, :room]  # the targets come first
    is_target = np.take_along_axis(targets, places, axis=1)
    return {
        "token_ids": seen,
        "target_positions": np.where(is_target, places, 0).astype("int32"),
        "target_ids": np.where(is_target, np.take_along_axis(ids, places, axis=1), PAD).astype("int32"),
    }
