"""R-Drop, FGM, layer-wise learning rates, LoRA and label smoothing do what their formulas say."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras import build_transformer_model
from rfv2_keras.clue.finetune import enable_lora
from rfv2_keras.clue.heads.classification import ClassificationHead
from rfv2_keras.clue.losses.cross_entropy import SparseCrossEntropy
from rfv2_keras.clue.optimizer import layer_multipliers, make_optimizer
from rfv2_keras.clue.regularized_model import RegularizedModel, symmetric_divergence
from rfv2_keras.clue.task import TaskTraining
from rfv2_keras.config import ModelConfig
from rfv2_keras.errors import UserError

CONFIG = ModelConfig.read(
    {
        "model_type": "roformer_v2",
        "vocab_size": 40,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
)
TOKENS = np.random.default_rng(0).integers(1, 40, (8, 12)).astype("int32")
INPUTS = (TOKENS, np.zeros_like(TOKENS))
LABELS = np.arange(8) % 3


def make_model(r_drop=0.0, fgm=0.0, dropout=0.0):
    keras.utils.set_random_seed(0)
    encoder = build_transformer_model(CONFIG, hidden_dropout_prob=dropout)
    outputs = ClassificationHead(3, name="Output")(encoder.output)
    embeddings = encoder.get_layer("Embedding-Token").embeddings
    model = RegularizedModel(encoder.inputs, outputs, r_drop, fgm, embeddings)
    model.compile(keras.optimizers.SGD(1.0), SparseCrossEntropy())
    return model


def change(model):
    """What one batch does to the weights, in one vector."""
    before = [weight.numpy() for weight in model.trainable_weights]
    model.train_on_batch(list(INPUTS), LABELS)
    after = [weight.numpy() for weight in model.trainable_weights]
    return np.concatenate([(y - x).ravel() for x, y in zip(before, after, strict=True)])


def gradient(model):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.loss.call(LABELS, model(list(INPUTS))))
    return [tf.convert_to_tensor(g) for g in tape.gradient(loss, [w.value for w in model.trainable_weights])]


def test_without_regularizers_it_is_a_plain_step():
    model = make_model()
    expected = -np.concatenate([g.numpy().ravel() for g in gradient(model)])
    np.testing.assert_allclose(change(model), expected, atol=1e-6)


def test_fgm_adds_the_gradient_at_the_moved_embeddings():
    """The sum of both gradients, the second at E + ε g/‖g‖; afterwards the embeddings stand where the step put them."""
    model = make_model(fgm=0.5)
    first = gradient(model)
    place = next(i for i, w in enumerate(model.trainable_weights) if "Embedding-Token" in w.path)
    embeddings = model.trainable_weights[place]
    before = embeddings.numpy()
    embeddings.assign(before + 0.5 * first[place].numpy() / np.linalg.norm(first[place].numpy()))
    second = gradient(model)
    embeddings.assign(before)
    expected = -np.concatenate([(a + b).numpy().ravel() for a, b in zip(first, second, strict=True)])
    np.testing.assert_allclose(change(model), expected, atol=1e-6)
    assert np.abs(second[place] - first[place]).max() > 1e-4, "the adversary matters"


def test_r_drop_without_dropout_changes_nothing():
    """Both passes are equal then: no divergence, and the mean of two equal losses."""
    np.testing.assert_allclose(change(make_model(r_drop=4.0)), change(make_model()), atol=1e-6)


def test_r_drop_draws_distributions_together():
    """With dropout the divergence of two passes falls when it is trained for."""
    model = make_model(r_drop=20.0, dropout=0.3)
    model.optimizer.learning_rate = 0.05

    def divergence():
        pairs = [(model(list(INPUTS), training=True), model(list(INPUTS), training=True)) for _ in range(30)]
        return np.mean([symmetric_divergence(*pair) for pair in pairs])

    before = divergence()
    for _ in range(40):
        model.train_on_batch(list(INPUTS), LABELS)
    assert divergence() < before / 2


def test_divergence_is_that_of_the_formula():
    """Against numpy, with a class that is not there."""
    draw = np.random.default_rng(1)
    p, q = draw.normal(size=(2, 5, 4)).astype("float32")
    p[:, 3] = q[:, 3] = -np.inf
    a, b = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (p, q))
    with np.errstate(all="ignore"):
        expected = np.nansum(a * np.log(a / b) + b * np.log(b / a), axis=-1).mean() / 2
    np.testing.assert_allclose(symmetric_divergence(p, q), expected, rtol=1e-5)


def test_label_smoothing():
    """(1-ε)·CE + ε·mean, against numpy; ε = 0 is plain cross entropy; a class of -inf has no part in the mean."""
    logits = np.random.default_rng(2).normal(size=(8, 3)).astype("float32")
    surprise = np.log(np.exp(logits).sum(-1, keepdims=True)) - logits
    plain = surprise[np.arange(8), LABELS]
    np.testing.assert_allclose(SparseCrossEntropy().call(LABELS, logits), plain, rtol=1e-5)
    smoothed = SparseCrossEntropy(0.2).call(LABELS, logits)
    np.testing.assert_allclose(smoothed, 0.8 * plain + 0.2 * surprise.mean(-1), rtol=1e-5)
    padded = np.concatenate([logits, np.full((8, 1), -np.inf, "float32")], axis=-1)
    np.testing.assert_allclose(SparseCrossEntropy(0.2).call(LABELS, padded), smoothed, rtol=1e-5)


def test_layer_decay_scales_steps_by_depth():
    """With decay ½ the first AdamW step of each layer is ½, ¼ (and ⅛ for embeddings) of that without decay."""
    steps = {}
    for decay in (1.0, 0.5):
        model = make_model()
        training = TaskTraining(optimizer="adamw", weight_decay=0.0, learning_rate=1e-3, layer_decay=decay)
        model.compile(make_optimizer(training, 10, CONFIG), SparseCrossEntropy())
        before = {w.path: w.numpy() for w in model.trainable_weights}
        model.train_on_batch(list(INPUTS), LABELS)
        steps[decay] = {w.path: np.abs(w.numpy() - before[w.path]).max() for w in model.trainable_weights}
    ratios = {path: steps[0.5][path] / steps[1.0][path] for path in steps[1.0] if "Segment" not in path}
    for path, ratio in ratios.items():
        layer = {"Output": 1.0, "Transformer-1": 0.5, "Transformer-0": 0.25, "Embedding": 0.125}
        expected = next(factor for name, factor in layer.items() if path.startswith(name))
        assert ratio == pytest.approx(expected, rel=1e-3), path
    assert len(layer_multipliers(0.5, 12)) == 13


def test_lora_trains_additions_and_head_only():
    keras.utils.set_random_seed(0)
    encoder = build_transformer_model(CONFIG)
    enable_lora(encoder, 2)
    model = keras.Model(encoder.inputs, ClassificationHead(3, name="Output")(encoder.output))
    names = {weight.path for weight in model.trainable_weights}
    assert names
    assert all("lora" in name or name.startswith("Output") for name in names), names
    embeddings = encoder.get_layer("Embedding-Token").embeddings
    with pytest.raises(UserError, match="FGM moves the token embeddings"):
        RegularizedModel(model.inputs, model.outputs[0], fgm=1.0, embeddings=embeddings)
