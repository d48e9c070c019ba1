"""EXACT: the quadrature is the orthant probability, its parts do what the paper says, sigma moves during training."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr, ndtr
from scipy.stats import multivariate_normal

from rfv2_keras.errors import UserError
from rfv2_keras.losses import EXACT, LossSchedule, expected_accuracy, normalized_logits
from rfv2_keras.losses.normal_cdf import log_normal_cdf


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_normal_cdf(dtype, gradient):
    x = np.concatenate([np.linspace(-30, 12, 4001), [-1000.0, 0.0, 1000.0]])
    tensor = keras.ops.convert_to_tensor(x, dtype=dtype)
    exact = keras.backend.standardize_dtype(tensor.dtype) == "float64"
    tolerance = {"rtol": 1e-9, "atol": 1e-9} if exact else {"rtol": 1e-6, "atol": 2e-7}
    np.testing.assert_allclose(numbers(log_normal_cdf(tensor)), log_ndtr(x), **tolerance)
    slope = gradient(log_normal_cdf, x.astype(dtype))
    expected = np.exp(-np.square(x) / 2 - 0.5 * np.log(2 * np.pi) - log_ndtr(x))
    np.testing.assert_allclose(slope, expected, rtol=1e-7 if exact else 2e-5, atol=1e-7)


@pytest.mark.parametrize("classes", [2, 3, 4, 5, 6])
def test_equals_the_multivariate_normal_distribution_function(classes):
    """scipy integrates the density of D over the orthant D > 0, with covariance sigma**2 (I + 1 1^T)."""
    generator = np.random.default_rng(classes)
    sigma = np.array([0.5, 1.0, 2.0])
    logits = generator.normal(0, 1.5, (3, classes))
    labels = generator.integers(0, classes, 3)
    for i in range(3):
        means = np.delete(logits[i, labels[i]] - logits[i], labels[i])
        covariance = sigma[i] ** 2 * (np.eye(classes - 1) + 1)
        expected = multivariate_normal.cdf(
            means, np.zeros(classes - 1), covariance, abseps=1e-7, releps=0, maxpts=500_000, rng=generator
        )
        for kind in ("float64", "float32"):
            actual = numbers(expected_accuracy(labels[i : i + 1], logits[i : i + 1].astype(kind), sigma[i]))
            assert actual[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 10, 119])
def test_equal_logits_share_the_probability(classes):
    logits = np.zeros((1, classes), "float32")
    assert numbers(expected_accuracy([0], logits, 3.0))[0] == pytest.approx(1 / classes, rel=1e-3)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.05, 20))
def test_probabilities_of_all_labels_sum_to_one_in_the_order_of_the_logits(seed, sigma):
    logits = np.random.default_rng(seed).normal(size=(1, 5)).astype("float32")
    every_label = numbers(expected_accuracy(np.arange(5), np.repeat(logits, 5, axis=0), sigma))
    assert every_label.sum() == pytest.approx(1, abs=1e-5)
    assert (np.diff(every_label[np.argsort(logits[0])]) > -1e-6).all()


def test_small_noise_gives_the_accuracy_and_large_noise_chance():
    logits = np.array([[0.3, 0.1, -0.5], [0.2, 0.9, 0.1], [1.0, 0.5, 0.0]], "float32")
    labels = np.array([0, 0, 0])
    np.testing.assert_allclose(numbers(expected_accuracy(labels, logits, 0.02)), [1, 0, 1], atol=1e-5)
    np.testing.assert_allclose(numbers(expected_accuracy(labels, logits, 1e4)), 1 / 3, atol=1e-3)


def test_two_classes_have_a_closed_form():
    difference = np.linspace(-4, 4, 9)
    logits = np.stack([difference, np.zeros(9)], axis=-1)
    actual = numbers(expected_accuracy(np.zeros(9, int), logits, 0.7))
    np.testing.assert_allclose(actual, ndtr(difference / (0.7 * np.sqrt(2))), atol=1e-6)


def test_gradients_in_float64(check_gradient):
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(0, 1, (3, 4)), np.array([1, 3, 0])
    check_gradient(lambda x: expected_accuracy(labels, x, 0.8), logits)
    check_gradient(lambda x: expected_accuracy(labels, normalized_logits(x), 0.8), logits)
    check_gradient(lambda s: expected_accuracy(labels, logits, s), np.float64(0.8))


def test_gradients_stay_finite_far_from_the_boundary(gradient):
    logits = np.array([[80.0, -80.0, 0.0], [-80.0, 80.0, 0.0]], "float32")
    slope = gradient(lambda x: expected_accuracy([0, 0], x, 0.5), logits)
    assert np.isfinite(slope).all()


def test_margin_stops_the_gradient_of_classes_that_are_beaten(gradient):
    logits = np.array([[2.0, 1.8, -1.0]], "float32")
    slope = gradient(lambda x: expected_accuracy([0], x, 1.0, margin=0.5), logits)[0]
    assert slope[2] == 0
    assert slope[1] < 0 < slope[0]
    expected = expected_accuracy([0], np.array([[0.5, 0.3, 0.0]], "float32"), 1.0)
    np.testing.assert_allclose(numbers(expected_accuracy([0], logits, 1.0, margin=0.5)), numbers(expected), rtol=1e-5)


def test_normalized_logits_are_blind_to_shift_and_scale():
    logits = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
    normal = numbers(normalized_logits(logits))
    assert normal.mean() == pytest.approx(0, abs=1e-6)
    assert normal.std(ddof=1) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(numbers(normalized_logits(30 * logits + 7)), normal, atol=1e-5)
    assert np.isfinite(numbers(normalized_logits(np.zeros((1, 1))))).all()


def test_keras_loss_is_the_mean_error_and_round_trips():
    generator = np.random.default_rng(3)
    logits, labels = generator.normal(size=(6, 4)).astype("float32"), generator.integers(0, 4, (6, 1))
    loss = EXACT(sigma=0.5, margin=0.4, normalize_logits=True, nodes=48)
    expected = 1 - numbers(expected_accuracy(labels[:, 0], normalized_logits(logits), 0.5, 0.4, 48)).mean()
    loss.sigma.assign(0.25)
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert restored.get_config() == loss.get_config()
    assert float(keras.ops.convert_to_numpy(restored.sigma)) == 0.25
    loss.sigma.assign(0.5)
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-5)


def test_sigma_schedule_reaches_the_compiled_training_step(tmp_path):
    """With a learning rate of 0 the logged loss of every epoch is that of the sigma which the schedule gave."""
    logits = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    labels = np.arange(8) % 3
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, kernel_initializer="identity")])
    loss = EXACT()
    model.compile(keras.optimizers.SGD(0.0), loss, jit_compile=keras.backend.backend() != "torch")
    sigmas = [4.0, 1.0, 1.0, 0.25]
    history = model.fit(
        logits, labels, epochs=4, batch_size=8, verbose=0, callbacks=[LossSchedule(loss.sigma, lambda n: sigmas[n])]
    )
    expected = [1 - numbers(expected_accuracy(labels, logits, s)).mean() for s in sigmas]
    np.testing.assert_allclose(history.history["loss"], expected, rtol=1e-5)
    assert model.evaluate(logits, labels, verbose=0) == pytest.approx(expected[-1], rel=1e-5)
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").loss.get_config()["sigma"] == 0.25


@pytest.mark.parametrize("arguments", [{"sigma": 0}, {"sigma": -1.0}, {"margin": 0}, {"nodes": 0}, {"nodes": 1.5}])
def test_mistakes_are_named(arguments):
    with pytest.raises(UserError, match=next(iter(arguments))):
        EXACT(**arguments)
