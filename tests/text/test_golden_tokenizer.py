"""Tokens, ids, pairs, decoded text and character places equal those of bert4keras 0.11.5, but for its defects.

Rules tell which rows a defect touches: what the reference returns is longer than maxlen, or it raises IndexError, or
lower-casing makes the text longer.
"""

import pytest

from rfv2_keras.text import Tokenizer, load_vocab
from rfv2_keras.text.characters import is_cjk, is_control, is_punctuation, is_space

CONFIGS = [
    "lower",
    "cased",
    "lower_word_maxlen",
    "lower_no_start",
    "lower_no_end",
    "lower_no_start_no_end",
    "lower_pre_tokenize",
    "cased_token_translate",
    "lower_simplified_vocab",
]


def in_pairs(text):
    return [text[i : i + 2] for i in range(0, len(text), 2)]


@pytest.fixture(scope="module")
def make_tokenizer(load_golden, golden_folder):
    configs = load_golden("single")["configs"]
    startswith = load_golden("load_vocab")["simplified_startswith"]["startswith"]

    def make(name):
        arguments = dict(configs[name])
        vocab = load_vocab(golden_folder / "vocab.txt")
        if arguments.pop("vocab", None) == "simplified":
            vocab, _ = load_vocab(golden_folder / "vocab.txt", simplified=True, startswith=startswith)
        if arguments.get("pre_tokenize") == "pairs":
            arguments["pre_tokenize"] = in_pairs
        return Tokenizer(vocab, **arguments)

    return make


def test_every_configuration_is_compared(load_golden):
    assert sorted(load_golden("single")["cases"]) == sorted(CONFIGS)


@pytest.mark.parametrize("config", CONFIGS)
def test_single_texts(config, load_golden, make_tokenizer):
    tokenizer = make_tokenizer(config)
    rows = load_golden("single")["cases"][config]
    assert rows
    for row in rows:
        text, maxlen = row["text"], row["maxlen"]
        assert tokenizer.tokenize(text) == row["tokens"], ascii(text)
        assert tokenizer.encode(text) == (row["ids"], row["segments"]), ascii(text)
        assert tokenizer.decode(row["ids"]) == row["decode"], ascii(text)
        assert tokenizer.tokenize(text, maxlen) == row["tokens_maxlen"], ascii(text)
        assert tokenizer.encode(text, maxlen=maxlen)[0] == row["ids_maxlen"], ascii(text)
        assert tokenizer.encode(text, maxlen=maxlen, truncate_from="left")[0] == row["ids_maxlen_left"], ascii(text)
        assert tokenizer.text_to_ids(text) == _without_ends(tokenizer, row["ids"]), ascii(text)


@pytest.mark.parametrize("config", CONFIGS)
def test_rematch(config, load_golden, make_tokenizer):
    """Quirk 17: the reference counts in the lower-cased text, here the original text is meant."""
    tokenizer = make_tokenizer(config)
    for row in load_golden("single")["cases"][config]:
        text = row["text"]
        origins = range(len(text))
        if tokenizer.do_lower_case:
            origins = [i for i, character in enumerate(text) for _ in character.lower()]
        expected = [[origins[i] for i in places] for places in row["rematch"]]
        assert tokenizer.rematch(text, row["tokens"]) == expected, ascii(text)


def test_pairs(load_golden, make_tokenizer):
    """Quirk 15: results of maxlen + 1 ids, IndexError for a small maxlen, and shortened argument lists are mended."""
    tokenizers = {config: make_tokenizer(config) for config in CONFIGS}
    mended = 0
    for row in load_golden("pairs"):
        tokenizer, maxlen = tokenizers[row["config"]], row["maxlen"]
        first, second = row["first"], row["second"]
        before = str(first), str(second)
        ids, segments = tokenizer.encode(first, second, maxlen, row["pattern"], row["truncate_from"])
        assert (str(first), str(second)) == before, "arguments must not change"
        if "error" in row or (maxlen is not None and len(row["ids"]) > maxlen):
            mended += 1
            assert len(ids) == len(segments) == maxlen
            assert segments == sorted(segments)
        else:
            assert (ids, segments) == (row["ids"], row["segments"]), row
        if "decode" in row:
            assert tokenizer.decode(row["ids"]) == row["decode"]
    assert mended


def test_decode(load_golden, make_tokenizer):
    tokenizers = {config: make_tokenizer(config) for config in CONFIGS}
    for row in load_golden("decode"):
        tokenizer = tokenizers[row["config"]]
        assert tokenizer.ids_to_tokens(row["ids"]) == row["tokens"]
        assert tokenizer.decode(row["ids"]) == row["decode"], row
        if "text" in row:
            assert tokenizer.tokenize(row["text"]) == row["tokens"]


def test_character_classes(load_golden):
    for character, _category, space, punctuation, cjk, control in load_golden("helpers")["char_classes"]:
        classes = is_space(character), is_punctuation(character), is_cjk(character), is_control(character)
        assert classes == (space, punctuation, cjk, control), ascii(character)


def _without_ends(tokenizer, ids):
    start = 0 if tokenizer.start_id is None else 1
    return ids[start:] if tokenizer.end_id is None else ids[start:-1]
