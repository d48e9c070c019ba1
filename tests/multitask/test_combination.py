"""Combined gradients: what each rule promises, compiled by XLA, with tasks absent and gradients of zero."""

import time

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize

from rfv2_keras.errors import UserError
from rfv2_keras.multitask import gram
from rfv2_keras.multitask.combination import COMBINATIONS, LOSS_SCALES, Combination, TaskLosses

ROWS, COLUMNS = 6, 8  # one shape, so that each rule is compiled once


class Compiled:
    """A combination in a compiled function; fewer tasks and parameters are filled up with absent and zero ones."""

    def __init__(self, *arguments):
        self.function = tf.function(Combination(*arguments), jit_compile=True)

    def __call__(self, gradients, losses=None):
        tasks, parameters = np.shape(gradients)
        rows = np.full((ROWS, COLUMNS), np.nan, np.float32)  # absent rows may hold anything
        rows[:tasks] = 0.0
        rows[:tasks, :parameters] = gradients
        result = self.function(tf.constant(rows), tf.constant(np.arange(ROWS) < tasks), losses)
        assert not np.any(result.weights[tasks:])
        assert not np.any(result.norms[tasks:])
        assert not np.any(result.gradient[parameters:])
        return result._replace(
            gradient=result.gradient.numpy()[:parameters].astype(np.float64),
            weights=result.weights.numpy()[:tasks].astype(np.float64),
            norms=result.norms.numpy()[:tasks],
            cosines=result.cosines.numpy()[:tasks],
        )


@pytest.fixture(scope="module")
def combine():
    """Function name -> `Compiled`, each made once."""
    made = {}
    return lambda *arguments: made.setdefault(arguments, Compiled(*arguments))


@pytest.fixture(scope="module")
def losses():
    """Losses of six tasks."""
    values = np.random.default_rng(3).uniform(0.1, 10, (3, ROWS)).astype(np.float32)
    return TaskLosses(*map(tf.constant, values))


@st.composite
def gradient_matrices(draw, least=2):
    """Up to six gradients of up to eight parameters, of scales from 1/1000 to 1000; some parallel, opposed or equal."""
    seed, tasks = draw(st.integers(0, 2**32)), draw(st.integers(least, ROWS))
    generator = np.random.default_rng(seed)
    parameters = draw(st.integers(1, COLUMNS))
    gradients = generator.normal(size=(tasks, parameters))
    shape = draw(st.sampled_from(["free", "parallel", "opposed", "equal", "whole"]))
    common = generator.normal(size=(1, parameters))
    if shape == "parallel":
        gradients = common + 1e-3 * gradients
    elif shape == "opposed":
        gradients = common * generator.choice([-1, 1], (tasks, 1)) + 1e-2 * gradients
    elif shape == "equal":
        gradients[-1] = gradients[0]
    elif shape == "whole":
        gradients = np.rint(gradients)
    if draw(st.booleans()):
        gradients *= 10.0 ** generator.uniform(-3, 3, (tasks, 1))
    return gradients.astype(np.float32)


def quadratic_solution(gradients):
    """The min-norm point by scipy, started from the middle of the simplex."""
    scaled = gradients / np.linalg.norm(gradients, axis=1).max()
    products = scaled @ scaled.T
    tasks = len(gradients)
    found = minimize(
        lambda w: 1e3 * w @ products @ w,
        np.full(tasks, 1 / tasks),
        jac=lambda w: 2e3 * products @ w,
        bounds=[(0, 1)] * tasks,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    return found.x @ gradients


@pytest.mark.parametrize("tasks", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_mgda_equals_quadratic_programming(combine, tasks, shift):
    """Within 1e-4 of the largest gradient, over ten draws each; the shift makes gradients agree."""
    for seed in range(10):
        gradients = np.random.default_rng(seed).normal(size=(tasks, COLUMNS)).astype(np.float32) + np.float32(shift)
        found = combine("mgda")(gradients).gradient
        error = np.linalg.norm(found - quadratic_solution(gradients.astype(np.float64)))
        assert error < 1e-4 * np.linalg.norm(gradients, axis=1).max()


@given(gradients=gradient_matrices())
def test_mgda_is_optimal_for_any_gradients(combine, gradients):
    """Weights on the simplex, and ⟨g_i, d⟩ ≥ ‖d‖² for every task, which holds for the min-norm point alone."""
    norms = np.linalg.norm(gradients, axis=1).astype(np.float64)
    assume(norms.max() > 0)
    weights = combine("mgda")(gradients).weights
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    assert not weights[norms == 0].any(), "a zero gradient binds nothing"
    inside = weights @ gradients.astype(np.float64)
    products = gradients.astype(np.float64) @ inside
    # The weights are float32, so that d has an error of 1e-7 of the longest gradient that takes part.
    rounding = 1e-6 * (weights * norms).max()
    assert np.all((products >= inside @ inside - rounding * norms - rounding**2)[norms > 0])


@given(gradients=gradient_matrices(), factor=st.sampled_from([2.0**-20, 0.5, 8.0, 2.0**20]))
def test_behaviour_under_scale(combine, gradients, factor):
    """All gradients times a number: the weights of mgda stay, those of normalized are divided by it.

    One gradient times a number: normalized gives the same.
    """
    assume(np.linalg.norm(gradients, axis=1).min() > 0)
    factor = np.float32(factor)
    np.testing.assert_allclose(
        combine("mgda")(factor * gradients).weights, combine("mgda")(gradients).weights, atol=1e-6
    )
    plain = combine("normalized")(gradients)
    scaled = gradients.copy()
    scaled[0] *= factor
    np.testing.assert_allclose(combine("normalized")(scaled).gradient, plain.gradient, atol=1e-5)
    np.testing.assert_allclose(combine("normalized")(factor * gradients).weights * factor, plain.weights, rtol=1e-5)


@given(gradients=gradient_matrices(), data=st.data())
@pytest.mark.parametrize("name", ["sum", "normalized", "mgda", "primary_auxiliary"])
def test_the_order_of_tasks_does_not_matter(combine, name, gradients, data):
    """Of auxiliary tasks, where there is a primary one."""
    first = int(name == "primary_auxiliary")
    order = [*range(first), *data.draw(st.permutations(range(first, len(gradients))))]
    size = np.linalg.norm(gradients, axis=1).max() + 1.0
    one, other = (combine(name)(rows).gradient for rows in (gradients, gradients[order]))
    np.testing.assert_allclose(one, other, atol=3e-6 * size)


@given(gradients=gradient_matrices(least=1))
@pytest.mark.parametrize("name", COMBINATIONS)
def test_always_the_weighted_sum(combine, losses, name, gradients):
    """Finite, and Σ w_i g_i in float64 to the rounding of float32."""
    result = combine(name)(gradients, losses)
    expected = result.weights @ gradients.astype(np.float64)
    size = (np.abs(result.weights)[:, None] * np.abs(gradients)).sum(0)
    assert np.all(np.abs(result.gradient - expected) <= 1e-6 * size + 1e-30)


def test_formulas(combine, losses):
    """Weights by hand for three gradients."""
    gradients = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]])
    assert combine("sum")(gradients).gradient.tolist() == [4.0, 6.0]
    np.testing.assert_allclose(combine("normalized")(gradients).gradient, [1.6, 1.8], rtol=1e-6)
    for name in LOSS_SCALES:
        expected = (1 / getattr(losses, name).numpy()[:3]) @ gradients
        np.testing.assert_allclose(combine("loss_scaled", name)(gradients, losses).gradient, expected, rtol=1e-6)


def test_current_loss_scale_is_the_stop_gradient_trick(combine):
    """Σ g_i / L_i is what differentiating Σ L_i / stop_gradient(L_i) gives."""
    point = tf.Variable([0.5, -1.5, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        values = [tf.reduce_sum(point**2), 100.0 * tf.exp(point[1]), tf.math.softplus(point[0] * point[2])]
        total = tf.add_n([value / tf.stop_gradient(value) for value in values])
    gradients = np.stack([tape.gradient(value, point) for value in values])
    current = tf.constant([*map(float, values), *[0.0] * (ROWS - 3)])
    found = combine("loss_scaled", "current")(gradients, TaskLosses(current, current, current))
    np.testing.assert_allclose(found.gradient, tape.gradient(total, point), rtol=1e-5)


def test_one_auxiliary_task(combine):
    """relu(−⟨g0, g1⟩) / ‖g1‖²: no say where it agrees, and the conflict removed where it does not."""
    agreeing = combine("primary_auxiliary")([[1.0, 2.0], [3.0, 0.5]])
    assert agreeing.weights.tolist() == [1.0, 0.0]
    conflicting = combine("primary_auxiliary")([[1.0, 2.0], [-30.0, 5.0]])
    assert conflicting.weights == pytest.approx([1.0, 20.0 / 925.0], rel=1e-6)
    assert conflicting.gradient @ [-30.0, 5.0] == pytest.approx(0.0, abs=1e-5)


@given(gradients=gradient_matrices())
def test_several_auxiliary_tasks(combine, gradients):
    """λ ≥ 0 and the conditions of the minimum: no auxiliary task is opposed, those that have a say are orthogonal."""
    weights = combine("primary_auxiliary")(gradients).weights
    norms = np.linalg.norm(gradients, axis=1).astype(np.float64)
    assert weights[0] == 1.0
    assert weights.min() >= 0
    inside = weights @ gradients.astype(np.float64)
    rounding = 1e-6 * (weights * norms).max() * norms[1:]
    products = gradients[1:].astype(np.float64) @ inside
    assert np.all(products >= -rounding)
    assert np.all(np.abs(products[weights[1:] > 0]) <= rounding[weights[1:] > 0])
    assert np.linalg.norm(inside) <= norms[0] * (1 + 1e-6) + 1e-6 * (weights * norms).max()


@pytest.mark.parametrize("name", COMBINATIONS)
def test_nothing_to_combine(combine, name):
    """Zero gradients, losses of zero, no task at all, numbers too small for float32: zero or finite, never NaN."""
    nothing = tf.zeros(ROWS)
    zeros = TaskLosses(nothing, nothing, nothing)
    for gradients in (np.zeros((6, 3)), np.zeros((0, 3)), [[0.0, 0.0], [0.0, 0.0]], np.full((2, 2), 1e-42)):
        result = combine(name)(gradients, zeros)
        assert np.all(np.abs(result.gradient) < 1e-40)
        assert all(np.isfinite(values).all() for values in result)
    one = combine(name)([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], TaskLosses(*[tf.ones(ROWS)] * 3))
    expected = {"normalized": 0.2, "primary_auxiliary": 0.0}.get(name, 1.0)
    np.testing.assert_allclose(one.gradient, [3.0 * expected, 4.0 * expected], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_gradient_that_is_not_finite_shows(combine, losses, name, bad):
    """The update is skipped because of it, so no rule may hide it."""
    gradients = np.random.default_rng(0).normal(size=(4, 3))
    gradients[2, 1] = bad
    assert not np.isfinite(combine(name)(gradients, losses).gradient).all()


@given(gradients=gradient_matrices())
def test_norms_and_cosines(combine, gradients):
    result = combine("sum")(gradients)
    wide = gradients.astype(np.float64)
    norms, mean = np.linalg.norm(wide, axis=1), wide.mean(0)
    np.testing.assert_allclose(result.norms, norms, rtol=1e-6)
    assume(np.linalg.norm(mean) > 1e-6 * norms.max())
    expected = wide @ mean / np.where(norms > 0, norms, 1) / np.linalg.norm(mean)
    np.testing.assert_allclose(result.cosines, expected, atol=1e-5)


def test_inner_products_are_float64(monkeypatch):
    """Read in pieces with a rest; a task of norm 1e-3 is not lost beside one of norm 1e4."""
    monkeypatch.setattr(gram, "COLUMNS", 100)
    gradients = np.random.default_rng(0).normal(size=(3, 1057)).astype(np.float32) * np.float32([[1e-3], [1], [1e4]])
    found = tf.function(gram.gram_matrix, jit_compile=True)(tf.constant(gradients))
    wide = gradients.astype(np.float64)
    np.testing.assert_allclose(found, wide @ wide.T, rtol=1e-10)


def test_compiled_once_for_all_numbers(losses):
    """XLA compiles anew for every value of an argument that it takes for a constant; here there is none."""
    function = Compiled("mgda")
    draws = np.random.default_rng(0).normal(size=(31, ROWS, COLUMNS))
    begin = time.perf_counter()
    function(draws[0])
    first = time.perf_counter() - begin
    for gradients in draws[1:]:
        function(gradients)
    assert time.perf_counter() - begin < 5 * first, "30 more calls took longer than four compilations"


@pytest.mark.parametrize(
    ("name", "rate", "large", "small"),
    [("sum", 1 / 1001, 1e-6, 0.998), ("normalized", 0.3, 0.25, 0.25), ("mgda", 0.1, 0.809, 0.010)],
)
def test_two_quadratics_of_unequal_scale(combine, name, rate, large, small):
    """500 ‖x − p‖² and ½ ‖x − q‖² with p = (1, 0) and q = (−1, 0), from (0, 2), over 300 updates.

    In units of the value of each loss in the other one's minimum, both begin at 1.25. "sum" goes to p as if there were
    no second loss: (0, 0.998). "normalized" ends in the middle: (0.25, 0.25). "mgda" ends where no direction serves
    both, near the minimum of the small loss because the gradient of smallest norm decides, and both losses are lower
    than at the start all the way: (0.81, 0.01).
    """
    p, q = np.array([1.0, 0.0]), np.array([-1.0, 0.0])
    x = np.array([0.0, 2.0])
    for update in range(300):
        direction = combine(name)([1000.0 * (x - p), x - q]).gradient
        # Unit vectors do not get shorter near the goal; the rate must.
        x = x - rate * direction * ((1 + update) ** -0.6 if name == "normalized" else 1.0)
        losses = np.array([((x - p) ** 2).sum(), ((x - q) ** 2).sum()]) / 4.0
        assert np.all(losses < 1.25)
    assert losses == pytest.approx([large, small], abs=1e-3)


def test_unknown_names():
    with pytest.raises(UserError, match=r"combination of gradients must be one of .*mgda.*, received 'average'"):
        Combination("average")
    with pytest.raises(UserError, match=r"loss scale of the combination must be one of .*, received 'first'"):
        Combination("loss_scaled", "first")
