"""Cutting the tokens of a document into pieces at the ends of sentences."""

import bisect

import numpy as np

SENTENCE_ENDS = "。．！？；….!?;"
CLOSING_MARKS = "”’」』）)》】\"'"  # belong to the sentence that ends before them


class SentenceCutter:
    """Cuts token ids into pieces of at most `size`, at sentence ends where possible.

    A sentence ends after one of `SENTENCE_ENDS` and the closing marks that follow it, if a word starts there (so not
    in 3.14), and at every line end. Each piece takes as many whole sentences as fit; a sentence that is too long by
    itself is cut before a word, and a word only if it alone is longer than a piece.

    Arguments:
        token_dict: dict from token to id.
        size: int, the largest number of tokens in a piece.
    """

    def __init__(self, token_dict, size):
        self.size = size
        highest = max(token_dict.values())
        self._ends = _table(token_dict, SENTENCE_ENDS, highest)
        self._marks = _table(token_dict, SENTENCE_ENDS + CLOSING_MARKS, highest)

    def __call__(self, token_ids, word_starts, line_ends):
        """The pieces of a document.

        Arguments:
            token_ids: (tokens,) whole numbers.
            word_starts: (tokens,) bool.
            line_ends: (lines - 1,) numbers of tokens up to each line end.

        Yields:
            Pairs (start, end) of int that cover the tokens one after the other.
        """
        total = len(token_ids)
        if total <= self.size:
            if total:
                yield 0, total
            return
        sentences = np.union1d(self._sentence_ends(token_ids, word_starts), line_ends).tolist()
        words = np.flatnonzero(word_starts).tolist()
        start = 0
        while total - start > self.size:
            limit = start + self.size
            end = _last_between(sentences, start, limit) or _last_between(words, start, limit) or limit
            yield start, end
            start = end
        yield start, total

    def _sentence_ends(self, token_ids, word_starts):
        """Numbers of tokens up to the end of each sentence, the last one left out."""
        marks = np.flatnonzero(self._marks[token_ids])
        if not marks.size:
            return marks
        firsts = np.flatnonzero(np.diff(marks, prepend=-2) > 1)  # of each run of neighbouring marks
        lasts = np.append(firsts[1:], len(marks)) - 1
        ended = np.logical_or.reduceat(self._ends[token_ids[marks]], firsts)
        places = marks[lasts[ended]] + 1
        places = places[places < len(token_ids)]
        return places[word_starts[places]]


def _table(token_dict, characters, highest):
    """A bool per id: whether the token is one of the characters."""
    table = np.zeros(highest + 1, bool)
    table[[token_dict[character] for character in characters if character in token_dict]] = True
    return table


def _last_between(places, start, limit):
    """The largest of the rising `places` with start < place <= limit; None without one."""
    index = bisect.bisect_right(places, limit) - 1
    return places[index] if index >= 0 and places[index] > start else None
