"""Cutting: pieces cover the document, none is too long, cuts lie at sentence ends if possible, else between words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data.sentences import SentenceCutter

TOKENS = {"[PAD]": 0, "a": 1, "b": 2, "。": 3, "”": 4, "！": 5}


def cut(text, size, words=None, line_ends=()):
    """Pieces of a text of one-character tokens; `words` are lengths of words, default 1 each."""
    token_ids = np.array([TOKENS[c] for c in text], np.int32)
    lengths = words or [1] * len(text)
    starts = np.zeros(len(text), bool)
    starts[np.cumsum([0, *lengths[:-1]])[: len(text)]] = True
    pieces = SentenceCutter(TOKENS, size)(token_ids, starts, np.array(line_ends, np.int64))
    return [text[start:end] for start, end in pieces]


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("", 5, []),
        ("ab", 5, ["ab"]),
        ("ab。ab。ab。", 6, ["ab。ab。", "ab。"]),
        ("ab。ab。ab。", 8, ["ab。ab。", "ab。"]),
        ("ab。”ab", 5, ["ab。”", "ab"]),
        ("ab！！”ab", 6, ["ab！！”", "ab"]),
        ("ab。”ab", 3, ["ab。", "”ab"]),
        ("ab”ab", 4, ["ab”a", "b"]),
        ("ab。aaaaaa。b", 5, ["ab。", "aaaaa", "a。b"]),
    ],
)
def test_sentence_ends(text, size, expected):
    assert cut(text, size) == expected


def test_long_sentences_are_cut_before_words():
    assert cut("aabbaabb", 5, words=[2, 2, 2, 2]) == ["aabb", "aabb"]


def test_only_a_word_longer_than_a_piece_is_cut():
    assert cut("a" + "b" * 9 + "a", 4, words=[1, 9, 1]) == ["a", "bbbb", "bbbb", "ba"]


def test_a_mark_inside_a_word_ends_no_sentence():
    assert cut("aba。bab", 5, words=[2, 3, 2]) == ["aba。b", "ab"]


def test_lines_end_sentences():
    assert cut("abababab", 5, line_ends=[3, 6, 8]) == ["aba", "babab"]
    assert cut("ababababab", 5, line_ends=[3, 6, 10]) == ["aba", "bab", "abab"]


@settings(deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["a", "b", "ab", "aba", "。", "。”", "！", "abababab", "a。b"]), min_size=1, max_size=60
    ),
    size=st.integers(2, 12),
)
def test_pieces(words, size):
    text = "".join(words)
    pieces = cut(text, size, [len(word) for word in words])
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= size for piece in pieces)
    word_ends = set(np.cumsum([len(word) for word in words]).tolist())
    marked = {i for i in range(1, len(text)) if text[i - 1] in "。！”" and text[i] not in "。！”"}
    sentence_ends = marked & word_ends
    start = 0
    for piece in pieces[:-1]:
        end = start + len(piece)
        possible = [place for place in sentence_ends if start < place <= start + size]
        assert end == max(possible, default=end)
        assert end in word_ends or max(map(len, words)) > size
        start = end
