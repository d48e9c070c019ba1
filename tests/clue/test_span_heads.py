"""Heads and losses of spans: what they compute, and that their configs make equal ones."""

from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import ops

from rfv2_keras.clue.heads.spans import AnswerPointer, TaggingHead
from rfv2_keras.clue.losses.spans import SpanZLPR, TaggingLoss
from rfv2_keras.layers import GlobalPointer
from rfv2_keras.losses import zlpr
from rfv2_keras.models import DepthScaledNormal

HIDDEN = np.random.default_rng(0).normal(size=(3, 6, 8)).astype("float32")
MASK = np.array([[1, 0, 0, 1, 1, 0], [0, 0, 1, 1, 1, 1], [0] * 6])


@pytest.mark.parametrize("layer", [AnswerPointer(4, DepthScaledNormal(2), name="head"), TaggingHead(5, 10.0)])
def test_a_config_makes_an_equal_head(layer):
    expected = layer(HIDDEN, mask=MASK)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    again.set_weights(layer.get_weights())
    assert again.compute_output_shape(HIDDEN.shape) == tuple(expected.shape)
    np.testing.assert_array_equal(ops.convert_to_numpy(again(HIDDEN, mask=MASK)), ops.convert_to_numpy(expected))


def test_an_answer_pointer_is_a_flat_global_pointer_whose_first_span_always_counts():
    head = AnswerPointer(4)
    logits = np.asarray(head(HIDDEN, mask=MASK)).reshape(3, 6, 6)
    pointer = GlobalPointer(1, 4, use_bias=False)
    pointer.build(HIDDEN.shape)
    pointer.set_weights(head.get_weights())
    mask = MASK.astype(bool)
    mask[:, 0] = True
    np.testing.assert_allclose(logits, np.asarray(pointer(HIDDEN, mask=mask))[:, 0], rtol=1e-6)
    assert np.isfinite(logits[2]).sum() == 1  # the row without any token


def test_span_zlpr_is_the_mean_over_labels():
    draw = np.random.default_rng(1)
    scores = draw.normal(size=(2, 3, 4, 4)).astype("float32")
    targets = draw.integers(0, 2, scores.shape).astype("uint8")
    loss = keras.losses.deserialize(keras.losses.serialize(SpanZLPR()))
    each = np.asarray(loss.call(targets, scores))
    assert each.shape == (2,)
    expected = [[zlpr(targets[b, a].reshape(-1), scores[b, a].reshape(-1)) for a in range(3)] for b in range(2)]
    np.testing.assert_allclose(each, np.mean(expected, axis=1), rtol=1e-6)
    assert float(loss(targets, scores)) == pytest.approx(np.mean(expected))


def test_the_loss_of_tags_trains_the_transitions():
    """-log P equals the sum over all paths, and a training step moves the transitions."""
    inputs = keras.Input((None, 8))
    head = TaggingHead(2)
    model = keras.Model(inputs, head(inputs))
    loss = TaggingLoss(head.crf)
    tags = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 1]])
    scores = np.asarray(model(HIDDEN[:, :3]))
    transitions = np.asarray(head.crf.transitions)
    paths = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]

    def value(row, path):
        return sum(row[range(3), path]) + sum(transitions[step] for step in pairwise(path))

    sums = [np.log(sum(np.exp(value(row, path)) for path in paths)) for row in scores]
    expected = [total - value(row, path) for total, row, path in zip(sums, scores, tags.tolist(), strict=True)]
    np.testing.assert_allclose(np.asarray(loss.call(tags, scores)), expected, rtol=1e-5)
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    model.train_on_batch(HIDDEN[:, :3], tags)
    assert np.abs(np.asarray(head.crf.transitions) - transitions).max() > 1e-3
