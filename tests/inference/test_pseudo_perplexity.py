"""Scores are those of the definition, computed with the whole model one hidden token at a time."""

import math

import numpy as np
import pytest

from rfv2_keras import PseudoPerplexity
from rfv2_keras.errors import UserError
from rfv2_keras.text import Tokenizer


@pytest.fixture(scope="module")
def score(language_model):
    return lambda architecture: PseudoPerplexity(language_model(architecture))


def by_definition(model, tokenizer, text):
    """log p(token i | text with [MASK] at i) for every token but [CLS] and [SEP]."""
    ids, found = tokenizer.encode(text)[0], []
    for position in range(1, len(ids) - 1):
        hidden = np.array([ids])
        hidden[0, position] = tokenizer.mask_id
        found.append(math.log(np.asarray(model([hidden, np.zeros_like(hidden)]))[0, position, ids[position]]))
    return found


def test_definition(score, builder, vocab, sentences, architecture):
    model, tokenizer = builder(architecture).model, Tokenizer(vocab)
    texts = sentences[:4]
    for text, found in zip(texts, score(architecture)(texts, batch_size=7, progress=False), strict=True):
        expected = by_definition(model, tokenizer, text)
        np.testing.assert_allclose(found.log_probabilities, expected, atol=1e-4)
        assert found.tokens == tuple(text)
        assert found.log_likelihood == pytest.approx(sum(expected), abs=1e-3)
        assert found.pseudo_perplexity == pytest.approx(math.exp(-sum(expected) / len(text)), rel=1e-3)
        assert not found.is_cut


def test_batches_change_nothing(score, sentences):
    score = score("roformer_v2")
    alone = [score(text) for text in sentences]
    for batch_size in (1, 3, 64):
        for found, wanted in zip(score(sentences, batch_size, progress=False), alone, strict=True):
            np.testing.assert_allclose(found.log_probabilities, wanted.log_probabilities, atol=1e-5)


def test_a_text_without_tokens_has_no_perplexity(score):
    empty, blank, some = score("roformer_v2")(["", " ", "好"], progress=False)
    for found in (empty, blank):
        assert (found.tokens, found.log_likelihood, found.pseudo_perplexity) == ((), 0.0, None)
    assert some.pseudo_perplexity > 1
    assert score("roformer_v2")([], progress=False) == []


def test_long_texts_are_cut_and_say_so(score):
    short, long = score("bert")(["好" * 62, "好" * 80], progress=False)
    assert (short.is_cut, long.is_cut) == (False, True)
    np.testing.assert_allclose(long.log_probabilities, short.log_probabilities, atol=1e-5)
    assert long.record()["is_cut"] is True


def test_texts_that_are_none(score):
    with pytest.raises(UserError, match="text 1 must be a string, received int"):
        score("roformer_v2")(["好", 3])
    with pytest.raises(UserError, match="batch_size"):
        score("roformer_v2")(["好"], batch_size=0)
