"""How sub-layers join the stream: warm-up from the identity to the plain model, ReZero, DeepNorm."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.layers import ResidualBranch, RMSNorm
from rfv2_keras.models import ARCHITECTURES


def set_alpha(model, value):
    branches = [layer for layer in model.layers if isinstance(layer, ResidualBranch)]
    for branch in branches:
        branch.set_alpha(value)
    return len(branches)


def outputs(model, batch):
    tokens, segments, _ = batch([9, 6], width=9)
    return model([tokens, segments], training=False).numpy()


def embedded(model, batch):
    """What the first layer reads."""
    last = model.get_layer("Embedding-Norm").output
    return outputs(keras.Model(model.inputs, last), batch)


def with_weights_of(model, plain):
    """The model with the weights of another one that lacks α."""
    values = {weight.path: weight for weight in plain.weights}
    for weight in model.weights:
        if weight.path in values:
            weight.assign(values[weight.path])
    return model


@pytest.mark.parametrize("placement", ["post", "pre"])
@pytest.mark.parametrize("residual", ["alpha_warmup", "rezero"])
@pytest.mark.parametrize("model_type", ["roformer_v2", "gau_alpha"])
def test_starts_as_the_identity(small_model, batch, model_type, residual, placement):
    """At α = 0 the model is its embedding; RMSNorm changes nothing that has passed it already."""
    model = small_model(model_type, residual=residual, norm_placement=placement)
    np.testing.assert_allclose(outputs(model, batch), embedded(model, batch), atol=1e-5)


def test_starts_as_repeated_norms(small_model, batch):
    """With γ and β the identity is one up to the norms, which post-norm applies after every sub-layer."""
    model = small_model("bert", deviation=0.2, residual="alpha_warmup")
    set_alpha(model, 0.0)
    x = embedded(model, batch)
    for layer in model.layers:
        if isinstance(layer, ResidualBranch):
            x = layer.norm(x)
    np.testing.assert_allclose(outputs(model, batch), x, atol=1e-5)


@pytest.mark.parametrize("placement", ["post", "pre"])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_warm_up_ends_at_the_plain_model(small_model, batch, model_type, placement):
    plain = small_model(model_type, deviation=0.2, norm_placement=placement)
    model = with_weights_of(small_model(model_type, residual="alpha_warmup", norm_placement=placement), plain)
    assert set_alpha(model, 1.0) == (2 if model_type == "gau_alpha" else 4)
    np.testing.assert_array_equal(outputs(model, batch), outputs(plain, batch))
    set_alpha(model, 0.5)
    assert np.abs(outputs(model, batch) - outputs(plain, batch)).max() > 0.01


@pytest.mark.parametrize(("residual", "trainable"), [("alpha_warmup", False), ("rezero", True)])
def test_who_moves_alpha(small_model, batch, residual, trainable):
    """The warm-up's α belongs to whoever trains; ReZero's has a gradient from the first step on."""
    model = small_model("roformer_v2", residual=residual)
    alphas = [weight for weight in model.weights if weight.path.endswith("alpha")]
    assert len(alphas) == 4
    assert all(alpha.trainable is trainable for alpha in alphas)
    assert sum(weight.path.endswith("alpha") for weight in model.trainable_weights) == (4 if trainable else 0)
    if trainable:
        tokens, segments, _ = batch([9, 6], width=9)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model([tokens, segments])[..., ::2])
        assert all(abs(gradient) > 1e-6 for gradient in tape.gradient(loss, [alpha.value for alpha in alphas]))


def test_deep_norm():
    """y = Norm(s · x + f)."""
    x, f = np.random.default_rng(0).normal(size=(2, 3, 5, 8)).astype("float32")
    branch = ResidualBranch(RMSNorm(), residual="deepnorm", skip_scale=3.0)
    np.testing.assert_allclose(branch(x, f), RMSNorm()(3.0 * x + f), atol=1e-6)


def test_deep_norm_in_a_model(small_model, batch):
    """A deep model passes its input on, where the plain one has forgotten it."""
    kept = {}
    for residual in ("plain", "deepnorm"):
        model = small_model("roformer_v2", deviation=0.1, residual=residual, num_hidden_layers=16)
        x, y = embedded(model, batch), outputs(model, batch)
        kept[residual] = (x * y).mean()  # both have RMS 1: the cosine
    assert kept["deepnorm"] > 0.9
    assert kept["plain"] < 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"residual": "other"}, "must be one of plain, alpha_warmup, rezero, deepnorm. Received: residual='other'"),
        ({"skip_scale": 2.0}, 'needs residual="deepnorm". Received: skip_scale=2.0'),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResidualBranch(**arguments)
