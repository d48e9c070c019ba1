"""From raw text to the words that WordPiece cuts, with or without the place of every character in the raw text."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rfv2_keras.text.characters import SpacingTable, is_mark


@dataclass
class AlignedText:
    """A string whose character i comes from [starts[i], ends[i]) of the raw text."""

    characters: str
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def one_to_one(cls, characters, offset=0):
        """Characters of which each comes from one of the raw text, in order from `offset` on."""
        end = offset + len(characters)
        return cls(characters, range(offset, end), range(offset + 1, end + 1))

    def span(self, start, end):
        """The smallest span of the raw text that holds the characters start .. end - 1."""
        if end - start == 1:
            return self.starts[start], self.ends[start]
        return min(self.starts[start:end]), max(self.ends[start:end])

    def slice(self, start, end):
        return AlignedText(self.characters[start:end], self.starts[start:end], self.ends[start:end])

    def select(self, positions):
        """The characters at a list of positions."""
        characters = "".join([self.characters[i] for i in positions])
        return AlignedText(characters, [self.starts[i] for i in positions], [self.ends[i] for i in positions])

    def within(self, outer):
        """The same characters with their spans in the raw text of `outer`, where this came from `outer.characters`."""
        spans = [outer.span(start, end) for start, end in zip(self.starts, self.ends, strict=True)]
        return AlignedText(self.characters, [start for start, _ in spans], [end for _, end in spans])


class TextNormalizer:
    """Cleans text and splits it into words as BERT does.

    Lower-casing means: lower case, canonical decomposition (NFD), nonspacing marks removed. So "É" becomes "e", Hangul
    falls apart into jamo and voiced kana lose their mark; the released lower-case models were trained like that.

    Arguments:
        do_lower_case: bool.
    """

    def __init__(self, do_lower_case=True):
        self._lower = do_lower_case
        self._spacing = SpacingTable(drop_marks=do_lower_case)

    def __call__(self, text):
        """The text in lower case without marks, or unchanged when cased; nothing is cleaned or split yet."""
        if not self._lower:
            return text
        return "".join(character for character in self._decompose(text) if not is_mark(character))

    def words(self, text):
        """The words of the text: runs of ordinary characters, single punctuation signs, single Chinese characters."""
        # The spacing table drops the marks as well, so the decomposed text goes through it in one pass.
        return self._decompose(text).translate(self._spacing).split()

    def aligned(self, text, offset=0):
        """`self(text)` as AlignedText, for a text that begins at `offset` of the raw text.

        The span of a letter takes in the removed marks that follow it.
        """
        decomposed = self._decompose(text)
        if not self._lower or _is_one_to_one(text, decomposed):
            return AlignedText.one_to_one(decomposed, offset)
        characters, starts, ends = [], [], []
        for character, origin in _decompose_aligned(text):
            if not is_mark(character):
                characters.append(character)
                starts.append(origin + offset)
                ends.append(origin + offset + 1)
            elif ends:
                ends[-1] = max(ends[-1], origin + offset + 1)
        return AlignedText("".join(characters), starts, ends)

    def visible(self, text):
        """The characters of a normalised AlignedText that cleaning does not drop; spaces stay."""
        dropped = {character for character in set(text.characters) if self._spacing[ord(character)] is None}
        if not dropped:
            return text
        return text.select([i for i, character in enumerate(text.characters) if character not in dropped])

    def word_spans(self, text):
        """The words that `words` gives, as pairs (start, end) of characters of an AlignedText from `visible`."""
        start = 0
        for i, character in enumerate(text.characters):
            entry = self._spacing[ord(character)]
            if isinstance(entry, str):  # a space, or a character that is a word by itself
                if start < i:
                    yield start, i
                start = i + 1
                if entry != " ":
                    yield i, start
        if start < len(text.characters):
            yield start, len(text.characters)

    def _decompose(self, text):
        return unicodedata.normalize("NFD", text.lower()) if self._lower else text


def _is_one_to_one(text, decomposed):
    """Whether lower-casing and decomposition kept every character one character, with no mark to be removed."""
    lowered = text.lower()
    return len(lowered) == len(text) and lowered == decomposed and not any(map(is_mark, set(decomposed)))


def _decompose_aligned(text):
    """The characters of NFD(text.lower()), each with the index in `text` that it comes from.

    Lower-casing looks at the whole text (a final sigma is chosen by its neighbours), but how many characters one
    character becomes does not depend on them. Decomposition goes character by character; afterwards runs of combining
    characters are put into canonical order, a stable sort by combining class.
    """
    lowered, position, decomposed = text.lower(), 0, []
    for origin, character in enumerate(text):
        width = len(character.lower())
        for piece in lowered[position : position + width]:
            decomposed.extend((part, origin) for part in unicodedata.normalize("NFD", piece))
        position += width
    return _canonical_order(decomposed)


def _canonical_order(decomposed):
    ordered, run = [], []
    for item in decomposed:
        if unicodedata.combining(item[0]):
            run.append(item)
        else:
            ordered += [*sorted(run, key=_combining_class), item]
            run = []
    return ordered + sorted(run, key=_combining_class)


def _combining_class(item):
    return unicodedata.combining(item[0])
