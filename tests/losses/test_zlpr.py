"""ZLPR: hard, soft and sparse labels agree with float64 formulas for every score, -inf and 16 bits included."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rfv2_keras.errors import UserError
from rfv2_keras.losses import ZLPR, SparseZLPR, sparse_zlpr, zlpr, zlpr_probabilities

CLASSES = 8
# Masked classes have score -inf; the others reach +-50.
scores_of_a_sample = hnp.arrays(
    "float32", CLASSES, elements=st.one_of(st.floats(-50, 50, width=32), st.just(np.float32(-np.inf)))
)
ids_of_a_sample = hnp.arrays("int32", 4, elements=st.integers(0, CLASSES - 1))
labels_of_a_sample = hnp.arrays("float32", CLASSES, elements=st.floats(0, 1, width=32))


def numpy_zlpr(labels, scores):
    labels, scores = (np.asarray(x, "float64") for x in (labels, scores))
    seen = scores > -np.inf
    labels, scores = labels[seen], scores[seen]
    return np.log1p(((1 - labels) * np.exp(scores)).sum()) + np.log1p((labels * np.exp(-scores)).sum())


def one(losses):
    return float(keras.ops.convert_to_numpy(losses)[0])


@settings(deadline=None)
@given(labels_of_a_sample, scores_of_a_sample)
def test_soft_labels(labels, scores):
    assert one(zlpr(labels[None], scores[None])) == pytest.approx(numpy_zlpr(labels, scores), rel=1e-5, abs=1e-6)


@settings(deadline=None)
@given(ids_of_a_sample, scores_of_a_sample, st.booleans())
def test_hard_soft_and_sparse_labels_agree(ids, scores, mask_zero):
    """Sparse equals dense, and labels 1e-30 away from 0 and 1 equal 0 and 1. Ids may repeat."""
    hard = np.zeros(CLASSES, "float32")
    hard[ids] = 1
    dense_scores = scores.copy()
    if mask_zero:
        dense_scores[0] = -np.inf
    soft = np.where(hard == 1, 1, 1e-30).astype("float32")
    expected = numpy_zlpr(hard, dense_scores)
    assert one(zlpr(hard[None], dense_scores[None])) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert one(zlpr(soft[None], dense_scores[None])) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    sparse = one(sparse_zlpr(ids[None], scores[None], mask_zero=mask_zero))
    assert sparse == one(zlpr(hard[None], dense_scores[None]))


def test_sparse_loss_of_perfect_scores_is_zero_with_the_right_gradient(gradient):
    """Where the reference's sparse loss saturates: 3.9 at +-20, with a gradient that pushes positives down."""
    for size in (10.0, 20.0, 50.0):
        scores = np.full((1, 5), -size, "float32")
        scores[0, 2:4] = size
        assert 0 <= one(sparse_zlpr([[2, 3]], scores)) < 6 * np.exp(-size)
        slope = gradient(lambda s: sparse_zlpr([[2, 3]], s), scores)[0]
        assert (slope[[0, 1, 4]] >= 0).all()
        assert (slope[[2, 3]] <= 0).all()


def test_a_sample_without_any_class_costs_nothing(gradient):
    scores = np.full((1, 4), -np.inf, "float32")
    for function in (lambda s: zlpr([[0.0, 1.0, 0.5, 0.0]], s), lambda s: sparse_zlpr([[1, 0]], s, mask_zero=True)):
        assert one(function(scores)) == 0
        np.testing.assert_array_equal(gradient(function, scores), np.zeros((1, 4)))


@settings(deadline=None, max_examples=30)
@given(ids_of_a_sample, scores_of_a_sample, st.floats(-5, 5, width=32))
def test_threshold_moves_all_scores(ids, scores, threshold):
    """exp(s0) and exp(-s0) in place of the two ones are the same as scores shifted by s0."""
    hard = np.zeros(CLASSES)
    hard[ids] = 1
    seen = scores > -np.inf
    s, t = scores[seen].astype("float64"), hard[seen]
    expected = np.log(np.exp(threshold) + ((1 - t) * np.exp(s)).sum()) + np.log(
        np.exp(-threshold) + (t * np.exp(-s)).sum()
    )
    for loss in (zlpr(hard[None], scores[None], threshold), sparse_zlpr(ids[None], scores[None], threshold=threshold)):
        assert one(loss) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_threshold_may_be_the_score_of_a_class():
    generator = np.random.default_rng(0)
    scores, threshold = generator.normal(size=(3, 6)), generator.normal(size=(3, 1))
    labels = generator.integers(0, 2, (3, 6))
    together = keras.ops.convert_to_numpy(zlpr(labels, scores, threshold))
    one_by_one = [one(zlpr(labels[i : i + 1], scores[i : i + 1], threshold[i, 0])) for i in range(3)]
    np.testing.assert_allclose(together, one_by_one, rtol=1e-6)


def test_soft_labels_are_read_back_by_probabilities(gradient):
    """The gradient vanishes exactly where sigmoid(2 (s - s0)) is the label."""
    labels = np.array([[0.1, 0.5, 0.8, 0.97]])
    scores = np.log(labels / (1 - labels)) / 2 + 0.3
    np.testing.assert_allclose(gradient(lambda s: zlpr(labels, s, 0.3), scores), 0, atol=1e-6)
    for probabilities in (zlpr_probabilities, ZLPR.probabilities, ZLPR().probabilities):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(probabilities(scores, 0.3)), labels, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bit_scores_do_not_overflow(dtype):
    scores = keras.ops.cast([[50.0, -50.0, 0.0, -float("inf")]], dtype)
    labels = np.array([[0.0, 1.0, 1.0, 0.0]])
    loss = zlpr(labels, scores)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert one(loss) == pytest.approx(100.0, rel=1e-6)
    assert one(sparse_zlpr([[1, 2]], scores)) == pytest.approx(100.0, rel=1e-6)


def test_gradients_in_float64(check_gradient):
    generator = np.random.default_rng(0)
    scores, soft_labels = generator.normal(0, 2, (3, CLASSES)), generator.random((3, CLASSES))
    check_gradient(lambda s: zlpr(soft_labels, s), scores)
    check_gradient(lambda s: zlpr([[1, 0, 1, 0, 0, 0, 1, 0]] * 3, s, threshold=0.5), scores)
    for mask_zero in (False, True):
        check_gradient(lambda s: sparse_zlpr([[1, 2, 2], [3, 0, 0], [7, 1, 0]], s, mask_zero), scores)  # noqa: B023


@pytest.mark.parametrize(
    ("loss", "labels"),
    [(ZLPR(threshold=0.5), [[1, 0, 1], [0, 0, 1]]), (SparseZLPR(threshold=0.5, mask_zero=True), [[2, 1], [0, 0]])],
)
def test_keras_losses_are_means_and_round_trip(loss, labels):
    scores = np.random.default_rng(1).normal(size=(2, 3)).astype("float32")
    function = zlpr if isinstance(loss, ZLPR) else lambda t, s, threshold: sparse_zlpr(t, s, True, threshold)
    expected = keras.ops.convert_to_numpy(function(np.array(labels), scores, 0.5)).mean()
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert restored.get_config() == loss.get_config()
    for copy in (loss, restored):
        assert float(copy(np.array(labels), scores)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_model_learns_labels_under_xla(sparse):
    """Batches of unknown size, compiled: every sample's labels are the two classes that its features name."""
    keras.utils.set_random_seed(0)
    ids = np.random.default_rng(0).integers(0, 6, (64, 2))
    features = np.eye(6, dtype="float32")[ids].max(axis=1)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(6)])
    jit_compile = keras.backend.backend() != "torch"
    model.compile(keras.optimizers.Adam(0.1), SparseZLPR() if sparse else ZLPR(), jit_compile=jit_compile)
    model.fit(features, ids if sparse else features, epochs=20, batch_size=16, verbose=0)
    np.testing.assert_array_equal(model.predict(features, verbose=0) > 0, features > 0)


@pytest.mark.parametrize("class_axes", [0, 1.5, "2"])
def test_mistakes_are_named(class_axes):
    with pytest.raises(UserError, match="class_axes"):
        ZLPR(class_axes=class_axes)
