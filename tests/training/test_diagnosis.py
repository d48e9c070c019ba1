"""A model that breaks says where."""

import numpy as np

from rfv2_keras.training.diagnosis import first_non_finite_layer


def test_sound_model_has_no_culprit(make_model, make_batch):
    assert first_non_finite_layer(make_model(), make_batch(0)) is None


def test_broken_weight_is_named(make_model, make_batch):
    model = make_model()
    layer = model.get_layer("Transformer-1-FeedForward")
    layer.o_dense.kernel.assign(np.full(layer.o_dense.kernel.shape, np.nan))
    assert first_non_finite_layer(model, make_batch(0)) == "the weight Transformer-1-FeedForward/o_dense/kernel"


def test_first_layer_with_overflow_is_named(make_model, make_batch):
    """Finite weights whose product overflows float16: the layer that makes the infinity, not those after it."""
    model = make_model(dtype="mixed_float16")
    layer = model.get_layer("Transformer-0-FeedForward")
    for dense in (*layer.i_denses, layer.o_dense):
        dense.kernel.assign(np.full(dense.kernel.shape, 6e4))
    assert first_non_finite_layer(model, make_batch(0)) == "the output of Transformer-0-FeedForward"
