"""Layers of `compat` find the mask that bert4keras's models hand on, and `Loss` adds its loss to the model."""

import keras
import numpy as np
import pytest

from rfv2_keras import layers as ours
from rfv2_keras.compat import layers
from rfv2_keras.compat.backend import K, search_layer
from rfv2_keras.compat.models import build_transformer_model
from rfv2_keras.errors import UserError

IDS = np.array([[2, 9, 10, 11, 3], [2, 12, 3, 0, 0]])
SEGMENTS = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])


@pytest.fixture(scope="module")
def encoder(model_folder):
    return build_transformer_model(model_folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def made(encoder, layer):
    keras.utils.set_random_seed(1)
    return keras.Model(encoder.inputs, layer(encoder.output))


@pytest.mark.parametrize("name", ["GlobalPointer", "EfficientGlobalPointer"])
def test_pointers_leave_padding_out(encoder, name):
    scores = made(encoder, getattr(layers, name)(2, 8, RoPE=True, tril_mask=True)).predict_on_batch([IDS, SEGMENTS])
    assert scores.shape == (2, 2, 5, 5)
    finite = np.isfinite(scores[1, 0])
    np.testing.assert_array_equal(finite, np.triu(np.outer(IDS[1] > 0, IDS[1] > 0)))
    layer = getattr(layers, name)(2, 8, RoPE=False, use_bias=False, tril_mask=False)
    config = layer.get_config()
    assert (config["RoPE"], config["tril_mask"], config["use_bias"]) == (False, False, False)
    assert type(layer).from_config(config).get_config() == config


def test_pooling_leaves_padding_out(encoder):
    hidden = encoder.predict_on_batch([IDS, SEGMENTS])
    mean = made(encoder, layers.GlobalAveragePooling1D()).predict_on_batch([IDS, SEGMENTS])
    largest = made(encoder, layers.GlobalMaxPooling1D()).predict_on_batch([IDS, SEGMENTS])
    np.testing.assert_allclose(mean[1], hidden[1, :3].mean(0), atol=1e-6)
    np.testing.assert_allclose(largest[1], hidden[1, :3].max(0), atol=1e-6)


def test_crf_is_ours_with_the_mask_of_the_tokens(encoder, tmp_path):
    crf = layers.ConditionalRandomField(lr_multiplier=10)
    model = made(encoder, lambda x: crf(keras.layers.Dense(4)(x)))
    scores = model.predict_on_batch([IDS, SEGMENTS])
    assert np.isinf(scores[1, 3:]).all()
    assert np.isfinite(scores[0]).all()
    reference = ours.ConditionalRandomField(4, 10)
    reference.build(scores.shape)
    reference.transition_weight.assign(crf.transition_weight)
    labels = np.array([[0, 1, 2, 3, 0], [0, 3, 1, 0, 0]])
    np.testing.assert_allclose(crf.sparse_loss(labels, scores), reference.sparse_loss(labels, scores), atol=1e-5)
    np.testing.assert_allclose(K.eval(crf.trans), K.eval(reference.transitions))
    model.compile(loss=crf.sparse_loss, optimizer="adam", metrics=[crf.sparse_accuracy], run_eagerly=True)
    assert np.isfinite(model.train_on_batch([IDS, SEGMENTS], labels)).all()
    model.save(tmp_path / "crf.keras")
    loaded = keras.saving.load_model(tmp_path / "crf.keras", compile=False)
    inputs = [IDS, SEGMENTS]
    np.testing.assert_allclose(loaded.predict_on_batch(inputs), model.predict_on_batch(inputs), atol=1e-6)


class CrossEntropy(layers.Loss):
    """The loss of the targets of a UniLM."""

    def compute_loss(self, inputs, mask=None):
        y_true, y_mask, y_pred = inputs
        self.masks = mask
        loss = K.sparse_categorical_crossentropy(y_true[:, 1:], y_pred[:, :-1])
        return K.sum(loss * y_mask[:, 1:]) / K.sum(y_mask[:, 1:])


def test_loss_layer_trains_a_unilm(model_folder):
    base = build_transformer_model(
        f"{model_folder}/config.json",
        f"{model_folder}/model.weights.h5",
        application="unilm",
        dropout_rate=0.0,
        attention_dropout_rate=0.0,
    )
    layer = CrossEntropy(2)
    model = keras.Model(base.inputs, layer(base.inputs + base.outputs))
    probabilities = model.predict_on_batch([IDS, SEGMENTS])
    np.testing.assert_array_equal(probabilities, base.predict_on_batch([IDS, SEGMENTS]))
    picked = np.take_along_axis(probabilities[:, :-1], IDS[:, 1:, None], -1)[..., 0]
    expected = -(np.log(picked) * SEGMENTS[:, 1:]).sum() / SEGMENTS[:, 1:].sum()
    model.compile(optimizer=keras.optimizers.Adam(1e-2), run_eagerly=True)
    assert model.train_on_batch([IDS, SEGMENTS]) == pytest.approx(expected, rel=1e-5)
    assert layer.masks[:2] == [None, None]
    for _ in range(5):
        loss = model.train_on_batch([IDS, SEGMENTS])
    assert loss < 0.9 * expected


def test_loss_layer_hands_on_what_it_should():
    inputs = [keras.Input((3,)), keras.Input((3,))]

    class Difference(layers.Loss):
        def compute_loss(self, inputs, mask=None):
            return K.mean(K.square(inputs[0] - inputs[1]))

    outputs = {axis: keras.Model(inputs, Difference(axis)(inputs)).outputs for axis in (None, 1)}
    assert {axis: len(tensors) for axis, tensors in outputs.items()} == {None: 2, 1: 1}
    assert len(keras.Model(inputs, Difference([1, 0])(inputs)).outputs) == 2
    with pytest.raises(NotImplementedError, match="must define compute_loss"):
        layers.Loss(0).compute_loss([])
    with pytest.raises(UserError, match="no add_metric"):
        layers.Loss(0).add_metric(1.0, name="accuracy")


def test_search_layer(encoder):
    assert search_layer(encoder.output, "Embedding-Token") is encoder.get_layer("Embedding-Token")
    assert search_layer(encoder.get_layer("Embedding-Norm"), "Input-Token") is not None
    assert search_layer(encoder.output, "Embedding-Position") is None
