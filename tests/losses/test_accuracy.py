"""Losses for accuracy: the three-point example of the article, temperature, and the switch from cross entropy."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.errors import UserError
from rfv2_keras.losses import (
    CrossEntropyThenAccuracy,
    SmoothedAccuracyLoss,
    SwitchToAccuracy,
    TemperatureCrossEntropy,
    expected_accuracy,
    smoothed_accuracy_loss,
    temperature_cross_entropy,
)


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


def best_bias(loss):
    """Points -0.25, 0, 0.25 with classes 0, 0, 1 and logits (0, x - b): the b in [-2, 2] of the least mean loss."""
    biases = np.linspace(-2, 2, 4001)
    scores = np.array([-0.25, 0.0, 0.25]) - biases[:, None]
    logits = np.stack([np.zeros_like(scores), scores], axis=-1)
    labels = np.broadcast_to([0, 0, 1], scores.shape)
    return biases[numbers(loss(labels, logits)).mean(axis=-1).argmin()]


def test_cross_entropy_misses_the_toy_optimum_and_the_others_find_it():
    """Every b in (0, 0.25) classifies all three points. https://spaces.ac.cn/archives/9098"""
    assert best_bias(temperature_cross_entropy) == pytest.approx(0.700, abs=2e-3)
    assert best_bias(lambda t, s: 1 - expected_accuracy(t, s, sigma=0.1)) == pytest.approx(0.125, abs=4e-3)
    # Noise of 0.1 on the score, that is, on the difference of the two logits, as the article has it.
    assert best_bias(lambda t, s: 1 - expected_accuracy(t, s, 0.1 / 2**0.5)) == pytest.approx(0.125, abs=1e-3)
    assert best_bias(lambda t, s: temperature_cross_entropy(t, s, 0.1)) == pytest.approx(0.131, abs=2e-3)
    assert best_bias(lambda t, s: temperature_cross_entropy(t, s, 0.05)) == pytest.approx(0.125, abs=2e-3)
    assert best_bias(lambda t, s: smoothed_accuracy_loss(t, s, 0.1)) == pytest.approx(0.136, abs=2e-3)
    assert best_bias(smoothed_accuracy_loss) == 2.0  # runs away


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.floats(0.05, 5), st.floats(0.1, 30))
def test_equal_to_float64_formulas(seed, temperature, size):
    generator = np.random.default_rng(seed)
    logits, label = size * generator.normal(size=5), generator.integers(0, 5)
    scaled = logits.astype("float32").astype("float64") / temperature
    log_p = scaled[label] - scaled.max() - np.log(np.exp(scaled - scaled.max()).sum())
    arguments = [label], logits[None].astype("float32"), temperature
    assert numbers(temperature_cross_entropy(*arguments))[0] == pytest.approx(-log_p, rel=1e-4, abs=1e-4)
    assert numbers(smoothed_accuracy_loss(*arguments))[0] == pytest.approx(-np.expm1(log_p), rel=1e-3, abs=1e-5)


def test_missing_classes_and_padded_rows_stay_finite(gradient):
    """Choices that do not exist have logit -inf."""
    logits = np.array([[1.0, 2.0, -np.inf, -np.inf], [1.0, 2.0, 0.5, 1.5]], "float32")
    for function in (temperature_cross_entropy, smoothed_accuracy_loss):
        losses = numbers(function([0, 2], logits))
        np.testing.assert_allclose(losses[0], numbers(function([0], logits[:1, :2]))[0], rtol=1e-6)
        slope = gradient(lambda x: function([0, 2], x), logits)  # noqa: B023
        assert np.isfinite(slope).all()
        assert (slope[0, 2:] == 0).all()


def test_gradients_in_float64(check_gradient):
    logits = np.random.default_rng(0).normal(size=(3, 4))
    check_gradient(lambda x: temperature_cross_entropy([0, 3, 1], x, 0.5), logits)
    check_gradient(lambda x: smoothed_accuracy_loss([0, 3, 1], x, 0.5), logits)


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        (TemperatureCrossEntropy(0.5), lambda t, s: temperature_cross_entropy(t, s, 0.5)),
        (SmoothedAccuracyLoss(0.5), lambda t, s: smoothed_accuracy_loss(t, s, 0.5)),
        (
            CrossEntropyThenAccuracy(0.5, accuracy_weight=0.25),
            lambda t, s: 0.75 * temperature_cross_entropy(t, s, 0.5) + 0.25 * smoothed_accuracy_loss(t, s, 0.5),
        ),
    ],
)
def test_keras_losses_are_means_and_round_trip(loss, function):
    logits = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
    labels = np.array([0, 1, 2, 3, 0, 1])
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert restored.get_config() == loss.get_config()
    expected = numbers(function(labels, logits)).mean()
    for copy in (loss, restored):
        assert float(copy(labels[:, None], logits)) == pytest.approx(expected, rel=1e-5)


def test_switch_to_accuracy_in_a_compiled_model():
    """Two batches of cross entropy, a ramp of two batches, then accuracy; the learning rate is 0."""
    logits = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    labels = np.arange(8) % 3
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, kernel_initializer="identity")])
    loss = CrossEntropyThenAccuracy()
    model.compile(keras.optimizers.SGD(0.0), loss, jit_compile=keras.backend.backend() != "torch")
    history = model.fit(
        logits, labels, epochs=6, batch_size=8, verbose=0, callbacks=[SwitchToAccuracy(loss, after=2, ramp=2)]
    )
    cross_entropy = numbers(temperature_cross_entropy(labels, logits)).mean()
    accuracy = numbers(smoothed_accuracy_loss(labels, logits)).mean()
    weights = np.array([0, 0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(history.history["loss"], (1 - weights) * cross_entropy + weights * accuracy, rtol=1e-5)


def test_switch_at_once_and_after_a_restart():
    loss = CrossEntropyThenAccuracy()
    callback = SwitchToAccuracy(loss, after=3, first_step=2)
    assert [callback.schedule(step) for step in range(2, 5)] == [0, 1, 1]


@pytest.mark.parametrize("make", [TemperatureCrossEntropy, SmoothedAccuracyLoss, CrossEntropyThenAccuracy])
def test_mistakes_are_named(make):
    with pytest.raises(UserError, match="temperature"):
        make(0.0)
