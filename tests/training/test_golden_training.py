"""Training steps of the original implementation, repeated by ours."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints.names import checkpoint_name
from rfv2_keras.optimizers import AdaFactor
from rfv2_keras.training.gradients import GradientFunction
from rfv2_keras.training.loss_scale import LossScale
from rfv2_keras.training.objective import masked_lm_objective
from rfv2_keras.training.update import Update


def classification_objective(model, batch, training):
    probabilities = model([batch["token"], batch["segment"]], training=training)
    losses = keras.losses.sparse_categorical_crossentropy(batch["label"], probabilities)
    return tf.stack([tf.reduce_sum(losses), tf.cast(tf.shape(losses)[0], "float32")])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_classification_with_adafactor(golden, jit_compile):
    """12 steps of fine-tuning: every loss and every weight on the way to 2e-5."""
    folder = golden / "training" / "cls_adafactor_roformer_v2"
    case = json.loads((folder / "case.json").read_text())
    batches, expected = np.load(folder / "batches.npz"), np.load(folder / "expected.npz")
    options = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "model": "roformer_v2"}
    encoder = build_transformer_model(folder / "bert_config.json", folder / "bert_model.ckpt", **options)
    head = keras.layers.Dense(5, activation="softmax", name="cls")
    model = keras.Model(encoder.inputs, head(encoder.output[:, 0]))
    head.kernel.assign(batches["cls_kernel_init"])
    update = Update(model, AdaFactor(**case["optimizer_kwargs"]), LossScale())
    gradients = GradientFunction(model, classification_objective, jit_compile)
    for step in range(case["steps"]):
        batch = {name: tf.constant(batches[name][step].astype("int32")) for name in ("token", "segment", "label")}
        statistics, sums = gradients([batch], tf.constant(1.0))
        assert float(statistics[0] / statistics[1]) == pytest.approx(float(expected["loss"][step]), abs=2e-5)
        update(statistics, sums, tf.constant(1.0))
        for weight in model.trainable_variables:
            name = f"{'final' if step + 1 == case['steps'] else f'step{step + 1}'}/{_name(weight)}"
            if name in expected:
                np.testing.assert_allclose(weight, expected[name], atol=2e-5, err_msg=name)


def _name(weight):
    return checkpoint_name(weight.path) or weight.path


@pytest.mark.parametrize("case", ["mlm_lamb_roformer_v2", "mlm_lamb_gau_alpha"])
def test_first_loss_of_pretraining(golden, case):
    """The loss before any update. Later steps of these files show the reference's late accumulation, which is not
    repeated: `test_accumulation_equals_the_large_batch` pins ours instead, and the optimizer's golden files pin LAMB.
    """
    folder = golden / "training" / case
    model_type = json.loads((folder / "case.json").read_text())["model"]["model"]
    options = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "model": model_type}
    model = build_transformer_model(
        folder / "bert_config.json", folder / "bert_model.ckpt", with_mlm="linear", **options
    )
    batches, expected = np.load(folder / "batches.npz"), np.load(folder / "expected.npz")
    batch = {
        "Input-Token": batches["token"][0].astype("int32"),
        "Input-Segment": batches["segment"][0].astype("int32"),
        "target_ids": batches["label"][0].astype("int32"),
    }
    loss, targets, _ = masked_lm_objective(model, batch, training=True).numpy()
    assert loss / targets == pytest.approx(float(expected["loss"][0]), abs=2e-5)
