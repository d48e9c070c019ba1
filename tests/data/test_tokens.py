"""Tokenizing documents: the ids and word starts are those of `WordTokenizer` on each line, for any text."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data.cleaning import TextCleaner
from rfv2_keras.data.tokens import DocumentTokenizer
from rfv2_keras.text.tokenizer import Tokenizer
from rfv2_keras.text.word_tokenizer import WordTokenizer

CHARACTERS = "我们在北京，。！ \t\u3000\n\u2028aB1１éÉ\u0301\u0300İß한か\u3099が𠮷\u200b\x00\ufffd😀≠㊗豈œ-_"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENS = [*SPECIAL, *"我们在北，。！ab1e-か豈ᄒ", "##b", "##1", "##a", "##e", "##ᅡ", "##ᆫ"]


def split_into_pairs(text):
    """Words that take no heed of what they cut, some of them empty."""
    return ["", *(text[i : i + 2] for i in range(0, len(text), 2)), ""]


def check(texts, tokenizer, segmenter):
    word_tokenizer = WordTokenizer(tokenizer, segmenter)
    for text, arrays in zip(texts, DocumentTokenizer(tokenizer, segmenter)(texts), strict=True):
        check_document(text, arrays, word_tokenizer)


def check_document(text, arrays, word_tokenizer):
    ids, starts, line_ends = arrays
    lines = [word_tokenizer(line) for line in text.split("\n")]
    assert ids.dtype == np.int32
    assert starts.dtype == bool
    assert ids.tolist() == [index for line, _ in lines for index in line.tolist()]
    assert line_ends.tolist() == np.cumsum([len(line) for line, _ in lines])[:-1].tolist()
    begins = [0, *line_ends.tolist()]
    expected = [int(start) + begin for (_, words), begin in zip(lines, begins, strict=True) for start in words]
    assert np.flatnonzero(starts).tolist() == expected


@settings(deadline=None, max_examples=300)
@given(
    texts=st.lists(
        st.text(st.one_of(st.sampled_from(CHARACTERS), st.characters(codec="utf-8")), min_size=1, max_size=60),
        min_size=1,
        max_size=3,
    ),
    lower=st.booleans(),
    segmenter=st.sampled_from(["rjieba", "whitespace", split_into_pairs]),
    cleaned=st.booleans(),
)
def test_equal_to_the_word_tokenizer(texts, lower, segmenter, cleaned):
    texts = [TextCleaner()(text) or "-" for text in texts] if cleaned else texts
    tokenizer = Tokenizer({token: index for index, token in enumerate(TOKENS)}, do_lower_case=lower)
    check(texts, tokenizer, segmenter)


@pytest.mark.parametrize("name", ["people_daily_199801.json", "reviews.json"])
def test_real_documents(data, name):
    tokenizer = Tokenizer(data / "vocab" / "roformer_v2_char_vocab.txt")
    lines = (data / "corpus" / name).read_text(encoding="utf-8").splitlines()[:100]
    texts = [json.loads(line)["content"] for line in lines]
    check([*texts, "\n".join(texts)], tokenizer, "rjieba")
