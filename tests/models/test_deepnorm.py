"""DeepNorm's factor of the stream is √(residual branches of the whole model), whatever a layer consists of."""

import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.layers import ResidualBranch

SIZES = {"hidden_size": 8, "num_attention_heads": 1, "attention_key_size": 4, "intermediate_size": 16, "vocab_size": 20}


@pytest.mark.parametrize(("name", "per_layer"), [("roformer_v2", 2), ("bert", 2), ("roformer", 2), ("gau_alpha", 1)])
@pytest.mark.parametrize("layers", [1, 3])
def test_scale_is_the_root_of_the_number_of_branches(name, per_layer, layers):
    """√(2N) of arXiv 2203.00555 for N layers of attention and feed-forward; a GAU layer is one branch."""
    model = build_transformer_model(model=name, num_hidden_layers=layers, residual="deepnorm", **SIZES)
    branches = [layer for layer in model.layers if isinstance(layer, ResidualBranch)]
    assert len(branches) == per_layer * layers
    assert [branch.skip_scale for branch in branches] == pytest.approx([(per_layer * layers) ** 0.5] * len(branches))


@pytest.mark.parametrize("name", ["roformer_v2", "gau_alpha"])
def test_plain_models_have_no_scale(name):
    model = build_transformer_model(model=name, num_hidden_layers=2, **SIZES)
    assert {branch.skip_scale for branch in model.layers if isinstance(branch, ResidualBranch)} == {1.0}
