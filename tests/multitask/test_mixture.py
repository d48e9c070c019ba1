"""Draws of tasks and rows: a function of (seed, step) alone, right frequencies, every row once per epoch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from rfv2_keras.errors import UserError
from rfv2_keras.multitask.mixture import PERIOD, Draw, Mixture, epochs_done, rows_of_draw, task_seed

WEIGHTS = [60, 5, 4, 2, 1]  # those of the released multi-task code, in part


@pytest.fixture(scope="module")
def mixture():
    return Mixture("abcde", WEIGHTS, 8)


def tasks_of(mixture, seed, steps):
    return np.array([[draw.task for draw in mixture.draws(seed, step)] for step in steps])


def test_frequencies_look_like_independent_draws(mixture):
    """Chi-squared, from both sides, for 20 stretches of 500 updates: p-values spread over (0, 1).

    Counts that were too even would give p-values near 1.
    """
    expected = 4000 * np.array(WEIGHTS) / sum(WEIGHTS)
    values = []
    for stretch in range(20):
        tasks = tasks_of(mixture, stretch, range(700 * stretch, 700 * stretch + 500))
        values.append(chisquare(np.bincount(tasks.ravel(), minlength=5), expected).pvalue)
    assert min(values) > 1e-3
    assert 0.25 < np.mean(values) < 0.75
    assert np.histogram(values, 2, (0, 1))[0].min() >= 4


def test_neighbours_are_independent(mixture):
    """Chi-squared over pairs of draws that follow each other."""
    tasks = np.minimum(tasks_of(mixture, 5, range(4000)).ravel(), 2)
    pairs = np.bincount(3 * tasks[::2] + tasks[1::2], minlength=9)
    shares = np.array([60, 5, 7]) / 72
    assert 1e-3 < chisquare(pairs, pairs.sum() * np.outer(shares, shares).ravel()).pvalue < 1 - 1e-3


def test_frequencies_of_a_period_are_exact(mixture):
    tasks = tasks_of(mixture, 1, range(PERIOD // 8)).ravel()
    counts = np.bincount(tasks)
    assert counts.tolist() == mixture.counts.tolist()
    assert np.all(np.abs(counts - PERIOD * np.array(WEIGHTS) / sum(WEIGHTS)) < 1)


def test_numbers_count_draws_of_a_task(mixture):
    """Over the border of two periods, from wherever the count is begun."""
    border = PERIOD // 8
    seen = mixture.counts - np.bincount(tasks_of(mixture, 3, range(border - 300, border)).ravel(), minlength=5)
    for step in range(border - 300, border + 300):
        for draw in mixture.draws(3, step):
            assert draw.number == seen[draw.task]
            seen[draw.task] += 1


@settings(max_examples=10)  # each computes the order of several periods
@given(seed=st.integers(-(2**63), 2**64), steps=st.lists(st.integers(0, 2**40), min_size=1, max_size=3))
def test_a_draw_depends_on_seed_and_step_alone(mixture, seed, steps):
    """A resumed run, or another process, has an object of its own that has drawn other things, or nothing."""
    fresh = Mixture("abcde", WEIGHTS, 8)
    assert [mixture.draws(seed, step) for step in steps] == [fresh.draws(seed, step) for step in steps]
    assert mixture.draws(seed, steps[0]) == fresh.draws(seed, steps[0])


def test_seeds_periods_and_accumulation(mixture):
    first = tasks_of(mixture, 0, range(100)).ravel()
    assert np.any(first != tasks_of(mixture, 1, range(100)).ravel())
    assert np.any(first != tasks_of(mixture, 0, range(PERIOD // 8, PERIOD // 8 + 100)).ravel())
    # The stream of micro-batches does not know how many make an update.
    assert first[:99].tolist() == tasks_of(Mixture("abcde", WEIGHTS, 3), 0, range(33)).ravel().tolist()


@given(size=st.integers(1, 500), batch=st.integers(1, 64), epoch=st.integers(0, 10**6), seed=st.integers(0, 2**64))
def test_every_row_once_per_epoch(size, batch, epoch, seed):
    begin = epoch * size
    draws = range(begin // batch, -(-(begin + size) // batch))
    rows = np.concatenate([rows_of_draw(Draw(2, number), seed, size, batch) for number in draws])
    skipped = begin - draws[0] * batch
    assert sorted(rows[skipped : skipped + size].tolist()) == list(range(size))


@given(number=st.integers(0, 2**40), batch=st.integers(1, 64), processes=st.integers(1, 9))
def test_processes_share_a_draw(number, batch, processes):
    draw = Draw(1, number)
    parts = [rows_of_draw(draw, 4, 1000, batch, process, processes) for process in range(processes)]
    assert np.concatenate(parts).tolist() == rows_of_draw(draw, 4, 1000, batch).tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_tasks_of_one_size_have_orders_of_their_own():
    rows = [rows_of_draw(Draw(task, 0), 0, 1000, 1000) for task in range(3)]
    assert all(np.count_nonzero(rows[a] == rows[b]) < 8 for a, b in [(0, 1), (0, 2), (1, 2)])
    assert len({task_seed(seed, task) for seed in range(-5, 20) for task in range(20)}) == 500


def test_epochs_done():
    assert epochs_done(Draw(0, 0), size=100, batch_size=25) == 0.25
    assert epochs_done(Draw(0, 9), size=50, batch_size=10) == 2.0


def test_the_draws_are_pinned(mixture):
    """A resumed run must see the draws that it would have seen, with a later version of this package too."""
    tasks, numbers = zip(*mixture.draws(7, 50_000), strict=True)
    assert tasks == (1, 2, 0, 0, 0, 0, 0, 0)
    assert numbers == (27809, 22210, *range(333320, 333326))
    assert rows_of_draw(Draw(3, 1000), 7, 999, 4).tolist() == [426, 738, 151, 197]


def test_ninety_two_tasks():
    """A share of one in 10,000 (26 draws in a period) keeps its frequency to 5 percent."""
    weights = np.array([10_000 - 91, *[1] * 91])
    mixture = Mixture([str(i) for i in range(92)], weights, 8)
    np.testing.assert_allclose(mixture.counts / PERIOD, weights / 10_000, rtol=0.05)
    assert mixture.counts.sum() == PERIOD


def test_errors():
    with pytest.raises(UserError, match="micro-batches of an update must be at least 1, received 0"):
        Mixture("a", [1], 0)
    with pytest.raises(UserError, match="Task 'b' has a share of less than one in 262,144 draws"):
        Mixture("ab", [10_000_000, 1], 1)
