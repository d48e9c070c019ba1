"""Tokenizing documents word by word, at several times the speed of looking up every word."""

import numpy as np

from rfv2_keras.text.cache import BoundedCache
from rfv2_keras.text.characters import is_cjk, is_dropped, is_punctuation, is_space
from rfv2_keras.text.segmentation import word_segmenter

CACHED_WORDS = 2**18
CHARACTERS = 0x110000
LINE_FEED = ord("\n")
# In place of the id of a character:
NO_TOKEN, PART_OF_WORD, NOT_YET_KNOWN = -1, -2, -3


class DocumentTokenizer:
    """Token ids of documents, where words start, and where lines end; equal to `WordTokenizer` on each line.

    Chinese characters and punctuation are a token each whatever stands around them, spaces and control characters are
    none. So words of these alone need no tokenizer and no dictionary of words: their ids come from a table of all
    characters, for many documents at once. Only words with other characters are tokenized, and remembered.

    Arguments:
        tokenizer: Tokenizer without `pre_tokenize`, `token_translate` and `tokens_in_text`.
        segmenter: what `word_segmenter` takes.
    """

    def __init__(self, tokenizer, segmenter):
        self._tokenizer = tokenizer
        self._segment = word_segmenter(segmenter)
        self._table = np.full(CHARACTERS, NOT_YET_KNOWN, np.int32)
        self._words = BoundedCache(self._word_ids, CACHED_WORDS)

    def __call__(self, texts):
        """Tokenize documents; short ones take much longer one by one.

        Arguments:
            texts: list of str without lone surrogates.

        Yields:
            For each document three arrays: token ids (tokens,) int32; whether a word starts at each (tokens,) bool;
            numbers of tokens up to each line end (lines - 1,).
        """
        token_ids, starts, line_ends = self._tokenize("\n".join(texts))
        start = line = 0
        for text in texts:
            last_line = line + text.count("\n")
            end = line_ends[last_line] if last_line < len(line_ends) else len(token_ids)
            yield token_ids[start:end], starts[start:end], line_ends[line:last_line] - start
            start, line = end, last_line + 1

    def _tokenize(self, text):
        """The arrays of a text."""
        words = self._split(text)
        sizes = np.fromiter(map(len, words), np.int64, len(words))
        begins = np.cumsum(sizes) - sizes
        codes = np.frombuffer(text.encode("utf-32-le"), np.int32)
        ids = self._character_ids(codes)
        others = np.flatnonzero(np.minimum.reduceat(ids, begins) == PART_OF_WORD)
        is_token = ids >= 0
        counts = np.add.reduceat(is_token, begins, dtype=np.int64)
        if others.size:
            ids, counts = self._insert([words[i] for i in others], others, ids, is_token, sizes, counts)
        else:
            ids = ids[is_token]
        offsets = np.cumsum(counts) - counts
        starts = np.zeros(len(ids), bool)
        starts[offsets[counts > 0]] = True
        return ids, starts, offsets[codes[begins] == LINE_FEED]

    def _split(self, text):
        """The words of a text; every line feed is a word."""
        words = []
        for line in text.split("\n"):
            words += filter(None, self._segment(line))
            words.append("\n")
        return words[:-1]

    def _character_ids(self, codes):
        ids = self._table[codes]
        if ids.min() == NOT_YET_KNOWN:
            for code in np.unique(codes[ids == NOT_YET_KNOWN]).tolist():
                self._table[code] = self._character_id(chr(code))
            ids = self._table[codes]
        return ids

    def _character_id(self, character):
        if is_cjk(character) or is_punctuation(character):
            (token_id,) = self._tokenizer.text_to_ids(character)
            return token_id
        return NO_TOKEN if is_space(character) or is_dropped(character) else PART_OF_WORD

    def _insert(self, words, places, ids, is_token, sizes, counts):
        """Put the ids of some words, by their places among all words, between those of the characters of the others."""
        pieces = [self._words[word] for word in words]
        counts[places] = [len(piece) // ids.itemsize for piece in pieces]
        inserted = np.zeros(len(sizes), bool)
        inserted[places] = True
        merged = np.empty(counts.sum(), np.int32)
        from_words = np.repeat(inserted, counts)
        merged[from_words] = np.frombuffer(b"".join(pieces), np.int32)
        merged[~from_words] = ids[is_token & ~np.repeat(inserted, sizes)]
        return merged, counts

    def _word_ids(self, word):
        return np.array(self._tokenizer.text_to_ids(word), np.int32).tobytes()
