"""Model configs that cannot be used: one clear sentence says which file, which key, what was received, what may be."""

import json

import pytest

from rfv2_keras.config import ModelConfig
from rfv2_keras.errors import UserError

# The nine keys of a released RoFormerV2 file.
RELEASED = {
    "hidden_act": "relu",
    "hidden_size": 384,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "intermediate_size": 1536,
    "num_attention_heads": 6,
    "num_hidden_layers": 6,
    "type_vocab_size": 2,
    "vocab_size": 12000,
}


@pytest.fixture
def file(tmp_path):
    """A function: keys to change (None removes one) -> path of the released file with these changes."""

    def write(**changes):
        values = {key: value for key, value in {**RELEASED, **changes}.items() if value is not None}
        path = tmp_path / "bert_config.json"
        path.write_text(json.dumps(values))
        return path

    return write


def message(source, model_type="roformer_v2", **overrides):
    """What the user is told: one sentence."""
    with pytest.raises(UserError) as caught:
        ModelConfig.read(source, model_type, **overrides)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    return text


class TestFiles:
    def test_missing(self, tmp_path):
        path = tmp_path / "nothing.json"
        assert message(path) == f"{path}: cannot be read (No such file or directory)."

    def test_folder_without_config(self, tmp_path):
        assert message(tmp_path) == f"{tmp_path}: the folder holds neither config.json nor bert_config.json."

    def test_broken_json(self, file):
        path = file()
        path.write_text('{"hidden_size": 384,\n "vocab_size": }')
        assert message(path) == f"{path}: is not JSON: Expecting value in line 2, column 16."

    def test_truncated_json(self, file):
        path = file()
        path.write_text(path.read_text()[:50])
        assert f"{path}: is not JSON: " in message(path)

    def test_not_an_object(self, file):
        path = file()
        path.write_text("[1, 2]")
        assert message(path) == f"{path}: must hold a JSON object, received list."

    def test_not_text(self, file):
        path = file()
        path.write_bytes(b"\x93NUMPY\x01\x00")
        assert message(path) == f"{path}: is not UTF-8 text (byte 0)."

    def test_empty(self, file):
        path = file()
        path.write_text("")
        assert message(path) == f"{path}: is not JSON: Expecting value in line 1, column 1."


class TestKeys:
    """Each sentence names the file, the key, what was received and what is allowed."""

    @pytest.mark.parametrize(
        ("key", "near"),
        [
            ("hiden_size", "hidden_size"),
            ("num_hidden_layer", "num_hidden_layers"),
            ("dropout_rat", "dropout_rate"),
            ("attention_heads", "num_attention_heads"),
        ],
    )
    def test_unknown_key_and_its_neighbour(self, file, key, near):
        path = file(**{key: 5})
        assert message(path) == f'{path}: unknown key "{key}"; did you mean "{near}".'

    def test_unknown_key_like_no_other(self, file):
        path = file(zzz=5)
        assert message(path).startswith(f'{path}: unknown key "zzz"; known keys are attention_dropout_rate, ')

    def test_unknown_override(self, file):
        assert 'unknown key "layers"' in message(file(), layers=5)

    @pytest.mark.parametrize(
        ("changes", "parts"),
        [
            ({"hidden_size": "384"}, ["hidden_size", "valid integer", '"384"']),
            ({"hidden_size": 384.5}, ["hidden_size", "valid integer", "384.5"]),
            ({"hidden_size": True}, ["hidden_size", "valid integer", "true"]),
            ({"hidden_size": [384]}, ["hidden_size", "valid integer", "[384]"]),
            ({"hidden_size": 0}, ["hidden_size", "greater than or equal to 1", "0"]),
            ({"num_hidden_layers": -1}, ["num_hidden_layers", "greater than or equal to 1", "-1"]),
            ({"type_vocab_size": -1}, ["type_vocab_size", "greater than or equal to 0", "-1"]),
            ({"hidden_dropout_prob": 1.0}, ["hidden_dropout_prob", "less than 1", "1.0"]),
            ({"hidden_dropout_prob": -0.1}, ["hidden_dropout_prob", "greater than or equal to 0", "-0.1"]),
            ({"hidden_dropout_prob": "a"}, ["hidden_dropout_prob", "valid number", '"a"']),
            ({"layer_norm_eps": 0.0}, ["layer_norm_eps", "greater than 0", "0.0"]),
            ({"use_bias": "no"}, ["use_bias", "valid boolean", '"no"']),
            ({"norm_type": "rms"}, ["norm_type", "'layer_norm' or 'rms_norm'", '"rms"']),
            ({"normalization": "sigmoid"}, ["normalization", "'softmax'", "'squared_relu'", '"sigmoid"']),
            ({"norm_placement": "sandwich"}, ["norm_placement", "'post' or 'pre'", '"sandwich"']),
            ({"residual": "highway"}, ["residual", "'alpha_warmup'", "'deepnorm'", '"highway"']),
            ({"keep_tokens": 3}, ["keep_tokens", "valid list", "3"]),
            ({"keep_tokens": [1, "a"]}, ["keep_tokens.1", "valid integer", '"a"']),
            ({"hidden_act": 3}, ["hidden_act", "valid string", "3"]),
            ({"hidden_act": "rellu"}, ["hidden_act", "Keras activation", "'rellu'"]),
            ({"hidden_act": ["swish", "liner"]}, ["hidden_act", "Keras activation", "'liner'"]),
            ({"hidden_act": []}, ["hidden_act", "[]"]),
            ({"rotary_value": True}, ["rotary_value", "must be false", "true"]),
            ({"position_embedding_type": "relative_key"}, ["position_embedding_type", '"absolute"', '"relative_key"']),
        ],
    )
    def test_wrong_values(self, file, changes, parts):
        path = file(**changes)
        text = message(path)
        assert text.startswith(f"{path}: ")
        for part in parts:
            assert part in text

    def test_missing_key(self, file):
        path = file(vocab_size=None)
        assert message(path) == f"{path}: vocab_size is missing."

    def test_no_architecture(self, file):
        text = message(file(), None)
        assert "names no architecture" in text
        assert "roformer_v2, gau_alpha, roformer, bert" in text

    @pytest.mark.parametrize("value", ["albert", 3, ["bert"]])
    def test_wrong_architecture(self, file, value):
        text = message(file(model_type=value), None)
        assert f"model_type must be one of roformer_v2, gau_alpha, roformer, bert, received {value!r}" in text

    def test_conflicting_aliases(self, file):
        path = file(segment_vocab_size=3)
        assert message(path) == f"{path}: type_vocab_size and its other name segment_vocab_size differ: 2, 3."


class TestCombinations:
    def test_heads_do_not_divide(self, file):
        path = file(num_attention_heads=5)
        text = message(path)
        assert text.startswith(f"{path}: num_attention_heads must divide hidden_size")
        assert "num_attention_heads=5, hidden_size=384" in text
        assert ModelConfig.read(path, "roformer_v2", attention_head_size=64).head_size == 64

    @pytest.mark.parametrize("model_type", ["roformer_v2", "roformer", "gau_alpha"])
    def test_odd_rotary_size(self, file, model_type):
        path = file(attention_key_size=63)
        text = message(path, model_type)
        assert text == f"{path}: rotary positions need an even attention_key_size, received 63."

    def test_odd_rotary_size_from_heads(self, file):
        text = message(file(num_attention_heads=128))
        assert "received 3 (from hidden_size / num_attention_heads)" in text

    def test_bert_may_have_odd_heads(self, file):
        assert ModelConfig.read(file(num_attention_heads=128), "bert").key_size == 3

    def test_gau_is_gated_already(self, file):
        assert "hidden_act of gau_alpha must be one name" in message(file(hidden_act=["swish", "linear"]), "gau_alpha")

    def test_softmax_has_no_length(self, file):
        assert "normalization_length" in message(file(normalization_length=512))
        for normalization in ("softmax_plus", "squared_relu"):
            values = file(normalization=normalization, normalization_length=512)
            assert ModelConfig.read(values, "roformer_v2").normalization_length == 512

    def test_deepnorm_needs_norms_after_the_sum(self, file):
        """Without them the stream would grow by its factor in every layer, beyond float32 at 24 layers."""
        text = message(file(residual="deepnorm", norm_placement="pre"))
        assert "deepnorm" in text
        assert "norm_placement" in text

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"keep_tokens": [0, 12000]}, "keep_tokens must hold ids from 0 to 11999, received 12000"),
            ({"keep_tokens": [-1]}, "keep_tokens must hold ids from 0 to 11999, received -1"),
            ({"keep_tokens": []}, "keep_tokens must not be empty"),
            ({"compound_tokens": [[5], [12000]]}, "compound_tokens[1] must hold ids from 0 to 11999, received 12000"),
            ({"compound_tokens": [[]]}, "compound_tokens[0] must not be empty"),
            (
                {"keep_tokens": [7, 8], "compound_tokens": [[2]]},
                "compound_tokens[0] must hold ids from 0 to 1, received 2",
            ),
        ],
    )
    def test_tokens_out_of_range(self, file, changes, expected):
        path = file(**changes)
        assert message(path) == f"{path}: {expected}."
