"""The depth-scaled initialisation equals that of the original, and no two weights start equal."""

import json
from itertools import combinations

import keras
import numpy as np
import pytest
from keras import ops

from rfv2_keras.config import ModelConfig
from rfv2_keras.models import ARCHITECTURES, DepthScaledNormal

ORDERS = {"RoFormerV2": 2, "GAU_alpha": 3}


def test_deviations_of_the_original(root):
    """The argument of the truncated normal distribution, for tables, segments and kernels at several depths."""
    rows = json.loads((root / "tests" / "golden" / "initializers" / "truncated_normal_stddev.json").read_text())
    for row in rows:
        initializer = DepthScaledNormal(row["num_hidden_layers"], ORDERS[row["class"]])
        assert initializer.stddev(row["shape"]) == pytest.approx(row["stddev_argument"], rel=1e-6)
    assert len(rows) == 40


@pytest.mark.parametrize("shape", [(768, 768), (3072, 64), (12000, 64), (2, 768)])
@pytest.mark.parametrize(("num_layers", "order"), [(12, 2), (24, 3)])
def test_drawn_values(shape, num_layers, order):
    """Deviation 1 / √fan_in · num_layers^(−1/order), nothing beyond two of the uncorrected deviations."""
    values = ops.convert_to_numpy(DepthScaledNormal(num_layers, order, seed=0)(shape))
    fan_in = shape[0] if 10 <= shape[0] <= 10000 else shape[1]
    assert values.std() == pytest.approx(fan_in**-0.5 * num_layers ** (-1 / order), rel=0.05)
    assert abs(values.mean()) < 4 * values.std() / values.size**0.5
    assert np.abs(values).max() <= 2 * DepthScaledNormal(num_layers, order).stddev(shape) * 1.0001


def test_round_trip():
    initializer = DepthScaledNormal(6, order=3, gain=0.5, seed=7)
    copy = keras.initializers.deserialize(json.loads(json.dumps(keras.initializers.serialize(initializer))))
    assert copy.get_config() == initializer.get_config()
    np.testing.assert_array_equal(copy((5, 4)), initializer((5, 4)))


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_every_kernel_starts_different(model_type):
    """No sub-layer shares its initial values with another, within a layer and across layers."""
    config = ModelConfig.read(
        {
            "vocab_size": 16,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "intermediate_size": 16,
            "num_attention_heads": 1,
            "attention_key_size": 16,
            "max_position_embeddings": 16,
        },
        model_type,
    )
    heads = {"with_pool": True} if model_type in ("roformer", "bert") else {}
    model = ARCHITECTURES[model_type](config, with_mlm=True, **heads).model
    matrices = {w.path: ops.convert_to_numpy(w) for w in model.weights if len(w.shape) == 2}
    assert len(matrices) >= 6
    for (a, x), (b, y) in combinations(matrices.items(), 2):
        columns = min(x.shape[1], y.shape[1])
        assert not np.array_equal(x[:2, :columns], y[:2, :columns]), f"{a} and {b} start equal"


def test_deviations_in_a_model():
    """The initializer reaches every weight of the model with the number of its layers."""
    config = ModelConfig.read(
        {
            "vocab_size": 300,
            "hidden_size": 64,
            "num_hidden_layers": 3,
            "intermediate_size": 256,
            "num_attention_heads": 4,
        },
        "roformer_v2",
    )
    for weight in ARCHITECTURES["roformer_v2"](config).model.weights:
        fan_in = weight.shape[1] if weight.shape[0] < 10 else weight.shape[0]
        deviation = ops.convert_to_numpy(weight).std()
        assert deviation == pytest.approx(fan_in**-0.5 * 3**-0.5, rel=0.15), weight.path
