"""What `rfv2 describe` says about memory."""

import pytest

from rfv2_keras.config import ModelConfig
from rfv2_keras.models.description import activation_bytes


@pytest.mark.parametrize("name", ["roformer_v2_base", "gau_alpha_base", "bert_base"])
def test_the_more_is_computed_again_the_less_is_kept(root, name):
    path = root / f"configs/models/{name}.json"
    everything, without_attention, layers_only = (
        activation_bytes(ModelConfig.read(path, gradient_checkpointing=again), batch=8, length=512)
        for again in (False, "attention", True)
    )
    assert everything > without_attention > layers_only
