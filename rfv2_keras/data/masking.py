"""Which tokens a masked language model has to restore, and what stands in their place."""

import numpy as np

from rfv2_keras.errors import UserError


class Masking:
    """BERT's masking (arXiv 1810.04805) of whole words (arXiv 1906.08101), as RoFormerV2 was pretrained.

    For every word a number u is drawn from [0, 1); all tokens of the word share its fate:

    * u < 0.8 rate: replaced by [MASK],
    * u < 0.9 rate: kept,
    * u < rate: each replaced by an id of its own, uniform in 1 .. vocab_size - 1 (special tokens included),
    * else: no target.

    Arguments:
        mask_id: int, id of [MASK].
        vocab_size: int.
        rate: float in (0, 1), share of words that are targets.
        whole_words: bool, False draws for every token.
    """

    def __init__(self, mask_id, vocab_size, rate=0.15, whole_words=True):
        if not 0 < rate < 1:
            raise UserError(f"the mask rate must lie between 0 and 1, received {rate!r}")
        self.rate = rate
        self._mask_id, self._vocab_size, self._whole_words = mask_id, vocab_size, whole_words

    def __call__(self, token_ids, word_starts, generator, max_targets):
        """Mask one row.

        Arguments:
            token_ids: (tokens,) int32, without special tokens.
            word_starts: (tokens,) bool, the first True.
            generator: numpy.random.Generator.
            max_targets: int; where more tokens were drawn, the last words are left alone.

        Returns:
            Two arrays (tokens,): the ids that the model sees, int32, and whether each token is a target, bool.
        """
        words = np.cumsum(word_starts) - 1 if self._whole_words else np.arange(len(token_ids))
        drawn = generator.random(words[-1] + 1)[words]
        targets = drawn < self.rate
        beyond = np.flatnonzero(targets)[max_targets:]
        if beyond.size:
            targets &= words < words[beyond[0]]
        masked = targets & (drawn < 0.8 * self.rate)
        random = targets & (drawn >= 0.9 * self.rate)
        seen = np.where(masked, np.int32(self._mask_id), token_ids)
        seen[random] = generator.integers(1, self._vocab_size, np.count_nonzero(random), np.int32)
        return seen, targets

    def max_targets(self, length):
        """How many targets a row of `length` tokens has room for.

        The mean plus four standard deviations, for words of two tokens, rounded up to a multiple of 8; in Chinese text
        about one row in 30,000 has more.
        """
        mean = self.rate * length
        room = mean + 4 * (2 * mean * (1 - self.rate)) ** 0.5
        return min(length, 8 * int(np.ceil(room / 8)))


def row_generator(seed, step, row):
    """The generator of one row of one batch: the same numbers whichever process asks, and whenever.

    Arguments:
        seed, step, row: whole numbers, below 2^64, 2^40 and 2^24.
    """
    return np.random.Generator(np.random.Philox(key=np.array([seed % 2**64, step * 2**24 + row], np.uint64)))
