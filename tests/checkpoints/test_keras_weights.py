"""Our `.weights.h5`: plain Keras reads it, we read Keras's, and any part of a model is found by its path."""

import h5py
import keras
import numpy as np
import pytest

from rfv2_keras.checkpoints import load_weights, save_keras_weights
from rfv2_keras.errors import UserError
from tests.checkpoints.conftest import KINDS, assert_same_weights, scramble, values


@pytest.mark.parametrize("kind", KINDS)
def test_all_ways_of_writing_and_reading(tiny, kind, tmp_path):
    """(we, Keras) write x (we, Keras) read gives the same weights."""
    model = tiny(kind).model
    expected = values(model)
    save_keras_weights(model, tmp_path / "ours.weights.h5")
    model.save_weights(tmp_path / "keras.weights.h5")
    for name in ("ours", "keras"):
        file = tmp_path / f"{name}.weights.h5"
        for read in (load_weights, keras.Model.load_weights):
            scramble(model, seed=1)
            read(model, file)
            assert_same_weights(model, expected)


def test_second_names_take_no_space(tiny, tmp_path):
    model = tiny("roformer_v2", hidden_size=64, vocab_size=2000).model
    save_keras_weights(model, tmp_path / "ours.weights.h5")
    model.save_weights(tmp_path / "keras.weights.h5")
    sizes = [(tmp_path / f"{name}.weights.h5").stat().st_size for name in ("ours", "keras")]
    assert sizes[0] - sizes[1] < 0.1 * model.count_params() * 4
    with h5py.File(tmp_path / "ours.weights.h5") as file:
        assert file["weights/Embedding-Token/embeddings"] == file["layers/token_embedding/vars/0"]


@pytest.mark.parametrize("plain", [False, True], ids=["ours", "keras"])
def test_encoder_from_a_model_with_heads(tiny, tmp_path, plain):
    """Heads, dropout (whose generators Keras counts as layers' state) and the order of layers may differ."""
    file = tmp_path / "model.weights.h5"
    source = tiny("bert").model
    source.save_weights(file) if plain else save_keras_weights(source, file)
    encoder = tiny("bert", seed=1, with_mlm=False, with_nsp=False, dropout_rate=0.0, attention_dropout_rate=0.0).model
    report = load_weights(encoder, file)
    assert report.complete
    assert {name.split("/")[0] for name in report.unused} == {
        "MLM-Bias", "MLM-Dense", "MLM-Norm", "NSP-Proba", "Pooler-Dense"
    }  # fmt: skip
    assert_same_weights(encoder, {path: values(source)[path] for path in values(encoder)})


@pytest.mark.parametrize("plain", [False, True], ids=["ours", "keras"])
def test_encoder_from_a_users_model(tiny, tmp_path, plain):
    """The encoder may be part of a larger model, directly or as a layer of it."""
    builder = tiny("gau_alpha", with_mlm=False)
    expected = values(builder.model)
    inputs = [keras.Input((None,), dtype="int32") for _ in range(2)]
    for outer in (
        keras.Model(builder.model.inputs, keras.layers.Dense(3, name="Classifier")(builder.model.output)),
        keras.Model(inputs, keras.layers.Dense(3, name="Classifier")(builder.model(inputs))),
    ):
        file = tmp_path / "outer.weights.h5"
        outer.save_weights(file) if plain else save_keras_weights(outer, file)
        scramble(builder.model, seed=1)
        report = load_weights(builder.model, file)
        assert [name.split("/")[0] for name in report.unused] == ["Classifier", "Classifier"]
        assert_same_weights(builder.model, expected)


def test_numbered_weights_of_another_kind_of_layer_are_not_guessed(tiny, tmp_path):
    """Without biases, number 0 of a file is not number 0 of a model with them, even where the shapes agree."""
    tiny("gau_alpha").model.save_weights(tmp_path / "plain.weights.h5")
    biased = tiny("gau_alpha", use_bias=True).model
    report = load_weights(biased, tmp_path / "plain.weights.h5", strict=False)
    assert sorted(report.loaded) == ["Embedding-Segment/embeddings", "Embedding-Token/embeddings"]
    save_keras_weights(tiny("gau_alpha").model, tmp_path / "named.weights.h5")
    report = load_weights(biased, tmp_path / "named.weights.h5", strict=False)
    assert "Transformer-0-GatedAttentionUnit/q_scaleoffset/gamma" in report.loaded
    assert "Transformer-0-GatedAttentionUnit/q_scaleoffset/beta" in report.missing


@pytest.mark.parametrize("plain", [False, True], ids=["ours", "keras"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16"])
def test_sixteen_bit_weights(tiny, tmp_path, dtype, plain):
    model = tiny("roformer_v2_alpha", dtype=dtype).model
    expected = values(model)
    file = tmp_path / "model.weights.h5"
    model.save_weights(file) if plain else save_keras_weights(model, file)
    scramble(model, seed=1)
    load_weights(model, file)
    assert_same_weights(model, expected)
    in_float32 = tiny("roformer_v2_alpha").model
    load_weights(in_float32, file)
    assert_same_weights(in_float32, {path: array.astype("float32") for path, array in expected.items()})


def test_adapters_are_written_merged(tiny, tmp_path):
    """LoRA: the file holds kernel + A B, for a model without adapters."""
    model = tiny("bert").model
    dense = model.get_layer("Transformer-0-MultiHeadSelfAttention").q_dense
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.ones(dense.lora_kernel_b.shape))
    save_keras_weights(model, tmp_path / "model.weights.h5")
    without = tiny("bert").model
    assert load_weights(without, tmp_path / "model.weights.h5").complete
    kernel = values(without)["Transformer-0-MultiHeadSelfAttention/q_dense/kernel"]
    np.testing.assert_array_equal(kernel, keras.ops.convert_to_numpy(dense.kernel))


def test_models_that_build_their_layers(tiny, tmp_path):
    """The layers of a `Sequential` have its name in their paths, those of a model in it do not."""
    builder = tiny("gau_alpha", with_mlm=False, type_vocab_size=0)
    model = keras.Sequential([builder.model, keras.layers.Dense(3, name="Classifier")], name="classifier")
    assert model.weights[-1].path == "classifier/Classifier/bias"
    expected = values(model)
    save_keras_weights(model, tmp_path / "ours.weights.h5")
    model.save_weights(tmp_path / "keras.weights.h5")
    for name in ("ours", "keras"):
        scramble(model, seed=1)
        assert load_weights(model, tmp_path / f"{name}.weights.h5").complete
        assert_same_weights(model, expected)


def test_weights_that_cannot_be_told_apart(tiny, tmp_path):
    builders = [tiny("gau_alpha", name=name) for name in ("first", "second")]
    inputs = builders[0].model.inputs
    model = keras.Model(inputs, [builder.model(inputs) for builder in builders])
    with pytest.raises(UserError, match="two weights are called Embedding-Token/embeddings"):
        save_keras_weights(model, tmp_path / "model.weights.h5")
    assert not list(tmp_path.iterdir())


def test_ending(tiny, tmp_path):
    with pytest.raises(UserError, match=r"must end in \.weights\.h5"):
        save_keras_weights(tiny("bert").model, tmp_path / "model.h5")


def test_an_interrupted_write_leaves_the_old_file(tiny, tmp_path, monkeypatch):
    model = tiny("gau_alpha").model
    expected = values(model)
    file = tmp_path / "model.weights.h5"
    save_keras_weights(model, file)
    scramble(model, seed=1)
    monkeypatch.setattr("rfv2_keras.checkpoints.keras_weights._link_by_path", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_keras_weights(model, file)
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]
    load_weights(model, file)
    assert_same_weights(model, expected)
