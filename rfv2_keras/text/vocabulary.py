"""Reading, writing, reducing and fingerprinting vocabularies: one token a line, the line number is the id."""

import hashlib
import io
from pathlib import Path

from rfv2_keras.errors import UserError
from rfv2_keras.text.characters import is_cjk, is_punctuation


def load_vocab(path, encoding="utf-8", simplified=False, startswith=None, required=("[PAD]", "[UNK]")):
    """Read a BERT vocabulary file.

    A token is the text of its line before the first whitespace; its id is the number of the line, from 0, because that
    is the row of the embedding table. A token that comes again keeps its first id, and the first blank line is the
    token "". (bert4keras numbers by the distinct tokens read so far, so that after a repeated line ids collide and are
    off. Where no line is repeated, both give the same.)

    Arguments:
        path: file.
        encoding: of the file.
        simplified: bool; also leave out tokens that tokenizing can hardly give: those of several characters of which
            one is Chinese or punctuation. That includes [unused1] and, unless `startswith` names them, the special
            tokens.
        startswith: list of tokens that come first in the simplified vocabulary.
        required: tokens that the file must hold.

    Returns:
        dict from token to id; with `simplified` a pair (dict with new ids 0, 1, ..., list of the old ids in that order,
        the `keep_tokens` of `build_transformer_model`).
    """
    token_dict = _parse_lines(_read_lines(path, encoding))
    missing = [token for token in required if token not in token_dict]
    if missing:
        raise UserError(
            f"{path}: the vocabulary of {len(token_dict)} tokens has no {' and no '.join(missing)}; each needs a line"
        )
    if not simplified:
        return token_dict
    return _simplify(token_dict, startswith or [], path)


def save_vocab(path, token_dict, encoding="utf-8"):
    """Write a vocabulary so that `load_vocab` gives every token the same id; ids without a token become blank lines.

    Arguments:
        path: file.
        token_dict: dict from token to id.
        encoding: of the file.
    """
    lines = [""] * (max(token_dict.values(), default=-1) + 1)
    for token, index in token_dict.items():
        if "".join(token.split()) != token:
            raise UserError(f"{path}: the token {token!r} has whitespace in it and cannot be a line of the file")
        if lines[index]:
            raise UserError(f"{path}: the tokens {lines[index]!r} and {token!r} both have id {index}; ids must differ")
        lines[index] = token
    Path(path).write_text("".join(line + "\n" for line in lines), encoding=encoding, newline="\n")


def vocab_hash(token_dict):
    """The SHA-256 over the lines "id TAB token" in the order of ids, as 64 hexadecimal digits.

    It names the meaning of stored token ids: equal hashes mean equal vocabularies, in whatever file they stand. The
    token "" of blank lines does not count, since no text gives it.
    """
    digest = hashlib.sha256()
    for token, index in sorted(token_dict.items(), key=lambda item: item[1]):
        if token:
            digest.update(f"{index}\t{token}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def is_redundant(token):
    """Whether a token has several characters of which one, after a leading ##, is Chinese or punctuation."""
    several = token.removeprefix("##") if len(token) > 1 else ""
    return any(is_cjk(character) or is_punctuation(character) for character in several)


def _read_lines(path, encoding):
    try:
        return list(io.StringIO(Path(path).read_bytes().decode(encoding), newline=None))
    except OSError as error:
        raise UserError(f"{path}: the vocabulary cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: the vocabulary is not {encoding} text (byte {error.start} is {error.object[error.start]:#04x}); "
            "convert the file or give its encoding"
        ) from error
    except LookupError as error:
        raise UserError(f"{path}: {encoding!r} is no encoding that Python knows; vocabularies are 'utf-8'") from error


def _parse_lines(lines):
    token_dict = {}
    for index, line in enumerate(lines):
        # Some editors begin a file with a byte order mark, which is no part of the first token.
        words = (line.removeprefix("\ufeff") if index == 0 else line).split(maxsplit=1)
        token_dict.setdefault(words[0] if words else "", index)
    return token_dict


def _simplify(token_dict, startswith, path):
    unknown = [token for token in startswith if token not in token_dict]
    if unknown:
        raise UserError(f"{path}: startswith names {unknown[0]!r}, which is not in the vocabulary")
    others = sorted((token for token in token_dict if not is_redundant(token)), key=token_dict.get)
    tokens = list(dict.fromkeys([*startswith, *others]))
    return {token: index for index, token in enumerate(tokens)}, [token_dict[token] for token in tokens]
