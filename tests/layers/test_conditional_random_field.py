"""The conditional random field and Viterbi decoding against the enumeration of all paths; padding, dtypes, training."""

from itertools import pairwise, product

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from rfv2_keras.errors import UserError
from rfv2_keras.layers import ConditionalRandomField, TokenEmbedding, viterbi_decode

POLICIES = ["float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16"]
LABELS, LENGTH = 3, 5


def layer_with(transitions, **arguments):
    layer = ConditionalRandomField(len(transitions), **arguments)
    layer.build((None, None, len(transitions)))
    layer.set_weights([transitions / layer.learning_rate_multiplier])
    return layer


def path_score(scores, transitions, path):
    """S(y), by its definition."""
    return sum(scores[t, label] for t, label in enumerate(path)) + sum(transitions[step] for step in pairwise(path))


def all_paths(scores, transitions):
    """Every path and its score, in float64."""
    return {path: path_score(scores, transitions, path) for path in product(range(LABELS), repeat=len(scores))}


@st.composite
def sequences(draw):
    """Scores of two sequences, transitions, labels, and a mask that may leave out any position."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.1, 1.0, 10.0]))
    scores = scale * random.normal(size=(2, LENGTH, LABELS))
    transitions = scale * random.normal(size=(LABELS, LABELS))
    mask = np.array(draw(st.lists(st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH), min_size=2, max_size=2)))
    return scores.astype("float32"), transitions.astype("float32"), random.integers(0, LABELS, (2, LENGTH)), mask


@given(sequences())
@settings(max_examples=30)  # the loop over time runs uncompiled
def test_loss_is_minus_log_probability(case):
    """Among all paths over the positions that count; the others are skipped, and without any the loss is 0."""
    scores, transitions, labels, mask = case
    layer = layer_with(transitions)
    outputs = layer(scores, mask=mask)
    sparse = ops.convert_to_numpy(layer.sparse_loss(labels[..., None], outputs))
    dense = ops.convert_to_numpy(layer.dense_loss(np.eye(LABELS)[labels], outputs))
    for row in range(2):
        paths = all_paths(scores[row, mask[row]].astype("float64"), transitions.astype("float64"))
        log_sum = np.logaddexp.reduce(list(paths.values()))
        expected = log_sum - paths[tuple(labels[row, mask[row]])]
        np.testing.assert_allclose([sparse[row], dense[row]], expected, atol=1e-4, rtol=1e-5)


@given(sequences(), st.sets(st.integers(0, LABELS - 1), min_size=1), st.sets(st.integers(0, LABELS - 1), min_size=1))
def test_viterbi_finds_the_best_path(case, starts, ends):
    """Among all paths over the positions that count, and among those with the given ends."""
    scores, transitions, _, mask = case
    outputs = np.where(mask[..., None], scores, -np.inf)
    free, bound = viterbi_decode(outputs, transitions), viterbi_decode(outputs, transitions, starts, ends)
    for row in range(2):
        paths = all_paths(scores[row, mask[row]].astype("float64"), transitions.astype("float64"))
        assert tuple(free[row, mask[row]]) == max(paths, key=paths.get)
        fitting = {y: s for y, s in paths.items() if not y or (y[0] in starts and y[-1] in ends)}
        if fitting:  # one position cannot be a start and an end if no label is both
            assert tuple(bound[row, mask[row]]) == max(fitting, key=fitting.get)
    assert (free[~mask] == -1).all()
    assert (bound[~mask] == -1).all()


def test_forbidden_labels_and_transitions():
    """−inf for some labels at a position is not padding: those are not taken, and the loss counts only the others."""
    random = np.random.default_rng(0)
    scores, transitions = random.normal(size=(1, 4, LABELS)).astype("float32"), np.zeros((LABELS, LABELS), "float32")
    scores[0, 1, 0] = scores[0, 2, 1] = -np.inf
    layer = layer_with(transitions)
    probabilities = [
        np.exp(-ops.convert_to_numpy(layer.sparse_loss(np.array([y]), scores)).item())
        for y in product(range(LABELS), repeat=4)
        if y[1] != 0 and y[2] != 1
    ]
    assert len(probabilities) == 36
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    transitions[2, 2] = transitions[1, 2] = -np.inf
    labels = viterbi_decode(scores + np.array([0, 0, 5.0]), transitions)[0]
    assert labels[1] != 0
    assert labels[2] != 1
    assert {(1, 2), (2, 2)}.isdisjoint(pairwise(labels))


def test_soft_labels():
    """Distributions of independent labels: the expected loss."""
    random = np.random.default_rng(0)
    scores, transitions = random.normal(size=(4, LABELS)), random.normal(size=(LABELS, LABELS))
    targets = random.dirichlet(np.ones(LABELS), size=4)
    paths = all_paths(scores, transitions)
    probability = {path: np.prod([targets[t, y] for t, y in enumerate(path)]) for path in paths}
    expected = np.logaddexp.reduce(list(paths.values())) - sum(probability[y] * s for y, s in paths.items())
    loss = layer_with(transitions).dense_loss(targets[None], scores[None])
    np.testing.assert_allclose(ops.convert_to_numpy(loss), [expected], rtol=1e-5)


@pytest.mark.parametrize("dtype", POLICIES)
def test_padding(dtype, input_gradient):
    """What stands at padding changes neither loss nor gradient, even NaN; a row of padding has loss and gradient 0."""
    random = np.random.default_rng(0)
    scores, labels = random.normal(size=(2, 7, LABELS)).astype("float32"), random.integers(0, LABELS, (2, 7))
    mask = np.array([[1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]], bool)
    layer = layer_with(random.normal(size=(LABELS, LABELS)).astype("float32"), dtype=dtype)
    outputs = layer(scores, mask=mask)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    losses = ops.convert_to_numpy(layer.sparse_loss(labels, outputs))
    short = layer.sparse_loss(labels[:1, :4], layer(scores[:1, :4]))
    np.testing.assert_allclose(losses, [ops.convert_to_numpy(short)[0], 0], rtol=1e-6)
    garbage, wrong = np.where(mask[..., None], scores, np.nan), np.where(mask, labels, 99)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.sparse_loss(wrong, layer(garbage, mask=mask))), losses)
    gradient = input_gradient(lambda x: ops.sum(layer.sparse_loss(wrong, layer(x, mask=mask))), garbage)
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).max(-1) > 0).tolist() == mask.tolist()
    assert (layer.decode(outputs) >= 0).tolist() == mask.tolist()
    assert float(layer.sparse_accuracy(labels[1:], outputs[1:])) == 0


def test_long_sequence():
    """At length 500 the loss of a likely path is as exact as at length 5: not the difference of two sums of 6500."""
    random = np.random.default_rng(0)
    labels = random.integers(0, LABELS, (1, 500))
    scores = (12 * np.eye(LABELS)[labels] + random.normal(size=(1, 500, LABELS))).astype("float32")
    transitions = random.normal(size=(LABELS, LABELS)).astype("float32")
    log_sums, *others = scores[0].astype("float64")
    for row in others:
        log_sums = np.logaddexp.reduce(log_sums[:, None] + transitions, axis=0) + row
    total = np.logaddexp.reduce(log_sums)
    expected = total - path_score(scores[0].astype("float64"), transitions.astype("float64"), labels[0].tolist())
    assert expected < np.spacing(np.float32(total)) * 200  # what a difference in float32 would leave of it
    loss = layer_with(transitions).sparse_loss(labels, scores)
    np.testing.assert_allclose(ops.convert_to_numpy(loss), [expected], rtol=1e-4)
    np.testing.assert_array_equal(viterbi_decode(scores, transitions), labels)


@pytest.mark.parametrize("multiplier", [1.0, 10.0])
def test_learning_rate_multiplier(multiplier):
    """T starts at the same size and takes steps of Adam that are so many times longer."""
    keras.utils.set_random_seed(0)
    layer = ConditionalRandomField(LABELS, learning_rate_multiplier=multiplier)
    model = keras.Sequential([keras.Input((None, LABELS)), layer])
    start = ops.convert_to_numpy(layer.transitions)
    assert 0.1 < np.abs(start).max() <= 1  # Glorot: uniform in ±1 for 3 × 3
    model.compile(keras.optimizers.Adam(1e-3), loss=layer.sparse_loss)
    random = np.random.default_rng(0)
    model.train_on_batch(random.normal(size=(4, 6, LABELS)), random.integers(0, LABELS, (4, 6)))
    np.testing.assert_allclose(np.abs(layer.transitions - start), 1e-3 * multiplier, rtol=0.01)


def test_training_and_saving(tmp_path):
    """Compiled by XLA, in 16 bits with loss scaling, it learns labels that only transitions tell; a copy keeps them."""
    dtype = "mixed_float16"
    tokens = np.ones((64, 8), "int32")
    tokens[:32, 5:] = 0
    labels = (np.arange(8) + np.random.default_rng(0).integers(0, LABELS, (64, 1))) % LABELS  # 0 1 2 0 1 2 …
    tokens[:, 0] = 2 + labels[:, 0]  # the first token tells the phase, the others tell nothing
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Dense(LABELS, dtype=dtype)(TokenEmbedding(6, 8, dtype=dtype)(inputs))
    layer = ConditionalRandomField(LABELS, learning_rate_multiplier=10.0, dtype=dtype, name="crf")
    model = keras.Model(inputs, layer(x))
    optimizer = keras.optimizers.Adam(0.02)
    model.compile(optimizer, loss=layer.sparse_loss, metrics=[layer.sparse_accuracy], jit_compile=True)
    history = model.fit(tokens, labels, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert history["sparse_accuracy"][-1] < 0.9  # single positions do not tell
    outputs = model.predict(tokens, verbose=0)
    np.testing.assert_array_equal(layer.decode(outputs), np.where(tokens > 0, labels, -1))
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(copy.predict(tokens, verbose=0), outputs, rtol=1e-3)
    np.testing.assert_array_equal(copy.get_layer("crf").transitions, layer.transitions)
    copy.compile(loss=copy.get_layer("crf").sparse_loss)
    assert copy.evaluate(tokens, labels, verbose=0) == pytest.approx(model.evaluate(tokens, labels, verbose=0)[0])


def test_mistakes():
    with pytest.raises(UserError, match=r"units of ConditionalRandomField must be an integer >= 1; received: 0\."):
        ConditionalRandomField(0)
    with pytest.raises(UserError, match=r"must be above 0; received: -1\."):
        ConditionalRandomField(2, learning_rate_multiplier=-1)
    with pytest.raises(UserError, match=r"must have 2 labels on their last axis; received shape: \(1, 4, 3\)."):
        ConditionalRandomField(2)(np.zeros((1, 4, 3)))
    with pytest.raises(UserError, match=r"mask of crf must have .*; received: \(1, 4, 4\)."):
        ConditionalRandomField(3, name="crf")(np.zeros((1, 4, 3)), mask=np.ones((1, 4, 4)))
    with pytest.raises(UserError, match=r"received shapes: \(1, 4, 3\) and \(2, 2\)."):
        viterbi_decode(np.zeros((1, 4, 3)), np.zeros((2, 2)))
    with pytest.raises(UserError, match=r"starts of Viterbi decoding must be labels from 0 to 2; received: \[3\]."):
        viterbi_decode(np.zeros((1, 4, 3)), np.zeros((3, 3)), starts=[3])
