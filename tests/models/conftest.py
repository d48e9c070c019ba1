"""The golden model cases: small models with weights, inputs, outputs and gradients of the original implementation."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from rfv2_keras import build_transformer_model

TESTS = Path(__file__).resolve().parents[1]
# A few cases live here; all of them where they lie beside the repository.
FOLDERS = (TESTS / "golden" / "models", TESTS.parents[1] / "shared" / "golden" / "models")
CASES = {case.parent.name: case.parent for folder in FOLDERS for case in sorted(folder.glob("*/case.json"))}


def pytest_generate_tests(metafunc):
    if "golden_case" in metafunc.fixturenames:
        metafunc.parametrize("golden_case", CASES.values(), ids=CASES.keys(), indirect=True, scope="module")


@pytest.fixture(scope="session")
def golden_cases():
    """The folders of all cases, by name."""
    return CASES


@pytest.fixture(scope="module")
def golden_case(request):
    """Every case in turn."""
    return GoldenCase(request.param)


@pytest.fixture(scope="module")
def golden_model(golden_case):
    """The model of a case, built once for all tests of it."""
    return golden_case.build()


@pytest.fixture(scope="session")
def outputs_and_gradients():
    """The function below."""
    return _outputs_and_gradients


class GoldenCase:
    """One folder of golden numbers."""

    def __init__(self, folder):
        self.folder = folder
        self.spec = json.loads((folder / "case.json").read_text())
        self.batches = self.spec["batches"]
        self._inputs = np.load(folder / "inputs.npz")
        self._outputs = np.load(folder / "outputs.npz")

    def build(self):
        """Our model with the weights of the case."""
        options = dict(self.spec["build_kwargs"])
        if self.spec["gau_normalization"]:
            options["normalization"] = self.spec["gau_normalization"]
        # One weight of one case is not in its checkpoint, as the original forgets it there.
        weights = "bert_model.ckpt" if self.spec["checkpoint_complete"] else "model.weights"
        return build_transformer_model(
            self.folder / "bert_config.json",
            self.folder / weights,
            model=self.spec["model"],
            application=self.spec["application"],
            **options,
        )

    def inputs(self, batch):
        return [ops.convert_to_tensor(self._inputs[f"{batch}.{name}"]) for name in self.spec["inputs"]]

    def check_outputs(self, batch, outputs):
        for index, (name, _) in enumerate(self.spec["outputs"]):
            golden = self._outputs[f"{batch}.output{index}"]
            # Probabilities are small numbers.
            softmax = name == "NSP-Proba" or ("MLM" in name and self.spec["build_kwargs"]["with_mlm"] is True)
            atol = 3e-6 if softmax else 3e-5
            np.testing.assert_allclose(ops.convert_to_numpy(outputs[index]), golden, atol=atol, rtol=1e-4)

    def losses(self):
        """[(a loss as function of the outputs of batch `main`, golden value and gradients)]."""
        kinds = {"grads": _weighted_sum, "grads_ce": _cross_entropy}
        files = {kind: self.folder / f"{kind}.npz" for kind in kinds}
        golden = {kind: np.load(file) for kind, file in files.items() if file.is_file()}
        return [(kinds[kind](numbers), numbers) for kind, numbers in golden.items()]


def _weighted_sum(golden):
    """sum_i sum(output_i · coefficients_i)."""

    def loss(outputs):
        return sum(ops.sum(ops.multiply(output, golden[f"__coef{i}__"])) for i, output in enumerate(outputs))

    return loss


def _cross_entropy(golden):
    """The loss of masked language models: mean over the targets; label 0 is none."""
    labels = golden["__labels__"]
    is_target = (labels != 0).astype("float32")

    def loss(outputs):
        losses = keras.losses.sparse_categorical_crossentropy(labels, outputs[-1], from_logits=True)
        return ops.sum(ops.multiply(losses, is_target)) / (is_target.sum() + 1e-7)

    return loss


def _outputs_and_gradients(model, inputs, losses, jit):
    """The outputs of a model, and value and gradients of each loss, on the backend that Keras runs on.

    Args:
        losses: functions of the list of outputs.
        jit: whether to compile all into one function.

    Returns:
        (outputs, [(value, [gradient of each trainable weight]) for each loss]), numpy.
    """
    compute = {"tensorflow": _on_tensorflow, "jax": _on_jax, "torch": _on_torch}[keras.backend.backend()]
    outputs, results = compute(model, inputs, losses, jit)
    numpy = ops.convert_to_numpy
    return [numpy(x) for x in outputs], [
        (float(numpy(value)), [numpy(g) for g in gradients]) for value, gradients in results
    ]


def _on_tensorflow(model, inputs, losses, jit):
    import tensorflow as tf

    def compute(*inputs):
        with tf.GradientTape(persistent=True) as tape:
            outputs = keras.tree.flatten(model(inputs, training=False))
            values = [loss(outputs) for loss in losses]
        weights = [weight.value for weight in model.trainable_weights]
        gradients = [[tf.convert_to_tensor(g) for g in tape.gradient(value, weights)] for value in values]
        return outputs, list(zip(values, gradients, strict=True))

    return tf.function(compute, jit_compile=True)(*inputs) if jit else compute(*inputs)


def _on_jax(model, inputs, losses, jit):
    import jax

    frozen = [weight.value for weight in model.non_trainable_variables]

    def compute(weights, *inputs):
        def run(weights):
            return keras.tree.flatten(model.stateless_call(weights, frozen, inputs, training=False)[0])

        outputs, pull_back = jax.vjp(run, weights)
        results = [jax.value_and_grad(loss)(outputs) for loss in losses]
        return outputs, [(value, pull_back(cotangents)[0]) for value, cotangents in results]

    weights = [weight.value for weight in model.trainable_variables]
    return (jax.jit(compute) if jit else compute)(weights, *inputs)


def _on_torch(model, inputs, losses, jit):
    import torch

    if jit:
        pytest.skip("the models are not compiled on torch")
    outputs = keras.tree.flatten(model(inputs, training=False))
    weights = [weight.value for weight in model.trainable_weights]
    values = [loss(outputs) for loss in losses]
    return outputs, [(value, torch.autograd.grad(value, weights, retain_graph=True)) for value in values]
