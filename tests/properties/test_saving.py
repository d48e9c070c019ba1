"""`model.save("x.keras")` and loading give the same model: all architectures, heads, applications, residual modes."""

import keras
import numpy as np
import pytest
from keras import ops

HEADS = {
    "encoder": {},
    "mlm": {"with_mlm": True},
    "logits": {"with_mlm": "linear"},
    "lm": {"application": "lm"},
    "unilm": {"application": "unilm", "with_mlm": "linear"},
    "targets": {"with_mlm": "linear", "target_positions": True},
    "packed": {"packed": True},
}
POOLERS = {
    "pooler": {"with_pool": True},
    "sentence pairs": {"with_nsp": True, "with_mlm": True},
    "linear pooler": {"with_pool": "linear", "with_mlm": "linear", "target_positions": True},
}
VARIANTS = {
    "custom positions": {"custom_position_ids": True},
    "no segments": {"type_vocab_size": 0},
    "small embeddings": {"embedding_size": 8, "with_mlm": "linear"},
    "head size": {"attention_head_size": 6},
    "alpha warm-up": {"residual": "alpha_warmup"},
    "rezero": {"residual": "rezero"},
    "deepnorm": {"residual": "deepnorm"},
    "pre-norm": {"norm_placement": "pre"},
    "pre-norm, alpha warm-up": {"norm_placement": "pre", "residual": "alpha_warmup"},
    "pre-norm, rezero": {"norm_placement": "pre", "residual": "rezero"},
    "other norm": {"norm_type": "layer_norm", "use_bias": True},
    "other attention": {"normalization": "squared_relu", "normalization_length": 7},
    "checkpointing": {"gradient_checkpointing": True},
    "bfloat16": {"dtype": "mixed_bfloat16"},
}
GAU_VARIANTS = ("alpha warm-up", "pre-norm, rezero", "other norm", "other attention", "checkpointing", "bfloat16")
CASES = [
    *[("roformer_v2", case) for case in (HEADS | VARIANTS).items()],
    *[("gau_alpha", case) for case in (HEADS | {name: VARIANTS[name] for name in GAU_VARIANTS}).items()],
    *[("bert", case) for case in (HEADS | POOLERS).items()],
    *[("roformer", case) for case in POOLERS.items()],
    ("roformer", ("encoder", {})),
    ("roformer_v2", ("gated", {"hidden_act": ["swish", "linear"]})),
    ("bert", ("small embeddings", {"embedding_size": 8, "with_mlm": "linear"})),
    ("bert", ("custom positions", {"custom_position_ids": True})),
]


@pytest.mark.parametrize(("model_type", "options"), [pytest.param(m, o, id=f"{m}-{name}") for m, (name, o) in CASES])
def test_saved_model_is_the_same(small_model, batch, tmp_path, model_type, options):
    model = small_model(model_type, deviation=0.2, num_hidden_layers=1, **options)
    inputs = model_inputs(model, batch)
    expected = keras.tree.flatten(model(inputs, training=False))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [w.path for w in loaded.weights] == [w.path for w in model.weights]
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert len(loaded.trainable_weights) == len(model.trainable_weights)
    for a, b in zip(keras.tree.flatten(loaded(inputs, training=False)), expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(a, "float32")), ops.cast(b, "float32"))


def model_inputs(model, batch):
    tokens, segments, _ = batch([9, 4], width=9)
    arrays = {
        "Input-Token": tokens,
        "Input-Segment": segments,
        "Input-Position": np.arange(18, dtype="float32").reshape(2, 9) + (0.5 if is_rotary(model) else 0.0),
        "Input-Document": np.repeat([[1, 1, 1, 1, 2, 2, 2, 3, 3]], 2, axis=0),
        "Input-Target-Position": np.array([[1, 5, 0], [2, 3, 0]], "int32"),
    }
    return [arrays[tensor.name] for tensor in model.inputs]


def is_rotary(model):
    return not any(layer.name == "Embedding-Position" for layer in model.layers)
