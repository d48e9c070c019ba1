"""Masking has the statistics of the reference: 15 % of words, of which 80 % [MASK], 10 % kept, 10 % random, drawn per
word; other rates and single tokens likewise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data.masking import Masking, row_generator
from rfv2_keras.errors import UserError

MASK, VOCABULARY = 103, 12_000


def make_text(tokens, seed=0):
    """Ids without [MASK] (so that masked tokens are seen), and words of 1 to 3 tokens."""
    generator = np.random.default_rng(seed)
    word_starts = np.cumsum(generator.choice([1, 1, 2, 2, 3], tokens)) - 1
    starts = np.zeros(tokens, bool)
    starts[[0, *word_starts[word_starts < tokens]]] = True
    return generator.integers(200, VOCABULARY, tokens, np.int32), starts


def near(count, total, share):
    """Within 5 standard deviations of a binomial."""
    return abs(count - total * share) < 5 * (total * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("rate", [0.15, 0.3, 0.05])
@pytest.mark.parametrize("whole_words", [True, False])
def test_shares(rate, whole_words):
    """On 400,000 tokens: the share of targets, and of masked, kept and random among them, per unit that is drawn."""
    token_ids, starts = make_text(400_000)
    mask = Masking(MASK, VOCABULARY, rate, whole_words)
    seen, targets = mask(token_ids, starts, row_generator(1, 2, 3), len(token_ids))
    first = starts if whole_words else np.ones_like(starts)
    units = np.count_nonzero(first)
    assert units > 100_000
    masked, kept = targets & (seen == MASK), targets & (seen == token_ids)
    random = targets & ~masked & ~kept
    assert near(np.count_nonzero(targets & first), units, rate)
    # A random id is [MASK] or the token itself once in 12,000 times, far below these bounds.
    assert near(np.count_nonzero(masked & first), units, rate * 0.8)
    assert near(np.count_nonzero(kept & first), units, rate * 0.1)
    assert near(np.count_nonzero(random & first), units, rate * 0.1)


def test_the_share_of_tokens_is_that_of_words():
    token_ids, starts = make_text(400_000)
    _, targets = Masking(MASK, VOCABULARY)(token_ids, starts, row_generator(0, 0, 0), len(token_ids))
    assert abs(targets.mean() - 0.15) < 0.005


def test_words_are_treated_as_a_whole():
    """All tokens of a word are targets or none is, and all share one fate; each random token has an id of its own."""
    token_ids, starts = make_text(100_000)
    seen, targets = Masking(MASK, VOCABULARY)(token_ids, starts, row_generator(0, 0, 0), len(token_ids))
    words = np.cumsum(starts) - 1
    kinds = np.where(targets, np.where(seen == MASK, 1, np.where(seen == token_ids, 2, 3)), 0)
    lowest, highest = np.full(words[-1] + 1, 9), np.zeros(words[-1] + 1)
    np.minimum.at(lowest, words, kinds)
    np.maximum.at(highest, words, kinds)
    mixed = np.count_nonzero(lowest != highest)  # a random id that happens to be [MASK] or the token itself
    assert mixed <= 3
    random_pairs = (kinds[:-1] == 3) & (kinds[1:] == 3) & (words[:-1] == words[1:])
    assert np.count_nonzero(random_pairs) > 300
    assert np.count_nonzero(seen[:-1][random_pairs] == seen[1:][random_pairs]) <= 3


def test_random_ids_are_uniform_without_padding():
    """Ids from 1 to vocabulary - 1, special tokens and the original included."""
    token_ids, starts = np.full(400_000, 7, np.int32), np.ones(400_000, bool)
    seen, targets = Masking(2, 10, rate=0.9)(token_ids, starts, row_generator(3, 0, 0), len(token_ids))
    # Masked: id 2, 72 % of all tokens; kept: id 7, 9 %; each of the ids 1 .. 9 by chance: 1 %; no target: id 7, 10 %.
    counts = np.bincount(seen, minlength=10)
    assert counts[0] == 0
    for index in (1, 3, 4, 5, 6, 8, 9):
        assert near(counts[index], len(seen), 0.01)
    assert near(counts[2], len(seen), 0.73)
    assert np.count_nonzero(targets & (seen == 7)) > len(seen) * 0.095


def test_what_is_no_target_stays():
    token_ids, starts = make_text(10_000)
    seen, targets = Masking(MASK, VOCABULARY)(token_ids, starts, row_generator(0, 0, 0), len(token_ids))
    np.testing.assert_array_equal(seen[~targets], token_ids[~targets])
    assert seen.dtype == np.int32


@settings(deadline=None)
@given(tokens=st.integers(1, 200), seed=st.integers(0, 10**6), room=st.integers(0, 40), whole_words=st.booleans())
def test_room_for_targets(tokens, seed, room, whole_words):
    """Never more targets than room; those left out are whole words at the end, and their tokens stay."""
    token_ids, starts = make_text(tokens, seed)
    mask = Masking(MASK, VOCABULARY, 0.3, whole_words)
    seen, targets = mask(token_ids, starts, row_generator(seed, 0, 0), room)
    _, all_targets = mask(token_ids, starts, row_generator(seed, 0, 0), tokens)
    assert targets.sum() <= room
    np.testing.assert_array_equal(seen[~targets], token_ids[~targets])
    left_out = np.flatnonzero(all_targets & ~targets)
    if left_out.size:
        assert starts[left_out[0]] or not whole_words
        np.testing.assert_array_equal(targets[: left_out[0]], all_targets[: left_out[0]])
        assert not targets[left_out[0] :].any()
    else:
        np.testing.assert_array_equal(targets, all_targets)


def test_room_suffices():
    """In a thousand rows of words of about two tokens none has more targets than `max_targets`."""
    mask = Masking(MASK, VOCABULARY)
    for length in (64, 512):
        assert mask.max_targets(length) % 8 == 0
        for row in range(500):
            token_ids, starts = make_text(length, row)
            _, targets = mask(token_ids, starts, row_generator(0, 0, row), length)
            assert targets.sum() <= mask.max_targets(length)


def test_draws_depend_on_seed_step_and_row():
    draws = {row_generator(*key).random() for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0)]}
    assert len(draws) == 5
    assert row_generator(5, 2**39, 2**23).random() == row_generator(5, 2**39, 2**23).random()


def test_draws_are_pinned():
    """A resumed run must see the masks that it would have seen, with later versions of numpy and this package too."""
    assert row_generator(1, 2, 3).random(3).tolist() == [0.15380753780515188, 0.1587334148139663, 0.589606163008537]
    ids = row_generator(2**63 + 1, 2**39, 2**24 - 1).integers(1, 12000, 4, np.int32)
    assert ids.tolist() == [8137, 8136, 7400, 9622]


@pytest.mark.parametrize("rate", [0, 1, -0.1, 15])
def test_impossible_rates(rate):
    with pytest.raises(UserError, match=f"between 0 and 1, received {rate}"):
        Masking(MASK, VOCABULARY, rate)
