"""The projections take part in what Keras offers for its `Dense`: LoRA and int8 quantisation."""

import keras
import numpy as np
import pytest

from rfv2_keras.models import ARCHITECTURES


def projections(model):
    """All dense layers inside of attention, feed-forward and gated attention units."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dense)]


def outputs(model, batch):
    tokens, segments, _ = batch([9, 6], width=9)
    return model([tokens, segments], training=False).numpy()


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_lora(small_model, batch, model_type):
    """Low-rank updates start at zero, are all that is trained, and do change the outputs."""
    model = small_model(model_type, num_hidden_layers=1)
    before = outputs(model, batch)
    for dense in projections(model):
        dense.enable_lora(rank=2)
    in_projections = [w for dense in projections(model) for w in dense.trainable_weights if not w.path.endswith("bias")]
    names = [weight.path.rsplit("/", 1)[1] for weight in in_projections]
    assert names == ["lora_kernel_a", "lora_kernel_b"] * len(projections(model))
    np.testing.assert_array_equal(outputs(model, batch), before)
    for weight in in_projections[1::2]:
        weight.assign(np.full(weight.shape, 0.1))
    assert np.abs(outputs(model, batch) - before).max() > 0.01


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`")
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_int8(small_model, batch, model_type):
    """`model.quantize("int8")` reaches every projection and hardly moves the outputs."""
    model = small_model(model_type, deviation=0.1, num_hidden_layers=1)
    before = outputs(model, batch)
    model.quantize("int8")
    assert projections(model)
    for dense in projections(model):
        assert keras.backend.standardize_dtype(dense._kernel.dtype) == "int8"
    after = outputs(model, batch)
    error = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert 0 < error < 0.02
