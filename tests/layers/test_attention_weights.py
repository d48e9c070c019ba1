"""The l of softmax_plus and squared_relu: counted from the mask, or the same for every input."""

import numpy as np
import pytest
from keras import ops

from rfv2_keras.layers import GatedAttentionUnit, MultiHeadAttention
from rfv2_keras.layers.attention_weights import attention_weights

DRAW = np.random.default_rng(0)
SCORES = DRAW.normal(size=(2, 5, 40)).astype("float32")
MASK = np.arange(40) < np.array([[40], [20]])  # 40 and 20 visible keys
FORMULAS = {
    "softmax_plus": lambda s, length: _softmax(s * np.log(length) / np.log(512)),
    "squared_relu": lambda s, length: np.maximum(s, 0) ** 2 / length,
}


def _softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("normalization", FORMULAS)
def test_length_replaces_the_number_of_visible_keys(normalization):
    """Rows of the batch with 40 and 20 keys: each with its own count, or both with l = 100."""
    for length, own in ((None, (40, 20)), (100, (100, 100))):
        weights = ops.convert_to_numpy(attention_weights(SCORES, normalization, MASK, length=length))
        for row, keys in enumerate((40, 20)):
            expected = FORMULAS[normalization](SCORES[row, :, :keys].astype("float64"), own[row])
            np.testing.assert_allclose(weights[row, :, :keys], expected, rtol=1e-5, atol=1e-7)
            assert not weights[row, :, keys:].any()


@pytest.mark.parametrize("layer", [MultiHeadAttention, GatedAttentionUnit])
@pytest.mark.parametrize("normalization", FORMULAS)
def test_layers_hand_it_on(layer, normalization):
    """With the true number of keys the output is that of counting them, with another it is not."""
    x = DRAW.normal(size=(2, 20, 8)).astype("float32")
    sizes = {"heads": 2, "head_size": 4} if layer is MultiHeadAttention else {"units": 16, "key_size": 4}
    counted, same, other = (
        layer(**sizes, normalization=normalization, normalization_length=n) for n in (None, 20, 512)
    )
    expected = ops.convert_to_numpy(counted(x))
    outputs = []
    for made in (same, other):
        made.build(*[x.shape] * (1 if layer is GatedAttentionUnit else 3))
        made.set_weights(counted.get_weights())
        outputs.append(ops.convert_to_numpy(made(x)))
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-5, atol=1e-6)
    assert np.abs(outputs[1] - expected).max() > 1e-4
