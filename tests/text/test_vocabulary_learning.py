"""Learned vocabularies: what they hold, that they fit the tokenizer, and that they are the same every time."""

import json

import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.text import Tokenizer, learn_vocab, vocabulary_learning

TEXTS = [
    "机器学习 machine learning，深度学习 deep learning。",
    "Machine translation 机器翻译：transformer、transformers 2017 2018 2019",
    "机器人 robots learn; learners learned 20170101 和 20180202！",
    "İstanbul café Σίσυφος 한국 カタカナ 😀😀",
] * 3


def test_contents():
    vocab = learn_vocab(TEXTS, 300)
    assert list(vocab)[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert list(vocab.values()) == list(range(len(vocab)))
    assert len(vocab) <= 300
    assert "learn" in vocab
    assert "机" in vocab
    assert "机器" not in vocab
    tokenizer = Tokenizer(vocab)
    for text in TEXTS:
        assert tokenizer.unk_id not in tokenizer.encode(text)[0]


@pytest.mark.parametrize("size", [6, 10, 40, 100, 150])
def test_size_is_kept_and_frequent_characters_come_first(size):
    vocab = learn_vocab(TEXTS, size)
    assert len(vocab) == size
    assert list(vocab)[5] == "e"  # the most frequent character
    if size < 100:
        assert list(vocab) == list(learn_vocab(TEXTS, 100))[:size]


def test_cased():
    assert "M" in learn_vocab(TEXTS, 200, do_lower_case=False)
    assert "M" not in learn_vocab(TEXTS, 200)


def test_min_frequency_and_special_tokens():
    vocab = learn_vocab(["中中国 ab\ud800 ab\ud800"], 50, min_frequency=2, special_tokens=["[PAD]", "[UNK]"])
    assert set(vocab) == {"[PAD]", "[UNK]", "中"}


def test_same_every_time():
    """Left alone, the trainer gives another vocabulary each time, because it walks through freshly seeded hash maps."""
    learned = {json.dumps(learn_vocab(TEXTS, 150)) for _ in range(8)}
    assert len(learned) == 1
    assert len(json.loads(learned.pop())) == 150


def test_counting_forgets_rare_words(monkeypatch):
    monkeypatch.setattr(vocabulary_learning, "MAX_COUNTED_WORDS", 50)
    texts = [f"common word{i} common" for i in range(200)]
    vocab = learn_vocab(iter(texts), 60)
    assert "common" in vocab


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 100), "no word"),
        ((["  "], 100), "no word"),
        (("text", 100), "single string"),
        (([b"bytes"], 100), "type bytes"),
        ((["text"], 5), "larger than the number of special tokens, 5, received size=5"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(UserError, match=message):
        learn_vocab(*arguments)
