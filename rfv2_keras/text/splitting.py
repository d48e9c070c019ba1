"""From a text to words, by way of tokens that are recognised in the text and a tokenizer that comes first."""

import re

from rfv2_keras.errors import UserError
from rfv2_keras.text.normalization import AlignedText


class TextSplitter:
    """Splits a text into whole tokens and into words that are still to be cut into WordPieces.

    Arguments:
        normalizer: TextNormalizer.
        token_dict: dict whose keys are the tokens of the vocabulary.
        pre_tokenize: function from a normalised text to an iterable of words, or None.
        tokens_in_text: tokens that are recognised where they stand in a text.
    """

    def __init__(self, normalizer, token_dict, pre_tokenize=None, tokens_in_text=()):
        self._normalizer = normalizer
        self._token_dict = token_dict
        self._pre_tokenize = pre_tokenize
        unknown = [token for token in tokens_in_text if token not in token_dict]
        if unknown:
            raise UserError(f"tokens_in_text names {unknown[0]!r}, which is not in the vocabulary")
        longest_first = "|".join(map(re.escape, sorted(tokens_in_text, key=len, reverse=True)))
        self._tokens_in_text = re.compile(f"({longest_first})") if longest_first else None

    def words(self, text):
        """Pairs of a list of words and whether these words are tokens already."""
        for part, is_token in self._parts(text):
            if is_token:
                yield [part], True
            elif self._pre_tokenize is None:
                yield self._normalizer.words(part), False
            else:
                for word in self._pre_tokenize(self._normalizer(part)):
                    known = word in self._token_dict
                    yield [word] if known else self._normalizer.words(word), known

    def aligned_words(self, text):
        """The same words with their places.

        Tuples of an AlignedText, the start and the end of the word in it, and whether the word is a token already.
        """
        offset = 0
        for part, is_token in self._parts(text):
            if is_token:
                yield AlignedText.one_to_one(part, offset), 0, len(part), True
            elif self._pre_tokenize is None:
                yield from self._aligned_words(self._normalizer.aligned(part, offset))
            else:
                yield from self._aligned_pre_tokenized(self._normalizer.aligned(part, offset))
            offset += len(part)

    def _aligned_words(self, text):
        text = self._normalizer.visible(text)
        for start, end in self._normalizer.word_spans(text):
            yield text, start, end, False

    def _aligned_pre_tokenized(self, text):
        position = 0
        for word in self._pre_tokenize(text.characters):
            start = text.characters.find(word, position)
            if start < 0:
                raise UserError(
                    f"offsets need a pre_tokenize whose words stand in the text one after the other, received "
                    f"{word!r}, which is not in the text after character {position}"
                )
            position = start + len(word)
            if word in self._token_dict:
                yield text, start, position, True
            else:
                yield from self._aligned_words(self._normalizer.aligned(word).within(text.slice(start, position)))

    def _parts(self, text):
        """Pairs of a stretch of text and whether it is one of `tokens_in_text`."""
        if self._tokens_in_text is None:
            return [(text, False)]
        return [(part, i % 2 == 1) for i, part in enumerate(self._tokens_in_text.split(text))]
