"""Model configs: what is read from released files, from Hugging Face's and from our own."""

import json

import pytest

from rfv2_keras.config import ModelConfig


@pytest.fixture
def released(root):
    """The nine keys of a released RoFormerV2 file."""
    values = json.loads((root / "configs" / "models" / "roformer_v2_small.json").read_text())
    del values["model_type"]
    assert len(values) == 9
    return values


def test_nine_keys_are_enough(released):
    config = ModelConfig.read(released, "roformer_v2")
    assert (config.norm_type, config.use_bias, config.initializer_order) == ("rms_norm", False, 2)
    assert (config.head_size, config.key_size, config.layer_norm_eps) == (64, 64, 1e-7)


@pytest.mark.parametrize(
    ("model_type", "expected"),
    [
        ("roformer", {"norm_type": "layer_norm", "use_bias": True, "layer_norm_eps": 1e-7}),
        ("bert", {"norm_type": "layer_norm", "use_bias": True, "layer_norm_eps": 1e-12}),
        ("roberta", {"model_type": "bert"}),
        ("gau_alpha", {"normalization": "softmax_plus", "initializer_order": 3, "use_bias": False}),
    ],
)
def test_what_an_architecture_implies(released, model_type, expected):
    config = ModelConfig.read(released, model_type)
    assert {key: getattr(config, key) for key in expected} == expected


def test_gau_has_one_head_of_128(released):
    del released["num_attention_heads"], released["hidden_act"]
    config = ModelConfig.read(released, "gau_alpha")
    assert (config.num_attention_heads, config.key_size, config.hidden_act) == (1, 128, "swish")


@pytest.mark.parametrize(
    ("alias", "key", "value"),
    [
        ("max_position", "max_position_embeddings", 1024),
        ("segment_vocab_size", "type_vocab_size", 3),
        ("dropout_rate", "hidden_dropout_prob", 0.25),
        ("attention_dropout_rate", "attention_probs_dropout_prob", 0.25),
        ("norm_eps", "layer_norm_eps", 1e-5),
        ("num_gau_layers", "num_hidden_layers", 3),
    ],
)
def test_other_names(released, alias, key, value):
    """In files and as overrides, which win over the file whatever name they use."""
    assert getattr(ModelConfig.read(released, "roformer_v2", **{alias: value}), key) == value
    released.pop(key, None)
    assert getattr(ModelConfig.read({**released, alias: value}, "roformer_v2"), key) == value


def test_equal_aliases_do_not_conflict(released):
    assert ModelConfig.read({**released, "segment_vocab_size": 2}, "roformer_v2").type_vocab_size == 2


def test_hugging_face_files(released):
    """Keys without meaning here are passed over; RoFormerV2 is told from RoFormer by its norm."""
    released |= {
        "model_type": "roformer",
        "norm_type": "rms_norm",
        "use_bias": False,
        "rotary_value": False,
        "embedding_size": 384,
        "architectures": ["RoFormerForMaskedLM"],
        "transformers_version": "4.15.0",
        "pad_token_id": 0,
        "use_cache": True,
    }
    assert ModelConfig.read(released).model_type == "roformer_v2"
    assert ModelConfig.read(released, norm_type="layer_norm").model_type == "roformer"


def test_folder(released, tmp_path):
    """`config.json` of a model directory goes before the released name."""
    (tmp_path / "bert_config.json").write_text(json.dumps(released))
    assert ModelConfig.read(tmp_path, "roformer_v2").hidden_size == 384
    (tmp_path / "config.json").write_text(json.dumps({**released, "model_type": "roformer_v2", "hidden_size": 96}))
    assert ModelConfig.read(tmp_path).hidden_size == 96


def test_byte_order_mark(released, tmp_path):
    path = tmp_path / "bert_config.json"
    path.write_text(json.dumps(released), encoding="utf-8-sig")
    assert ModelConfig.read(path, "roformer_v2").hidden_size == 384


def test_written_config_is_read_back(released, tmp_path):
    config = ModelConfig.read(released, "roformer_v2", residual="alpha_warmup", hidden_act=["swish", "linear"])
    config.write(tmp_path / "config.json")
    assert ModelConfig.read(tmp_path) == config


def test_written_config_is_that_of_the_built_model(released, tmp_path):
    """Kept and compound tokens are rows of the table by then."""
    config = ModelConfig.read(released, "roformer_v2", keep_tokens=[0, 5, 3], compound_tokens=[[1, 2]])
    config.write(tmp_path / "config.json")
    written = ModelConfig.read(tmp_path)
    assert (written.vocab_size, written.keep_tokens, written.compound_tokens) == (4, None, None)
