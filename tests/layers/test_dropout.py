"""Dropout drops the share that it should, wherever it is computed, and its gradient sees the same elements."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.layers import Dropout
from rfv2_keras.layers.dropout import dropout, kept_share
from rfv2_keras.layers.rematerialization import DrawnSeed


def seed_of(*numbers):
    return DrawnSeed(tf.constant(numbers, "int64"))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
def test_share_and_value(rate, dtype, run_tensorflow):
    """Over 300,001 elements (not a multiple of the four that one random number serves), within five deviations."""
    x = tf.ones((300_001,), dtype)
    y = tf.cast(run_tensorflow(lambda x: dropout(x, rate, seed_of(1, 2)), x), "float64").numpy()
    deviation = np.sqrt(rate * (1.0 - rate) / y.size)
    assert abs((y == 0.0).mean() - rate) < 5 * deviation + 2.0**-16
    rounding = {"float32": 2.0**-23, "bfloat16": 2.0**-8, "float16": 2.0**-10}[dtype]
    np.testing.assert_allclose(y[y != 0], 1.0 / kept_share(rate), rtol=rounding)


def test_neighbours_rows_and_layers_are_independent(run_tensorflow):
    """Correlations of elements that stem from one random number, of rows, of draws and of seeds: nothing but chance."""
    x = tf.ones((512, 512))
    first, next_draw, next_layer = (
        run_tensorflow(lambda x, seed=seed: dropout(x, 0.5, seed_of(*seed)), x).numpy() / 2.0 - 0.5
        for seed in ((7, 0), (7, 1), (8, 0))
    )
    chance = 5.0 / np.sqrt(first.size)
    for shift in (1, 2, 3, 4, 512):
        assert abs(np.corrcoef(first.ravel()[:-shift], first.ravel()[shift:])[0, 1]) < chance, shift
    for other in (next_draw, next_layer):
        for shift in range(-4, 5):
            assert abs(np.corrcoef(first.ravel(), np.roll(other.ravel(), shift))[0, 1]) < chance, shift


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_gradient_sees_the_same_elements(dtype, run_tensorflow):
    def output_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = dropout(x, 0.3, seed_of(5, 6))
        return tf.stack([y, tape.gradient(y, x)])

    y, gradient = run_tensorflow(output_and_gradient, tf.ones((17, 33), dtype))
    np.testing.assert_array_equal(tf.cast(y, "float32"), tf.cast(gradient, "float32"))


@pytest.mark.parametrize("rate", [1e-9, 1.0 - 1e-9])
def test_no_rate_is_rounded_to_all_or_nothing(rate):
    assert 0.0 < kept_share(rate) < 1.0


def test_layer_draws_anew_each_time_and_only_in_training():
    layer, x = Dropout(0.5, seed=3), tf.ones((50, 50))
    np.testing.assert_array_equal(layer(x), x)
    first, second = layer(x, training=True), layer(x, training=True)
    assert (first != second).numpy().any()
    copy = Dropout.from_config(layer.get_config())
    np.testing.assert_array_equal(copy(x, training=True), first)


def test_layer_takes_keras_for_a_noise_shape():
    y = Dropout(0.5, noise_shape=(1, 50), seed=3)(tf.ones((20, 50)), training=True).numpy()
    assert (y == y[0]).all()
    assert 0 < (y == 0).sum() < y.size


def test_where_there_are_other_devices_it_is_keras_dropout(monkeypatch):
    monkeypatch.setattr("rfv2_keras.layers.dropout.has_only_cpus", lambda: False)
    x = tf.ones((9, 9))
    np.testing.assert_array_equal(dropout(x, 0.5, seed_of(1, 2)), keras.random.dropout(x, 0.5, seed=seed_of(1, 2)))
