"""Scores of spans: padding, positions, 16-bit policies, training and saving. The formulas: test_golden_layers.py."""

import keras
import numpy as np
import pytest
from keras import ops

from rfv2_keras.config import ModelConfig
from rfv2_keras.errors import UserError
from rfv2_keras.layers import EfficientGlobalPointer, GlobalPointer, TokenEmbedding
from rfv2_keras.losses import ZLPR
from rfv2_keras.models import ARCHITECTURES

POLICIES = ["float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16"]
LAYERS = pytest.mark.parametrize("layer", [GlobalPointer, EfficientGlobalPointer])
random = np.random.default_rng(0)


@LAYERS
def test_padding_changes_nothing(layer):
    """On a real encoder, with the mask of its attention: spans of a text score as without padding after it."""
    sizes = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32}
    config = ModelConfig.read({**sizes, "num_attention_heads": 2, "model_type": "roformer_v2"})
    encoder = ARCHITECTURES["roformer_v2"](config).model
    mask = encoder.get_layer("Attention-Mask").output
    model = keras.Model(encoder.inputs, layer(2, 8)(encoder.output, mask=mask))
    tokens = random.integers(1, 20, (2, 7))
    padded = np.pad(tokens, ((0, 0), (0, 4)))
    expected = model.predict([tokens, np.zeros_like(tokens)], verbose=0)
    scores = model.predict([padded, np.zeros_like(padded)], verbose=0)
    np.testing.assert_allclose(scores[:, :, :7, :7], expected, atol=1e-5, rtol=1e-5)
    assert np.isneginf(scores[:, :, 7:]).all()
    assert np.isneginf(scores[:, :, :, 7:]).all()


@LAYERS
def test_which_spans_count(layer):
    """Exactly those that begin and end where the mask, here with a gap, is True and do not end before they begin."""
    mask = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
    both = mask[:, None, :, None] & mask[:, None, None, :]
    x = random.normal(size=(3, 5, 12)).astype("float32")
    for triangle, expected in ((True, both & np.triu(np.ones((5, 5), bool))), (False, both)):
        scores = ops.convert_to_numpy(layer(2, 6, lower_triangle_mask=triangle)(x, mask=mask))
        np.testing.assert_array_equal(np.isfinite(scores), np.broadcast_to(expected, scores.shape))
        assert np.isneginf(scores[~np.isfinite(scores)]).all()


@LAYERS
@pytest.mark.parametrize("use_rotary", [True, False])
def test_position(layer, use_rotary):
    """For equal states at all positions a score depends on the distance alone, without rotation on nothing."""
    x = np.tile(random.normal(size=(1, 1, 12)).astype("float32"), (1, 9, 1))
    scores = ops.convert_to_numpy(layer(2, 6, use_rotary=use_rotary, lower_triangle_mask=False)(x))
    np.testing.assert_allclose(scores[..., 1:, 1:], scores[..., :-1, :-1], atol=1e-5, rtol=1e-5)
    assert np.allclose(scores[..., 0, 1:], scores[..., 0, :-1], atol=1e-3) != use_rotary


@LAYERS
@pytest.mark.parametrize("dtype", POLICIES)
def test_low_precision(layer, dtype):
    """Scores are float32, close to those in float32, and finite where the products would leave float16."""
    x = random.normal(size=(2, 300, 16)).astype("float32")
    reference, low = layer(3, 8), layer(3, 8, dtype=dtype)
    expected = ops.convert_to_numpy(reference(x))
    low.build(x.shape)
    low.set_weights(reference.get_weights())
    scores = low(x)
    assert keras.backend.standardize_dtype(scores.dtype) == "float32"
    scores, counts = ops.convert_to_numpy(scores), np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(scores), counts)
    assert np.abs(scores[counts] - expected[counts]).max() < 0.06 * np.std(expected[counts])
    large = ops.convert_to_numpy(low(1000 * x))
    assert np.isfinite(large[counts]).all()
    assert large[counts].max() > 65504


@LAYERS
@pytest.mark.parametrize("dtype", POLICIES)
def test_row_of_padding(layer, dtype, input_gradient):
    """It has the loss 0 and the gradient 0, and no NaN arises anywhere."""
    x = random.normal(size=(2, 5, 12)).astype("float32")
    mask = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    labels = random.integers(0, 2, (2, 2, 5, 5))
    head, loss = layer(2, 6, dtype=dtype), ZLPR(class_axes=2, reduction="none")
    losses = ops.convert_to_numpy(loss(labels, head(x, mask=mask)))
    assert (losses[0] > 0).all()
    assert (losses[1] == 0).all()
    gradient = input_gradient(lambda x: ops.sum(loss(labels, head(x, mask=mask))), x)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[0, :3]).max() > 0
    assert np.abs(gradient[0, 3:]).max() == np.abs(gradient[1]).max() == 0


@LAYERS
def test_training_and_saving(layer, tmp_path):
    """Compiled by XLA, in 16 bits, on embedded tokens, it learns which spans begin with 1 and end with 2, or with 3.

    The saved model, its loss included, predicts the same.
    """
    tokens = random.integers(1, 5, (32, 6))
    tokens[16:, 4:] = 0
    starts, ends = (tokens == 1)[:, None, :, None], np.stack([tokens == 2, tokens == 3], 1)[:, :, None, :]
    labels = (starts & ends & np.triu(np.ones((6, 6), bool))).astype("float32")
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None,), dtype="int32")
    head = layer(2, 8, dtype="mixed_bfloat16", name="spans")
    model = keras.Model(inputs, head(TokenEmbedding(5, 16, dtype="mixed_bfloat16")(inputs)))
    model.compile(keras.optimizers.Adam(0.02), loss=ZLPR(class_axes=2), jit_compile=True)
    model.fit(tokens, labels, epochs=60, verbose=0)
    scores = model.predict(tokens, verbose=0)
    assert ((scores > 0) == labels).mean() > 0.99
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert type(copy.get_layer("spans")) is layer
    np.testing.assert_array_equal(copy.predict(tokens, verbose=0), scores)
    assert copy.loss.get_config() == model.loss.get_config()


@LAYERS
def test_mask_of_another_shape(layer):
    with pytest.raises(UserError, match=r"mask of spans must have .*; received: \(2, 5, 5\)."):
        layer(2, 6, name="spans")(np.zeros((2, 5, 12)), mask=np.ones((2, 5, 5)))


@LAYERS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": 0, "head_size": 4}, "heads of .* must be an integer >= 1; received: 0."),
        ({"heads": 2, "head_size": 4.0}, "head_size of .* must be an integer >= 1; received: 4.0."),
        ({"heads": 2, "head_size": 5}, "head_size of .* must be even to be rotated; received: 5."),
    ],
)
def test_mistakes(layer, arguments, message):
    with pytest.raises(UserError, match=message):
        layer(**arguments)
