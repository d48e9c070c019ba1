"""Masked LM: exact over micro-batches, blind to tokens without target, float32 inside, usable from `compile`."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.losses import MaskedLMAccuracy, MaskedLMLoss, masked_lm_loss, masked_lm_sums


def make_batch(seed, rows=5, length=7, vocabulary=11, target_share=0.4):
    generator = np.random.default_rng(seed)
    labels = generator.integers(1, vocabulary, (rows, length)) * (generator.random((rows, length)) < target_share)
    return labels.astype("int32"), generator.normal(0, 3, (rows, length, vocabulary)).astype("float32")


def numpy_loss(labels, logits):
    logits = logits.astype("float64")
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    losses = -np.take_along_axis(log_probabilities, labels[..., None], -1)[..., 0]
    return losses[labels > 0].sum(), (labels > 0).sum(), (logits.argmax(-1) == labels)[labels > 0].sum()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(1, 5))
def test_sums_of_parts_are_the_sums_of_the_whole(seed, target_share, part):
    """However unequal the numbers of targets, adding up parts of a batch loses nothing."""
    labels, logits = make_batch(seed, target_share=target_share)
    parts = [masked_lm_sums(labels[i : i + part], logits[i : i + part]) for i in range(0, len(labels), part)]
    loss_sum, targets, correct = (sum(float(p[k]) for p in parts) for k in range(3))
    expected = numpy_loss(labels, logits)
    assert (targets, correct) == expected[1:]
    assert loss_sum == pytest.approx(expected[0], rel=1e-6, abs=1e-6)
    assert float(masked_lm_loss(labels, logits)) == pytest.approx(loss_sum / (targets + 1e-7), rel=1e-6)


def test_probabilities_give_the_same_loss_as_logits():
    labels, logits = make_batch(0)
    probabilities = keras.ops.softmax(logits)
    by_logits, by_probabilities = masked_lm_sums(labels, logits), masked_lm_sums(labels, probabilities, False)
    np.testing.assert_allclose([float(x) for x in by_probabilities], [float(x) for x in by_logits], rtol=1e-5)


def test_outputs_without_target_do_not_matter(gradient):
    labels, logits = make_batch(1)
    changed = np.where(labels[..., None] > 0, logits, 1e4 * np.sign(logits)).astype("float32")
    assert float(masked_lm_loss(labels, changed)) == float(masked_lm_loss(labels, logits))
    slope = gradient(lambda x: masked_lm_loss(labels, x), changed)
    assert (slope[labels == 0] == 0).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bit_logits_are_summed_in_float32(dtype):
    labels, logits = make_batch(2, rows=64, length=64, target_share=1.0)
    rounded = keras.ops.cast(logits, dtype)
    loss_sum, targets, _ = masked_lm_sums(labels, rounded)
    assert {keras.backend.standardize_dtype(x.dtype) for x in (loss_sum, targets)} == {"float32"}
    expected = numpy_loss(labels, keras.ops.convert_to_numpy(keras.ops.cast(rounded, "float32")))
    assert float(loss_sum) == pytest.approx(expected[0], rel=1e-5)
    assert float(targets) == 4096


def test_gradient_in_float64(check_gradient):
    labels, logits = make_batch(3, rows=2, length=3, vocabulary=4, target_share=0.7)
    check_gradient(lambda x: masked_lm_loss(labels, x), logits)
    probabilities = np.random.default_rng(0).uniform(0.1, 1, (2, 3, 4))
    check_gradient(lambda x: masked_lm_loss(labels, x / keras.ops.sum(x, -1, keepdims=True), False), probabilities)


def test_keras_loss_equals_the_function_with_and_without_a_mask():
    """A Keras mask on the outputs, which hides tokens without targets, must not change the loss."""
    labels, logits = make_batch(4)
    labels[:, -2:] = 0
    loss = keras.losses.deserialize(keras.losses.serialize(MaskedLMLoss()))
    expected = float(masked_lm_loss(labels, logits))
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-6)
    outputs = keras.ops.convert_to_tensor(logits)
    mask = np.ones(labels.shape, bool)
    mask[:, -2:] = False
    outputs._keras_mask = keras.ops.convert_to_tensor(mask)
    assert float(loss(labels, outputs)) == pytest.approx(expected, rel=1e-6)


def test_accuracy_over_batches_weighs_by_targets():
    metric = MaskedLMAccuracy.from_config(MaskedLMAccuracy().get_config())
    assert float(metric.result()) == 0
    correct = targets = 0
    for seed, share in enumerate([0.1, 0.9, 0.0, 0.5]):
        labels, logits = make_batch(seed, target_share=share)
        metric.update_state(labels, logits)
        correct, targets = correct + numpy_loss(labels, logits)[2], targets + numpy_loss(labels, logits)[1]
    assert float(metric.result()) == pytest.approx(correct / targets, rel=1e-6)


def test_accuracy_takes_weights_per_sample():
    labels, logits = make_batch(5, target_share=0.8)
    metric = MaskedLMAccuracy()
    metric.update_state(labels, logits, sample_weight=np.array([1, 0, 0, 0, 0]))
    _, targets, correct = numpy_loss(labels[:1], logits[:1])
    assert float(metric.result()) == pytest.approx(correct / targets)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_model_learns_to_copy(policy):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), dtype="int32")
    hidden = keras.layers.Embedding(9, 16, mask_zero=True, dtype=policy)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(9, dtype=policy)(hidden))
    jit_compile = keras.backend.backend() != "torch"
    model.compile(keras.optimizers.Adam(0.05), MaskedLMLoss(), metrics=[MaskedLMAccuracy()], jit_compile=jit_compile)
    ids = np.random.default_rng(0).integers(0, 9, (64, 6))
    model.fit(ids, ids, epochs=10, batch_size=16, verbose=0)
    assert model.evaluate(ids, ids, verbose=0, return_dict=True)["masked_lm_accuracy"] == 1.0
