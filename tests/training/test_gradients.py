"""Sums over micro-batches are the sums of the large batch."""

import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.training.gradients import GradientFunction
from rfv2_keras.training.objective import masked_lm_objective


@pytest.mark.parametrize("jit_compile", [False, True])
def test_micro_batches_equal_one_batch(make_model, make_batch, split, jit_compile):
    """4 micro-batches of 2 rows with unequal numbers of targets give the mean gradient of 8 rows to 1e-6."""
    model, batch = make_model(), make_batch(0)
    gradients = GradientFunction(model, masked_lm_objective, jit_compile)
    scale = tf.constant(0.25)
    micro_batches = split(batch, 4)
    counts = [np.count_nonzero(b["target_ids"]) for b in micro_batches]
    assert len(set(counts)) > 1, "the point of the test is that counts differ"
    (whole, g_whole), (parts, g_parts) = gradients([batch], scale), gradients(micro_batches, scale)
    np.testing.assert_allclose(whole, parts, rtol=1e-6)
    targets = float(whole[1])
    for one, other in zip(g_whole, g_parts, strict=True):
        np.testing.assert_allclose(one / targets, other / targets, atol=1e-6)


def test_gradient_is_the_mean_over_targets(make_model, make_batch):
    """Sum / (scale · targets) is the gradient of the mean cross entropy, computed here in the plain way."""
    model, batch = make_model(), make_batch(1)
    statistics, sums = GradientFunction(model, masked_lm_objective, False)([batch], tf.constant(7.0))
    with tf.GradientTape() as tape:
        logits = model([batch[t.name] for t in model.inputs], training=True)
        labels = batch["target_ids"]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        loss = tf.reduce_sum(losses * (labels != 0)) / np.count_nonzero(labels)
    expected = tape.gradient(loss, [v.value for v in model.trainable_variables])
    assert float(statistics[0] / statistics[1]) == pytest.approx(float(loss), rel=1e-6)
    for one, other in zip(sums, expected, strict=True):
        np.testing.assert_allclose(one / (7.0 * statistics[1]), tf.convert_to_tensor(other), atol=1e-6)


def test_shapes_are_counted(make_model, make_batch):
    """Every new length of batch is one more compiled shape; a repeated one is not."""
    gradients = GradientFunction(make_model(), masked_lm_objective, False)
    for length in (12, 16, 12):
        gradients([make_batch(0, length=length)], tf.constant(1.0))
    assert gradients.compiled_shapes == 2
