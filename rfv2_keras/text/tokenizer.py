"""BERT's tokenizer with the interface of bert4keras."""

from itertools import chain

import numpy as np

from rfv2_keras.errors import UserError
from rfv2_keras.text.cache import BoundedCache
from rfv2_keras.text.decoding import is_special, join_tokens, stem
from rfv2_keras.text.normalization import TextNormalizer
from rfv2_keras.text.pairs import fit_pair
from rfv2_keras.text.splitting import TextSplitter
from rfv2_keras.text.token_table import TokenTable
from rfv2_keras.text.wordpiece import WordPiece

CACHED_WORDS = 2**17


class Tokenizer(TokenTable):
    """Turns text into token ids and back.

    Text is normalised (`TextNormalizer`), split into words and cut into WordPieces; words already seen come from a
    cache. Tokens and ids equal those of bert4keras 0.11.5 for every string. Instances can be pickled if
    `pre_tokenize` can.

    These defects of bert4keras are mended: `encode` with `maxlen` never returns more than `maxlen` ids (there: one
    more for pairs without a start token), never changes lists passed in, and never fails for a small `maxlen`;
    `decode` takes a leading "##"; `rematch` counts in the original text where lower-casing made it longer ("İ"); a
    vocabulary without the special tokens in use, or with one id for two tokens, is refused.

    These habits are kept because models were trained with them: an unknown word stays itself in `tokenize` and is
    [UNK] in ids; special tokens written in a text are cut into signs and letters unless `tokens_in_text` names them;
    `decode` drops unknown words unless told otherwise; lower-casing takes Hangul apart and the voicing marks off
    kana.

    Arguments:
        token_dict: dict from token to id, or the path of a vocabulary file. The padding token must have id 0.
        do_lower_case: bool, lower-case and remove accents.
        word_maxlen: int, words of more characters are unknown.
        token_start, token_end: str put before and after every text, or None for nothing.
        pre_tokenize: function from the normalised text to an iterable of words. A word in the vocabulary becomes that
            token; other words are tokenized one by one.
        token_translate: dict, tokens to be replaced by other tokens.
        token_pad, token_unk, token_mask: str, names of the other special tokens; the mask may be missing.
        tokens_in_text: sequence of str; these tokens are recognised where they stand in a text, for example
            ("[MASK]",).
    """

    def __init__(
        self,
        token_dict,
        do_lower_case=True,
        word_maxlen=200,
        token_start="[CLS]",
        token_end="[SEP]",
        pre_tokenize=None,
        token_translate=None,
        token_pad="[PAD]",
        token_unk="[UNK]",
        token_mask="[MASK]",
        tokens_in_text=(),
    ):
        super().__init__(token_dict, token_start, token_end, token_pad, token_unk, token_mask)
        self.do_lower_case = do_lower_case
        self.word_maxlen = word_maxlen
        self.pre_tokenize = pre_tokenize
        self.token_translate = dict(token_translate or {})
        self.tokens_in_text = list(tokens_in_text)
        self._normalizer = TextNormalizer(do_lower_case)
        self._splitter = TextSplitter(self._normalizer, self.token_dict, pre_tokenize, self.tokens_in_text)
        self._wordpiece = WordPiece(self.token_dict, token_unk, word_maxlen)
        self._pieces = BoundedCache(self._wordpiece, CACHED_WORDS)
        self._ids = BoundedCache(self._word_ids, CACHED_WORDS)

    @property
    def settings(self):
        """The arguments besides the vocabulary and `pre_tokenize`, as values that JSON can hold."""
        special = ("token_start", "token_end", "token_pad", "token_unk", "token_mask")
        names = ("do_lower_case", "word_maxlen", *special, "token_translate", "tokens_in_text")
        return {name: getattr(self, name) for name in names}

    def __getstate__(self):
        return {"token_dict": self.token_dict, "pre_tokenize": self.pre_tokenize, **self.settings}

    def __setstate__(self, arguments):
        self.__init__(**arguments)

    def tokenize(self, text, maxlen=None):
        """The tokens of a text between the start and the end token, cut before the end token to `maxlen` tokens."""
        tokens = []
        for words, are_tokens in self._splitter.words(text):
            tokens.extend(words if are_tokens else chain.from_iterable(map(self._pieces.__getitem__, words)))
        tokens = self._enclose([self._translated(token) for token in tokens], self.token_start, self.token_end)
        return tokens if maxlen is None else self._fit(tokens, None, maxlen)[0]

    def text_to_ids(self, text):
        """The ids of a text alone, without start and end token."""
        ids = []
        for words, are_tokens in self._splitter.words(text):
            ids.extend(chain.from_iterable(map(self._token_ids if are_tokens else self._ids.__getitem__, words)))
        return ids

    def encode(self, first_text, second_text=None, maxlen=None, pattern="S*E*E", truncate_from="right"):
        """The ids of one text or of a pair, and the segments 0 and 1.

        Arguments:
            first_text, second_text: str, or list of tokens that includes the start and the end token.
            maxlen: int, the largest number of ids; the longer text is cut first.
            pattern: "S*E*E": start first end second end; "S*ES*E": the start token before the second text, too.
            truncate_from: "right" (before the end token), "left" (after the start token), or the index at which tokens
                are removed.

        Returns:
            Two lists of int: token ids and segment ids.
        """
        first, second = self._encode_pair(first_text, second_text, maxlen, pattern, truncate_from)
        return first + second, [0] * len(first) + [1] * len(second)

    def encode_batch(self, texts, second_texts=None, maxlen=None, length=None, pattern="S*E*E", truncate_from="right"):
        """`encode` for many texts or pairs, padded to one length.

        Arguments:
            texts, second_texts: lists as long as each other; `second_texts` may be None, as may its elements.
            maxlen: int, the largest number of ids in a row.
            length: int, the number of columns; default: that of the longest row. Longer rows are truncated.
            pattern, truncate_from: as in `encode`.

        Returns:
            Two int32 arrays (batch, length): token ids, padded with the padding id, and segment ids, padded with 0.
        """
        if isinstance(texts, str) or isinstance(second_texts, str):
            raise UserError("encode_batch needs lists of texts, received a single string")
        second_texts = [None] * len(texts) if second_texts is None else second_texts
        if len(texts) != len(second_texts):
            raise UserError(f"encode_batch received {len(texts)} first texts but {len(second_texts)} second texts")
        if length is not None:
            maxlen = length if maxlen is None else min(maxlen, length)
        pairs = [
            self._encode_pair(first, second, maxlen, pattern, truncate_from)
            for first, second in zip(texts, second_texts, strict=True)
        ]
        if length is None:
            length = max((len(first) + len(second) for first, second in pairs), default=0)
        token_ids = np.full((len(pairs), length), self.pad_id, np.int32)
        segment_ids = np.zeros((len(pairs), length), np.int32)
        for row, (first, second) in enumerate(pairs):
            end = len(first) + len(second)
            token_ids[row, :end] = first + second
            segment_ids[row, len(first) : end] = 1
        return token_ids, segment_ids

    def encode_with_offsets(self, first_text, second_text=None, maxlen=None, pattern="S*E*E", truncate_from="right"):
        """`encode` with the place of every token in its text.

        Places count characters of the text as given, whatever lower-casing and cleaning do to it: text[start:end] is
        what the token stands for, removed accents included. Where one character gives several tokens they share its
        place.

        Arguments:
            first_text, second_text: str; otherwise as in `encode`.

        Returns:
            Three lists: token ids, segment ids, and pairs (start, end), which are (0, 0) for the start and end tokens.
        """
        first = self._enclosed_places(first_text)
        second = None if second_text is None else self._enclosed_places(second_text)
        first, second = self._fit(first, second, maxlen, pattern, truncate_from)
        ids, places = ([item[i] for item in first + second] for i in (0, 1))
        return ids, [0] * len(first) + [1] * len(second), places

    def rematch(self, text, tokens):
        """For every token the list of the characters of `text` that it comes from; none for tokens in square brackets.

        Tokens are looked for one after the other, so a list cut at its front or with [UNK] in it can match too early;
        `encode_with_offsets` knows the exact places.

        Arguments:
            text: str.
            tokens: list of tokens, as `tokenize` gives them.

        Returns:
            List of lists of int, indices into `text`.
        """
        visible = self._normalizer.visible(self._normalizer.aligned(text))
        mapping, position = [], 0
        for token in tokens:
            if is_special(token):
                mapping.append([])
                continue
            start = visible.characters.find(stem(token), position)
            if start < 0:
                raise UserError(f"rematch does not find the token {token!r} in the text {text[:50]!r}")
            position = start + len(stem(token))
            mapping.append(list(visible.starts[start:position]))
        return mapping

    def decode(self, ids, tokens=None, unknown=""):
        """Readable text, without the tokens in square brackets.

        Arguments:
            ids: iterable of int.
            tokens: list of tokens to be used instead of those of `ids`; from `tokenize` they keep unknown words.
            unknown: str that stands for each [UNK]; by default they vanish, as in bert4keras.
        """
        tokens = [unknown if token == self.token_unk else token for token in tokens or self.ids_to_tokens(ids)]
        return join_tokens([token for token in tokens if token and (token == unknown or not is_special(token))])

    def _translated(self, token):
        return self.token_translate.get(token) or token

    def _token_ids(self, token):
        return (self.token_to_id(self._translated(token)),)

    def _word_ids(self, word):
        return tuple(chain.from_iterable(map(self._token_ids, self._wordpiece(word))))

    def _enclose(self, items, start, end):
        return [*([] if self.token_start is None else [start]), *items, *([] if self.token_end is None else [end])]

    def _enclosed_ids(self, text):
        if isinstance(text, str):
            return self._enclose(self.text_to_ids(text), self.start_id, self.end_id)
        if isinstance(text, (list, tuple)):
            return self.tokens_to_ids(text)
        raise UserError(f"a text must be a string or a list of tokens, received {type(text).__name__}")

    def _enclosed_places(self, text):
        """Pairs of id and (start, end) in the text."""
        items = []
        for aligned, start, end, is_token in self._splitter.aligned_words(text):
            word = aligned.characters[start:end]
            pieces, ids = ((word,), self._token_ids(word)) if is_token else (self._pieces[word], self._ids[word])
            for piece, index in zip(pieces, ids, strict=True):
                # A token that is the whole word may begin with ##; that of other pieces is not in the text.
                stop = end if piece == word else start + len(stem(piece))
                items.append((index, aligned.span(start, stop)))
                start = stop
        return self._enclose(items, (self.start_id, (0, 0)), (self.end_id, (0, 0)))

    def _encode_pair(self, first_text, second_text, maxlen, pattern, truncate_from):
        """The ids of either text, truncated."""
        first = self._enclosed_ids(first_text)
        second = None if second_text is None else self._enclosed_ids(second_text)
        return self._fit(first, second, maxlen, pattern, truncate_from)

    def _fit(self, first, second, maxlen, pattern="S*E*E", truncate_from="right"):
        has_start, has_end = self.token_start is not None, self.token_end is not None
        return fit_pair(first, second, maxlen, pattern, truncate_from, has_start, has_end)
