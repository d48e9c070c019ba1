"""The projections of a layer start different, although one initializer is given for all of them."""

from itertools import combinations

import keras
import numpy as np
import pytest
from keras import ops

from rfv2_keras.layers import FeedForward, GatedAttentionUnit, LayerNorm, MultiHeadAttention
from rfv2_keras.models import DepthScaledNormal


@pytest.mark.parametrize(
    "initializer", ["glorot_uniform", keras.initializers.TruncatedNormal(stddev=0.02), DepthScaledNormal(12)]
)
@pytest.mark.parametrize(
    ("layer", "arguments", "inputs"),
    [
        (MultiHeadAttention, {"heads": 2, "head_size": 8}, 1),
        (FeedForward, {"units": 16, "activation": ["swish", "linear", "linear"]}, 1),
        (GatedAttentionUnit, {"units": 8, "key_size": 8, "self_attention": False}, 2),
    ],
)
def test_kernels_differ(layer, arguments, inputs, initializer):
    layer = layer(**arguments, kernel_initializer=initializer)
    layer.build(*[(None, None, 16)] * inputs)
    kernels = [ops.convert_to_numpy(weight) for weight in layer.weights if weight.path.endswith("kernel")]
    assert len(kernels) == 4
    for a, b in combinations(kernels, 2):
        rows, columns = np.minimum(a.shape, b.shape)
        assert not np.array_equal(a[:rows, :columns], b[:rows, :columns])


def test_condition_has_no_effect_at_first():
    """A pretrained model goes on as it was until it is trained with the condition."""
    x, condition = np.random.default_rng(0).normal(size=(2, 3, 8)).astype("float32")
    conditional, plain = LayerNorm(conditional=True, hidden_units=4), LayerNorm()
    np.testing.assert_array_equal(conditional(x, condition), plain(x))
