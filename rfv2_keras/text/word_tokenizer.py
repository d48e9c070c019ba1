"""Tokenizing word by word, as whole-word masking needs it."""

import numpy as np

from rfv2_keras.text.cache import BoundedCache
from rfv2_keras.text.segmentation import word_segmenter

CACHED_WORDS = 2**18


class WordTokenizer:
    """Token ids of a text together with the places where words start.

    Every word is tokenized by itself, which is how RoFormerV2's pretraining data were made; it can differ from
    tokenizing the whole text, where two words of Latin letters without a space between them are one. Words without
    tokens (whitespace, control characters) vanish. Ids of words already seen come from a cache of bounded size.

    Arguments:
        tokenizer: Tokenizer.
        segmenter: what `word_segmenter` takes.
        cache_size: int, words remembered.
    """

    def __init__(self, tokenizer, segmenter="rjieba", cache_size=CACHED_WORDS):
        self.tokenizer = tokenizer
        self.segmenter = word_segmenter(segmenter)
        self._cache_size = cache_size
        self._cache = BoundedCache(self._word_bytes, cache_size)

    def __reduce__(self):
        return WordTokenizer, (self.tokenizer, self.segmenter, self._cache_size)

    def __call__(self, text):
        """`tokenize_words` on the words of a text."""
        return self.tokenize_words(self.segmenter(text))

    def tokenize_words(self, words):
        """The ids of the words one after the other, and where each word with any token starts.

        Arguments:
            words: list of str.

        Returns:
            Two int32 arrays: token ids (tokens,) without start and end token, word starts (words,), rising from 0.
        """
        pieces = list(map(self._cache.__getitem__, words))
        token_ids = np.frombuffer(bytearray().join(pieces), np.int32)
        sizes = np.fromiter(map(len, pieces), np.int32, len(pieces)) // token_ids.itemsize
        starts = np.cumsum(sizes, dtype=np.int32) - sizes
        return token_ids, starts[sizes > 0]

    def _word_bytes(self, word):
        # Bytes join and turn into an array several times faster than tuples of int.
        return np.array(self.tokenizer.text_to_ids(word), np.int32).tobytes()
