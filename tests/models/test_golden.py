"""Models equal the original implementation: every output and the gradient of every weight.

The same tests run on the other backends: `KERAS_BACKEND=jax pytest tests/models/test_golden.py`.
"""

import keras
import numpy as np
import pytest

from rfv2_keras.checkpoints.names import checkpoint_name


def test_no_case_is_left_out(golden):
    assert len(list((golden / "models").glob("*/case.json"))) == 25


def test_outputs_of_all_batches(golden_case, golden_model):
    """Mixed lengths, padding in first place, length 1, padding everywhere, above 512 tokens, fractional positions."""
    for batch in golden_case.batches:
        outputs = keras.tree.flatten(golden_model(golden_case.inputs(batch), training=False))
        golden_case.check_outputs(batch, outputs)


@pytest.mark.parametrize("jit", [False, True], ids=["plain", "jit"])
def test_outputs_and_gradients(golden_case, golden_model, outputs_and_gradients, jit):
    """One function that gives everything, as it is and compiled with XLA."""
    losses = golden_case.losses()
    outputs, results = outputs_and_gradients(
        golden_model, golden_case.inputs("main"), [loss for loss, _ in losses], jit
    )
    golden_case.check_outputs("main", outputs)
    for (value, gradients), (_, golden) in zip(results, losses, strict=True):
        assert value == pytest.approx(float(golden["__loss__"]), rel=1e-5, abs=1e-4)
        by_name = {
            _golden_name(weight.path, golden): gradient
            for weight, gradient in zip(golden_model.trainable_weights, gradients, strict=True)
        }
        assert set(by_name) == {name for name in golden if not name.startswith("__")}
        for name, gradient in by_name.items():
            tolerance = 3e-5 * np.abs(golden[name]).max() + 1e-5
            if golden_case.spec["model"] == "bert" and name.endswith("key/bias"):
                tolerance = 1e-4  # softmax does not see this bias: the gradient is zero but for rounding
            np.testing.assert_allclose(gradient, golden[name], atol=tolerance, rtol=0, err_msg=name)


def _golden_name(path, golden):
    """The key of a weight's gradient; weights that the original does not write have a key of their own."""
    name = checkpoint_name(path)
    return name if name in golden else f"UNMAPPED/{path}"
