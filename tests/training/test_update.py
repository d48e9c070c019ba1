"""One update: the order of division, clipping and step; what happens to bad gradients; α."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.training.loss_scale import GROWTH_INTERVAL, LossScale
from rfv2_keras.training.update import Update, alpha_branches


def zeros_like(model):
    return [tf.zeros(v.shape) for v in model.trainable_variables]


def test_gradients_are_divided_then_clipped(make_model):
    """With SGD at rate 1 the weights move by the mean gradient, shortened to the clip norm."""
    model = make_model()
    before = model.get_weights()
    update = Update(model, keras.optimizers.SGD(1.0), LossScale(), clip_norm=0.5)
    gradients = [tf.ones(v.shape) * 8.0 for v in model.trainable_variables]
    norm = update(tf.constant([1.0, 4.0, 0.0]), gradients, tf.constant(2.0))  # mean gradient: ones
    size = sum(v.numpy().size for v in model.trainable_variables)
    assert float(norm) == pytest.approx(size**0.5, rel=1e-5), "the norm is logged before clipping"
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(old - new, 0.5 / size**0.5, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_update_with_bad_gradient_is_skipped(make_model, bad):
    """Weights and step count stay; the skip is counted; a dynamic scale halves."""
    model = make_model()
    before = model.get_weights()
    update = Update(model, keras.optimizers.SGD(1.0), LossScale("dynamic"))
    gradients = zeros_like(model)
    gradients[2] = tf.ones_like(gradients[2]) * bad
    norm = update(tf.constant([1.0, 4.0, 0.0]), gradients, tf.constant(1.0))
    assert not np.isfinite(norm)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert int(update.optimizer.iterations) == 0
    assert update.loss_scale.get_state() == {"scale": 2.0**14, "good_updates": 0, "skipped": 1}


def test_dynamic_scale_grows_after_good_updates():
    scale = LossScale("dynamic")
    for _ in range(GROWTH_INTERVAL):
        scale.record(tf.constant(True))
    assert scale.get_state() == {"scale": 2.0**16, "good_updates": 0, "skipped": 0}


def test_static_scale_never_moves():
    scale = LossScale(1000.0)
    scale.record(tf.constant(False))
    assert scale.get_state() == {"scale": 1000.0, "good_updates": 0, "skipped": 1}


def test_alpha_rises_with_updates_and_reaches_one(make_model):
    """α is updates / warm-up, exactly 1 at the end, whatever the optimizer does."""
    model = make_model(residual="alpha_warmup")
    update = Update(model, keras.optimizers.SGD(0.0), LossScale(), alpha_warmup=4)
    seen = []
    for _ in range(6):
        update(tf.constant([1.0, 1.0, 0.0]), zeros_like(model), tf.constant(1.0))
        seen.append({float(branch.alpha) for branch in alpha_branches(model)})
    assert seen == [{0.25}, {0.5}, {0.75}, {1.0}, {1.0}, {1.0}]
