"""`build_transformer_model`: what may be given as config and checkpoint, what is loaded, and what is refused."""

import json
import logging
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import rfv2_keras
from rfv2_keras import ModelConfig, UserError, build_transformer_model
from rfv2_keras.checkpoints import save_model_directory, save_tf_checkpoint
from rfv2_keras.requirements import check_keras

CONFIG = {
    "model_type": "roformer_v2",
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "num_attention_heads": 2,
}


@pytest.fixture
def folder(tmp_path):
    """A folder as released by bert4keras: a config and a TensorFlow checkpoint."""
    (tmp_path / "bert_config.json").write_text(json.dumps(CONFIG))
    save_tf_checkpoint(build_transformer_model(CONFIG, with_mlm=True), tmp_path / "bert_model.ckpt")
    return tmp_path


def same_weights(first, second):
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


def test_all_ways_to_give_a_config(folder):
    expected = [(weight.path, weight.shape) for weight in build_transformer_model(CONFIG).weights]
    for config in (
        CONFIG,
        ModelConfig.read(CONFIG),
        folder,
        folder / "bert_config.json",
        str(folder / "bert_config.json"),
    ):
        assert [(weight.path, weight.shape) for weight in build_transformer_model(config).weights] == expected
    assert [(weight.path, weight.shape) for weight in build_transformer_model(**CONFIG).weights] == expected


def test_inputs_and_nodes_have_their_names():
    model = build_transformer_model(CONFIG, with_mlm=True, custom_position_ids=True, target_positions=True, name="mine")
    assert [tensor.name for tensor in model.inputs] == [
        "Input-Token", "Input-Segment", "Input-Position", "Input-Target-Position"
    ]  # fmt: skip
    assert model.name == "mine"
    assert model.get_layer("Transformer-1-FeedForward-Norm").output.shape == (None, None, 16)


def test_overrides_replace_keys_of_the_config():
    builder = build_transformer_model(CONFIG, dropout_rate=0.0, num_hidden_layers=1, return_keras_model=False)
    assert builder.config.hidden_dropout_prob == 0.0
    assert builder.config.num_hidden_layers == 1
    assert builder.load_report is None
    assert isinstance(builder.model, keras.Model)
    assert builder.initializer((12, 3)).shape == (12, 3)


def test_model_argument_names_the_architecture(folder):
    released = {key: value for key, value in CONFIG.items() if key != "model_type"}
    assert build_transformer_model(released, model="gau_alpha").name == "gau_alpha"
    assert build_transformer_model(released, model="roberta").name == "bert"
    with pytest.raises(UserError, match="names no architecture"):
        build_transformer_model(released)


def test_a_released_folder_is_not_loaded_implicitly(folder):
    assert build_transformer_model(folder, return_keras_model=False).load_report is None
    first, second = (build_transformer_model(folder, folder) for _ in range(2))
    assert same_weights(first, second)


def test_a_model_directory_is_loaded(folder):
    builder = build_transformer_model(CONFIG, with_mlm=True, return_keras_model=False)
    save_model_directory(builder, builder.config, None, folder / "model")
    loaded = build_transformer_model(folder / "model", return_keras_model=False)
    assert loaded.load_report.complete
    encoder = build_transformer_model(CONFIG, folder / "model")
    assert same_weights(loaded.model, encoder)
    # Its config alone builds a new model, and an explicit checkpoint goes first.
    assert not same_weights(build_transformer_model(folder / "model" / "config.json"), encoder)
    assert same_weights(
        build_transformer_model(folder / "model", folder / "bert_model.ckpt"),
        build_transformer_model(CONFIG, folder / "bert_model.ckpt"),
    )


def test_a_changed_model_directory_must_fit(folder):
    builder = build_transformer_model(CONFIG, return_keras_model=False)
    save_model_directory(builder, builder.config, None, folder / "model")
    with pytest.raises(UserError, match="have another shape"):
        build_transformer_model(folder / "model", hidden_size=32)
    fewer = build_transformer_model(folder / "model", num_hidden_layers=1, return_keras_model=False)
    assert fewer.load_report.complete
    assert len(fewer.load_report.unused) == 6


def test_kept_tokens_are_selected(folder):
    full = build_transformer_model(folder, folder)
    small = build_transformer_model(folder, folder, keep_tokens=[0, 39, 4])
    table = full.get_layer("Embedding-Token").embeddings
    np.testing.assert_array_equal(small.get_layer("Embedding-Token").embeddings, keras.ops.take(table, [0, 39, 4], 0))


def test_report_is_logged(folder, caplog):
    with caplog.at_level(logging.INFO, "rfv2_keras"):
        build_transformer_model(folder, folder)
        build_transformer_model(folder, folder, num_hidden_layers=3, strict=False)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert "bert_model.ckpt: loaded 14 of 14 weights" in caplog.text
    assert "missing, left as they were: Transformer-2-MultiHeadSelfAttention/q_dense/kernel" in caplog.text


def test_dtype_policy():
    model = build_transformer_model(CONFIG, dtype="mixed_bfloat16")
    assert model.get_layer("Transformer-0-FeedForward").compute_dtype == "bfloat16"
    assert model.get_layer("Transformer-0-FeedForward").variable_dtype == "float32"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"application": "decoder"}, "application must be one of encoder, lm, unilm, received 'decoder'"),
        ({"with_mlm": "sigmoid"}, "with_mlm must be False, True, 'softmax' or 'linear', received 'sigmoid'"),
        ({"application": "unilm", "type_vocab_size": 0}, "needs type_vocab_size of at least 2, .* received 0"),
        ({"with_pool": True}, "for bert and roformer only, received roformer_v2"),
        ({"with_nsp": True, "model": "gau_alpha"}, "for bert and roformer only, received gau_alpha"),
        ({"with_pool": "tan", "model": "bert"}, "with_pool must be False, True or the name of .*, received 'tan'"),
        ({"target_positions": True}, "target_positions=True needs an MLM head"),
        ({"dtype": "float12"}, "dtype must be a Keras dtype policy .*, received 'float12'"),
        ({"hiden_size": 8}, 'unknown key "hiden_size"; did you mean "hidden_size"'),
        ({"num_attention_heads": 3}, "num_attention_heads must divide hidden_size"),
        ({"model": "xlnet"}, "model_type must be one of"),
        ({"checkpoint_path": "absent.ckpt"}, "absent.ckpt: there is no such file"),
        ({"config_path": "absent.json"}, "absent.json: cannot be read"),
        ({"config_path": None}, "names no architecture"),
    ],
)
def test_wrong_arguments(arguments, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        build_transformer_model(**{"config_path": CONFIG, **arguments})
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"application": "lm"},
        {"application": "unilm", "target_positions": True},
        {"with_mlm": "softmax"},
        {"with_pool": "linear", "model": "bert"},
        {"with_nsp": True, "model": "roformer"},
        {"custom_position_ids": True, "type_vocab_size": 0},
    ],
)
def test_right_arguments(arguments):
    assert build_transformer_model(CONFIG, **arguments).count_params()


@pytest.mark.parametrize(("with_mlm", "total"), [(True, 1.0), ("softmax", 1.0), ("linear", None)])
def test_outputs_of_the_head(with_mlm, total):
    model = build_transformer_model(CONFIG, with_mlm=with_mlm)
    inputs = [np.ones((2, 3), "int32"), np.zeros((2, 3), "int32")]
    sums = keras.ops.convert_to_numpy(keras.ops.sum(model(inputs), axis=-1))
    assert np.allclose(sums, 1.0, rtol=1e-5) == (total is not None)


@pytest.mark.parametrize("version", ["2.15.0", "3.0.0", "3.11.3", "2"])
def test_old_keras(version):
    with pytest.raises(ImportError, match=rf"needs Keras 3\.12 or newer, found {version}"):
        check_keras(version)


@pytest.mark.parametrize("version", ["3.12.0", "3.15.1", "4.0", "3.12.0.dev2025"])
def test_new_keras(version):
    check_keras(version)


def test_old_keras_is_named_before_anything_fails(root):
    code = "import keras; keras.__version__ = '3.11.0'; import rfv2_keras.layers"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith("ImportError: rfv2_keras needs Keras 3.12 or newer, found 3.11.0")


def test_import_brings_in_no_tensorflow_of_its_own(root):
    """With tensorflow hidden, the package imports as soon as Keras does (here: on a backend of numpy alone)."""
    code = (
        "import sys; sys.modules['tensorflow'] = None; import rfv2_keras;"
        "rfv2_keras.build_transformer_model; print(rfv2_keras.__version__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "numpy"},
    )
    assert done.stdout.strip() == rfv2_keras.__version__, done.stderr


def test_public_names():
    assert all(hasattr(rfv2_keras, name) for name in rfv2_keras.__all__)
