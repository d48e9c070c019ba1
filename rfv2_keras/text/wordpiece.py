"""Greedy longest-match-first WordPiece, on the Rust implementation of Hugging Face `tokenizers`."""

from tokenizers import models

from rfv2_keras.errors import UserError


class WordPiece:
    """Cuts one word into the longest pieces that the vocabulary holds, from left to right.

    Arguments:
        token_dict: dict from token to id.
        unk_token: str, the token for unknown words; must be in `token_dict`.
        word_maxlen: int, longer words are not cut but unknown.
    """

    def __init__(self, token_dict, unk_token, word_maxlen):
        try:
            self._model = models.WordPiece(token_dict, unk_token=unk_token, max_input_chars_per_word=word_maxlen)
        except (TypeError, OverflowError) as error:
            raise UserError(
                f"the vocabulary must map tokens (strings without lone surrogates) to ids (integers of at least 0) and "
                f"word_maxlen must be an integer of at least 0, received word_maxlen={word_maxlen!r} and a vocabulary "
                f"that fails with: {str(error).splitlines()[0]}"
            ) from error
        self._unk = unk_token

    def __call__(self, word):
        """The pieces of `word`, as a tuple; an unknown word is returned whole: (word,)."""
        try:
            pieces = tuple(piece.value for piece in self._model.tokenize(word))
        except UnicodeEncodeError:  # a lone surrogate, which no vocabulary can hold
            return (word,)
        return (word,) if pieces == (self._unk,) else pieces
