"""Tokens, their ids, and the special ones among them."""

from rfv2_keras.errors import UserError
from rfv2_keras.text.vocabulary import load_vocab, vocab_hash


class TokenTable:
    """A vocabulary with named special tokens.

    Arguments:
        token_dict: dict from token to id, or the path of a vocabulary file. Ids are unique and the padding token has
            id 0, because every model takes 0 for padding.
        token_start, token_end: str, or None for none.
        token_pad, token_unk, token_mask: str; only the mask may be missing from the vocabulary.
    """

    def __init__(self, token_dict, token_start, token_end, token_pad, token_unk, token_mask):
        source = "the vocabulary"
        if not isinstance(token_dict, dict):
            source = str(token_dict)
            token_dict = load_vocab(token_dict, required=(token_pad, token_unk))
        self.token_dict = dict(token_dict)
        self.token_start = token_start or None
        self.token_end = token_end or None
        self.token_pad = token_pad
        self.token_unk = token_unk
        self.token_mask = token_mask
        self._tokens_by_id = {index: token for token, index in self.token_dict.items()}
        self._check(source)

    def _check(self, source):
        for name in ("token_pad", "token_unk", "token_start", "token_end"):
            token = getattr(self, name)
            if token is not None and token not in self.token_dict:
                raise UserError(f"{source} of {len(self.token_dict)} tokens has no {token!r}, received as {name}")
        if self.pad_id != 0:
            raise UserError(
                f"the padding token {self.token_pad!r} must have id 0, which every model takes for padding, "
                f"received id {self.pad_id} in {source}"
            )
        if len(self._tokens_by_id) < len(self.token_dict):
            token = next(token for token, index in self.token_dict.items() if self._tokens_by_id[index] != token)
            index = self.token_dict[token]
            raise UserError(f"{source} gives the id {index} to both {token!r} and {self._tokens_by_id[index]!r}")

    @property
    def vocab_size(self):
        """The highest id plus one: the rows that an embedding table needs."""
        return max(self._tokens_by_id) + 1

    @property
    def vocab_hash(self):
        """SHA-256 of the vocabulary, see `rfv2_keras.text.vocab_hash`."""
        return vocab_hash(self.token_dict)

    @property
    def pad_id(self):
        return self.token_dict[self.token_pad]

    @property
    def unk_id(self):
        return self.token_dict[self.token_unk]

    @property
    def start_id(self):
        """The id of `token_start`, usually [CLS]; None without one."""
        return None if self.token_start is None else self.token_dict[self.token_start]

    @property
    def end_id(self):
        """The id of `token_end`, usually [SEP]; None without one."""
        return None if self.token_end is None else self.token_dict[self.token_end]

    @property
    def mask_id(self):
        if self.token_mask not in self.token_dict:
            raise UserError(f"the vocabulary of {len(self.token_dict)} tokens has no mask token {self.token_mask!r}")
        return self.token_dict[self.token_mask]

    cls_id, sep_id = start_id, end_id
    # The names that scripts written for bert4keras read.
    _token_pad_id, _token_unk_id, _token_mask_id = pad_id, unk_id, mask_id
    _token_start_id, _token_end_id, _vocab_size = start_id, end_id, vocab_size

    def token_to_id(self, token):
        """The id of a token, that of the unknown token where it is not in the vocabulary."""
        return self.token_dict.get(token, self.unk_id)

    def id_to_token(self, index):
        """The token of an id; the unknown token for an id that a vocabulary with repeated lines gives to none."""
        token = self._tokens_by_id.get(index)
        if token is not None:
            return token
        if not 0 <= index < self.vocab_size:
            raise UserError(f"the vocabulary has ids from 0 to {self.vocab_size - 1}, received id {index}")
        return self.token_unk

    def tokens_to_ids(self, tokens):
        unknown = self.unk_id
        return [self.token_dict.get(token, unknown) for token in tokens]

    def ids_to_tokens(self, ids):
        return [self.id_to_token(index) for index in ids]
