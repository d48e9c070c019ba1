"""Tokenizing word by word: the ids of every word by itself, and where the words start."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.text import WordTokenizer

WORDS = st.lists(
    st.text(st.sampled_from("我们中国transformers12 \n\u200b，龘\ud800") | st.characters(), max_size=8), max_size=20
)


@settings(max_examples=200, deadline=None)
@given(words=WORDS, cache_size=st.sampled_from([1, 3, 1000]))
def test_every_word_by_itself(tokenizer, words, cache_size):
    token_ids, starts = WordTokenizer(tokenizer, "whitespace", cache_size).tokenize_words(words)
    expected = [ids for ids in (tokenizer.encode(word)[0][1:-1] for word in words) if ids]
    assert token_ids.dtype == starts.dtype == np.int32
    assert token_ids.tolist() == [index for ids in expected for index in ids]
    assert [part.tolist() for part in np.split(token_ids, starts[1:])][: len(starts)] == expected
    assert len(starts) == len(expected)


def test_segments_and_tokenizes(tokenizer):
    token_ids, starts = WordTokenizer(tokenizer)("我们在 中国，transformers")
    assert token_ids.tolist() == tokenizer.text_to_ids("我们在中国，transformers")
    assert starts.tolist() == [0, 2, 3, 5, 6]


def test_words_are_not_joined(tokenizer):
    """The whole text has one word of letters here, the segmenter found two."""
    token_ids, starts = WordTokenizer(tokenizer).tokenize_words(["trans", "forming"])
    assert token_ids.tolist() != tokenizer.text_to_ids("transforming")
    assert starts.tolist() == [0, 1]


def test_nothing(tokenizer):
    token_ids, starts = WordTokenizer(tokenizer)("")
    assert token_ids.shape == starts.shape == (0,)


def test_arrays_can_be_written(tokenizer):
    token_ids, _ = WordTokenizer(tokenizer)("我们")
    token_ids[0] = 0


def test_cache_is_bounded(tokenizer):
    words = WordTokenizer(tokenizer, cache_size=10)
    words.tokenize_words([f"{i}" for i in range(100)] + ["x" * 100])
    assert 0 < len(words._cache) <= 10
    assert "x" * 100 not in words._cache


@pytest.mark.parametrize("segmenter", ["rjieba", "whitespace"])
def test_pickle(tokenizer, segmenter):
    words = WordTokenizer(tokenizer, segmenter)
    copy = pickle.loads(pickle.dumps(words))
    for ours, theirs in zip(words("我们在 中国"), copy("我们在 中国"), strict=True):
        assert ours.tolist() == theirs.tolist()
