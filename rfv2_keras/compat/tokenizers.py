"""`bert4keras.tokenizers`."""

from rfv2_keras.compat.absent import absent_names
from rfv2_keras.text import Tokenizer, save_vocab
from rfv2_keras.text import load_vocab as _load_vocab

__all__ = ["Tokenizer", "load_vocab", "save_vocab"]

__getattr__ = absent_names(
    __name__,
    {
        "SpTokenizer": "no model of this package has a SentencePiece vocabulary; use the package sentencepiece",
        "BasicTokenizer": "derive from Tokenizer",
        "TokenizerBase": "derive from Tokenizer",
    },
)


def load_vocab(dict_path, encoding="utf-8", simplified=False, startswith=None):
    """`rfv2_keras.text.load_vocab` with the argument names of bert4keras.

    Args:
        dict_path: vocabulary file, a token per line.
        encoding: of the file.
        simplified: whether tokens are left out that tokenizing can hardly give.
        startswith: tokens that come first in the simplified vocabulary.

    Returns:
        dict from token to id; with `simplified` also the `keep_tokens` of `build_transformer_model`.
    """
    return _load_vocab(dict_path, encoding, simplified, startswith)
