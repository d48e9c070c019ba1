"""Losses and their gradients equal bert4keras 0.11.5 to 1e-5, except where its sparse loss loses its digits.

bert4keras takes the negative part of the sparse loss from 1 - r in float32, clipped at 1e-7, where r is the share of
the positive classes in the sum of all exponentials. Its error is therefore about 6e-8 / (1 - r). Where 1 - r < 0.01,
the dense loss in float64 is the truth; everywhere else the reference's numbers are, and the dense ones too.
"""

import keras
import numpy as np
import pytest

from rfv2_keras.losses import masked_lm_loss, sparse_zlpr, zlpr

DENSE_CASES = [
    "multilabel_4d_tril_masked",
    "multilabel_extreme_pm50",
    "multilabel_extreme_right",
    "multilabel_extreme_wrong",
    "multilabel_globalpointer_flat",
    "multilabel_hard",
    "multilabel_neginf_masked",
    "multilabel_neginf_positive",
    "multilabel_soft",
    "multilabel_soft_with_0_1",
]
SPARSE_CASES = [
    "sparse_multilabel",
    "sparse_multilabel_3d",
    "sparse_multilabel_extreme_pm50",
    "sparse_multilabel_extreme_right",
    "sparse_multilabel_extreme_wrong",
    "sparse_multilabel_mask_zero",
    "sparse_multilabel_mask_zero_extreme_pm50",
    "sparse_multilabel_mask_zero_extreme_right",
    "sparse_multilabel_mask_zero_extreme_wrong",
    "sparse_multilabel_mask_zero_small",
    "sparse_multilabel_small",
]
MASKED_LM_CASES = ["mlm_cross_entropy", "mlm_cross_entropy_no_target"]


def read_case(golden, name):
    with np.load(golden / "losses" / f"{name}.npz") as arrays:
        return dict(arrays)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, atol=1e-5, rtol=1e-5)


def check_loss_and_gradient(function, case, gradient):
    loss = keras.ops.convert_to_numpy(function(case["y_pred"]))
    assert loss.shape == case["loss"].shape
    assert_close(loss, case["loss"])
    assert_close(gradient(function, case["y_pred"]), case["grad_of_sum"])


@pytest.mark.parametrize("name", DENSE_CASES)
def test_zlpr(golden, gradient, name):
    case = read_case(golden, name)
    check_loss_and_gradient(lambda scores: zlpr(case["y_true"], scores), case, gradient)


def test_zlpr_over_the_two_axes_of_spans(golden):
    """`class_axes=2` on (batch, types, start, end) equals the loss over flattened spans."""
    spans, flat = read_case(golden, "multilabel_4d_tril_masked"), read_case(golden, "multilabel_globalpointer_flat")
    loss = keras.ops.convert_to_numpy(zlpr(spans["y_true"], spans["y_pred"], class_axes=2))
    assert_close(loss.ravel(), flat["loss"])


@pytest.mark.parametrize("name", MASKED_LM_CASES)
def test_masked_lm(golden, gradient, name):
    case = read_case(golden, name)
    check_loss_and_gradient(lambda logits: masked_lm_loss(case["y_true"], logits), case, gradient)


@pytest.mark.parametrize("name", SPARSE_CASES)
def test_sparse_zlpr(golden, gradient, name):
    case = read_case(golden, name)
    mask_zero = "mask_zero" in name
    classes = case["y_pred"].shape[-1]
    labels = np.eye(classes)[case["y_true"]].max(axis=-2)
    scores = case["y_pred"].astype("float64")
    if mask_zero:
        labels[..., 0], scores[..., 0] = 0, -np.inf
    every, negative = np.exp(scores), np.exp(scores) * (1 - labels)
    dense = np.log1p(negative.sum(-1)) + np.log1p((np.exp(-np.where(labels, scores, np.inf))).sum(-1))
    keeps_digits = (1 + negative.sum(-1)) / (1 + every.sum(-1)) > 0.01

    def function(scores):
        return sparse_zlpr(case["y_true"], scores, mask_zero=mask_zero)

    loss, slope = keras.ops.convert_to_numpy(function(case["y_pred"])), gradient(function, case["y_pred"])
    assert_close(loss, dense)
    assert_close(loss[keeps_digits], case["loss"][keeps_digits])
    assert_close(slope[keeps_digits], case["grad_of_sum"][keeps_digits])
    dense_slope = gradient(lambda s: zlpr(labels, s), scores)
    assert_close(slope, dense_slope)


def test_no_golden_case_is_left_out(golden):
    present = {path.stem for path in (golden / "losses").glob("*.npz")}
    assert present == {*DENSE_CASES, *SPARSE_CASES, *MASKED_LM_CASES}
