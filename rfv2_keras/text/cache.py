"""A dictionary that computes what it lacks, within a bound."""


class BoundedCache(dict):
    """Maps a word to `compute(word)`, remembered for up to `size` words of at most `longest` characters.

    A full cache forgets everything: word frequencies are so skewed that the frequent words are back at once, and no
    lookup pays for bookkeeping. Being a dictionary, `map(cache.__getitem__, words)` runs at C speed on known words.

    Arguments:
        compute: function of a word.
        size: int, the largest number of words held.
        longest: int, characters; longer words are computed each time.
    """

    def __init__(self, compute, size, longest=32):
        super().__init__()
        self._compute = compute
        self._size = size
        self._longest = longest

    def __missing__(self, word):
        value = self._compute(word)
        if len(word) <= self._longest:
            if len(self) >= self._size:
                self.clear()
            self[word] = value
        return value
