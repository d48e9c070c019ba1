"""Vocabulary files: equal to bert4keras where it is right, line numbers as ids where it is not, and clear errors."""

import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.text import load_vocab, save_vocab, vocab_hash


def test_golden(load_golden, golden_folder):
    golden, path = load_golden("load_vocab"), golden_folder / "vocab.txt"
    assert load_vocab(path) == golden["token_dict"]
    assert list(load_vocab(path)) == list(golden["token_dict"])
    assert len(load_vocab(path)) == golden["vocab_size"]
    for name in ("simplified_startswith", "simplified"):
        startswith = golden[name].get("startswith")
        token_dict, keep_tokens = load_vocab(path, simplified=True, startswith=startswith)
        assert token_dict == golden[name]["token_dict"]
        assert keep_tokens == golden[name]["keep_tokens"]


def test_quirk_18_ids_are_line_numbers(load_golden, golden_folder):
    """Repeated lines make ids of bert4keras collide; here ids are line numbers and the first line counts."""
    path = golden_folder / "vocab_quirk.txt"
    token_dict = load_vocab(path)
    golden = load_golden("load_vocab")["quirk"]["token_dict"]
    assert len(set(golden.values())) < len(golden)
    assert set(token_dict) == set(golden)
    tokens = [(line.split() or [""])[0] for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(set(tokens)) < len(tokens)
    assert token_dict == {token: tokens.index(token) for token in tokens}


def test_quirk_18_simplified(golden_folder):
    path = golden_folder / "vocab_quirk.txt"
    whole = load_vocab(path)
    token_dict, keep_tokens = load_vocab(path, simplified=True, startswith=["中"])
    assert next(iter(token_dict)) == "中"
    assert list(token_dict.values()) == list(range(len(token_dict)))
    assert keep_tokens == [whole[token] for token in token_dict]
    assert set(whole) - set(token_dict) == {"[PAD]", "[UNK]", "...", "##中"}


def test_released_vocabulary(data):
    """Every line of the released file is a token of its own with its line number."""
    path = data / "vocab" / "roformer_v2_char_vocab.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert list(load_vocab(path).items()) == [(line, index) for index, line in enumerate(lines)]


def test_vocabulary_with_a_blank_line(data):
    """Line 343 of BERT's Chinese vocabulary is a line separator, U+2028, which counts as blank."""
    token_dict = load_vocab(data / "vocab" / "bert_base_chinese_vocab.txt")
    assert len(token_dict) == 21128
    assert sorted(token_dict.values()) == list(range(21128))
    assert token_dict[""] == 343


def test_save_and_load(tmp_path, token_dict, golden_folder):
    for tokens in (token_dict, load_vocab(golden_folder / "vocab_quirk.txt")):
        path = tmp_path / "vocab.txt"
        save_vocab(path, tokens)
        assert load_vocab(path) == tokens
        assert vocab_hash(load_vocab(path)) == vocab_hash(tokens)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ({"a b": 0}, "'a b' has whitespace"),
        ({"\u3000": 0}, "has whitespace"),
        ({"a": 0, "b": 0}, "'a' and 'b' both have id 0"),
    ],
)
def test_save_refuses_what_cannot_be_read_back(tmp_path, tokens, message):
    with pytest.raises(UserError, match=message):
        save_vocab(tmp_path / "vocab.txt", tokens)
    assert not (tmp_path / "vocab.txt").exists()


def test_save_keeps_ids_where_some_have_no_token(tmp_path):
    tokens = {"[PAD]": 0, "a": 2, "[UNK]": 5}
    save_vocab(tmp_path / "vocab.txt", tokens)
    loaded = load_vocab(tmp_path / "vocab.txt")
    assert loaded == {**tokens, "": 1}
    assert vocab_hash(loaded) == vocab_hash(tokens)


def test_hash_depends_on_tokens_and_ids_only():
    reference = vocab_hash({"a": 0, "b": 1})
    assert reference == vocab_hash({"b": 1, "a": 0})
    assert len(reference) == 64
    others = [{"a": 1, "b": 0}, {"a": 0}, {"a": 0, "b": 2}, {"a": 0, "c": 1}]
    assert len({reference, *map(vocab_hash, others)}) == 5


def test_windows_lines_and_byte_order_mark(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes("\ufeff[PAD]\r\n[UNK]\r\n中\r\n".encode())
    assert load_vocab(path) == {"[PAD]": 0, "[UNK]": 1, "中": 2}
    path.write_bytes("[PAD]\n[UNK]\n中\n".encode("gb18030"))
    assert load_vocab(path, encoding="gb18030")["中"] == 2


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, {}, "cannot be read: No such file"),
        (b"", {}, r"0 tokens has no \[PAD\] and no \[UNK\]"),
        (b"[PAD]\na\n", {}, r"2 tokens has no \[UNK\]"),
        ("[PAD]\n[UNK]\n中".encode("gbk"), {}, r"not utf-8 text \(byte 12 is 0xd6\)"),
        (b"[PAD]\n[UNK]\n", {"encoding": "utf-99"}, "'utf-99' is no encoding"),
        (b"[PAD]\n[UNK]\n", {"simplified": True, "startswith": ["[CLS]"]}, r"startswith names '\[CLS\]'"),
    ],
)
def test_errors_are_one_sentence_with_the_path(tmp_path, content, arguments, message):
    path = tmp_path / "vocab.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load_vocab(path, **arguments)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_vocabulary(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load_vocab(tmp_path)
