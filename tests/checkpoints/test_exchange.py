"""Models of other libraries: read, they give the outputs of these libraries; written, they are the same tensors.

The folders in tests/golden/exchange were written by the libraries themselves (scripts/evidence/exchange_golden.py),
with what they compute on rows with padding and segments.
"""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints.conversion.comparison import our_outputs
from rfv2_keras.checkpoints.conversion.convert import load_whole
from rfv2_keras.checkpoints.keras_hub import save_keras_hub
from rfv2_keras.checkpoints.pretrained import PretrainedFolder
from rfv2_keras.checkpoints.pytorch.export import LAYOUTS, check_layout, pytorch_tensors
from rfv2_keras.checkpoints.pytorch.huggingface import find_pytorch_weights, save_huggingface
from rfv2_keras.checkpoints.pytorch.safetensors_file import save_safetensors
from rfv2_keras.checkpoints.pytorch.weights import read_tensors
from rfv2_keras.config import ModelConfig
from rfv2_keras.errors import UserError
from tests.checkpoints.conftest import TINY, values

EXCHANGE = Path(__file__).resolve().parents[1] / "golden" / "exchange"
LIBRARIES = {
    "bert": "transformers",
    "roformer": "transformers",
    "roformer_v2": "roformer",
    "gau_alpha": "gau-alpha",
    "bert_bert4torch": "bert4torch",
    "roformer_bert4torch": "bert4torch",
    "roformer_v2_bert4torch": "bert4torch",
}
CASES = [*LIBRARIES, "keras_hub", "keras_hub_scaled"]
# Copies of other tensors, tables that are computed, and the biases of norms that have none.
NOT_WRITTEN = ("cls.predictions.decoder.", "mlmDecoder.", "encoder.embed_positions.weight")


@pytest.fixture(scope="module")
def loaded():
    """loaded(case): (folder, model, load report), each built once."""
    known = {}

    def get(case):
        if case not in known:
            folder = PretrainedFolder.read(EXCHANGE / case, needs_vocab=False)
            known[case] = (folder, *load_whole(folder))
        return known[case]

    return get


def assert_outputs(model, config, case):
    """The outputs of the library, at tokens that are no padding."""
    with np.load(EXCHANGE / case / "inputs.npz") as inputs, np.load(EXCHANGE / case / "outputs.npz") as expected:
        assert (inputs["token"] == 0).any()
        assert inputs["segment"].any()
        assert expected["rows"].all()
        ours, fields = our_outputs(model, config, inputs), set(expected) - {"rows", "versions"}
        valid = inputs["token"] != 0
        for field in fields:
            own, other = (
                (ours[field], expected[field]) if field == "pooled" else (ours[field][valid], expected[field][valid])
            )
            np.testing.assert_allclose(own, other, atol=1e-5, rtol=0, err_msg=field)
    return fields


@pytest.mark.parametrize("case", CASES)
def test_read(loaded, case):
    folder, model, report = loaded(case)
    assert report.complete
    fields = assert_outputs(model, folder.config, case)
    assert fields >= ({"hidden"} if case.startswith("keras_hub") else {"hidden", "logits"})


@pytest.mark.parametrize("case", LIBRARIES)
def test_written_tensors_are_those_of_the_library(loaded, case, tmp_path):
    """Name by name and bit by bit what the library itself wrote; its config describes the same model to us."""
    folder, model, _ = loaded(case)
    original = read_tensors(find_pytorch_weights(EXCHANGE / case))
    save_huggingface(values(model), folder.config, tmp_path, LIBRARIES[case])
    written = read_tensors(tmp_path / "model.safetensors")
    assert {name for name in original if not any(part in name for part in NOT_WRITTEN)} == {
        name for name in written if not any(part in name for part in NOT_WRITTEN)
    }
    for name, array in written.items():
        np.testing.assert_array_equal(np.asarray(array), np.asarray(original[name]), err_msg=name)
    again = PretrainedFolder.read(tmp_path, needs_vocab=False)
    assert again.config == folder.config
    theirs, ours = read_config(EXCHANGE / case), read_config(tmp_path)
    same = set(theirs) & set(ours) - {"tie_word_embeddings"}
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}


def read_config(folder):
    files = [folder / "bert4torch_config.json", folder / "config.json"]
    return json.loads(next(file for file in files if file.is_file()).read_text())


def test_written_keras_hub_file_is_that_of_the_library(loaded, tmp_path):
    folder, model, _ = loaded("keras_hub")
    save_keras_hub(values(model), folder.config, tmp_path)

    def datasets(path):
        found = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        return found

    original, written = datasets(EXCHANGE / "keras_hub" / "model.weights.h5"), datasets(tmp_path / "model.weights.h5")
    assert set(written) == set(original)
    for name, array in original.items():
        np.testing.assert_array_equal(written[name], array, err_msg=name)
    theirs, ours = (json.loads((place / "config.json").read_text()) for place in (EXCHANGE / "keras_hub", tmp_path))
    for values_of in (theirs["config"], ours["config"]):
        values_of.pop("dtype", None)
    assert ours == theirs


def test_ways_to_name_the_weights():
    """A folder brings its weights with it; the file alone, for a config of one's own, loads as well."""
    place = EXCHANGE / "roformer_v2"
    for arguments in (
        {"config_path": place},
        {"config_path": PretrainedFolder.read(place, needs_vocab=False).config, "checkpoint_path": place},
        {
            "config_path": PretrainedFolder.read(place, needs_vocab=False).config,
            "checkpoint_path": place / "pytorch_model.bin",
        },
    ):
        builder = build_transformer_model(**arguments, with_mlm="linear", return_keras_model=False)
        assert builder.load_report.complete
        assert_outputs(builder.model, builder.config, "roformer_v2")
    builder = build_transformer_model(EXCHANGE / "keras_hub", hidden_dropout_prob=0.0, return_keras_model=False)
    assert builder.load_report.complete
    assert_outputs(builder.model, builder.config, "keras_hub")


def test_pooler_and_classifier_of_pairs(loaded):
    """Which transformers does not put out beside its MLM head: by their formulas, from the tensors of the file."""
    folder, model, _ = loaded("bert")
    tensors = read_tensors(EXCHANGE / "bert" / "model.safetensors")
    pooler, pairs = [
        [np.asarray(tensors[f"{name}.{part}"], "float64") for part in ("weight", "bias")]
        for name in ("bert.pooler.dense", "cls.seq_relationship")
    ]
    with np.load(EXCHANGE / "bert" / "inputs.npz") as inputs, np.load(EXCHANGE / "bert" / "outputs.npz") as expected:
        pooled = np.tanh(expected["hidden"][:, 0] @ pooler[0].T + pooler[1])
        np.testing.assert_allclose(our_outputs(model, folder.config, inputs)["pooled"], pooled, atol=1e-5)
        odds = np.exp(pooled @ pairs[0].T + pairs[1])
        probabilities, _ = model([inputs["token"], inputs["segment"]])
    np.testing.assert_allclose(probabilities, odds / odds.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS["gau_alpha"])
def test_gau_alpha_of_bert4keras_through_pytorch(named_case, tmp_path, layout):
    """Its released format, written as PyTorch tensors and read again, gives bert4keras's outputs."""
    case = named_case("gau_alpha_mlm_linear")
    builder = case.build(case.checkpoint)
    save_huggingface(values(builder.model), builder.config, tmp_path, layout)
    again = build_transformer_model(tmp_path, with_mlm="linear")
    with np.load(case.folder / "inputs.npz") as inputs, np.load(case.folder / "outputs.npz") as outputs:
        for batch in ("main", "padtail"):
            own = again.predict_on_batch([inputs[f"{batch}.token"], inputs[f"{batch}.segment"]])
            np.testing.assert_allclose(own, outputs[f"{batch}.output0"], atol=3e-5, rtol=1e-4)


def test_half_precision_and_old_names(tmp_path):
    """16-bit tensors, names without the prefix of the library, and norms called gamma and beta."""
    shutil.copy(EXCHANGE / "bert" / "config.json", tmp_path)
    tensors = {}
    for name, array in read_tensors(EXCHANGE / "bert" / "model.safetensors").items():
        name = name.removeprefix("bert.")
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[name] = np.asarray(array, "float16")
    save_file(tensors, tmp_path / "model.safetensors")
    folder = PretrainedFolder.read(tmp_path, needs_vocab=False)
    model, report = load_whole(folder)
    assert report.complete
    exact, _ = load_whole(PretrainedFolder.read(EXCHANGE / "bert", needs_vocab=False))
    expected = values(exact)
    for path, array in values(model).items():
        np.testing.assert_array_equal(array, expected[path].astype("float16").astype("float32"), err_msg=path)


# --- what is not the same model ------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    """copy(case): a folder with a golden case, to be changed."""

    def make(case):
        return Path(shutil.copytree(EXCHANGE / case, tmp_path / case))

    return make


def rewrite(folder, change):
    """Change the tensors of a folder."""
    file = find_pytorch_weights(folder)
    tensors = {name: np.array(array) for name, array in read_tensors(file).items()}
    change(tensors)
    file.unlink()
    save_safetensors(tensors, folder / "model.safetensors")


def test_head_that_is_not_tied(copy):
    folder = copy("roformer_v2")
    rewrite(folder, lambda tensors: tensors["cls.predictions.decoder.weight"].__iadd__(1))
    with pytest.raises(UserError, match=r"cls\.predictions\.decoder\.weight differs from the token table"):
        build_transformer_model(folder, with_mlm=True)
    assert build_transformer_model(folder, return_keras_model=False).load_report.complete


def test_bias_that_the_model_does_not_have(copy):
    folder = copy("roformer_v2")
    name = "roformer.encoder.layer.1.output.dense.bias"
    rewrite(folder, lambda tensors: tensors.update({name: np.zeros(16)}))
    assert build_transformer_model(folder, return_keras_model=False).load_report.complete
    rewrite(folder, lambda tensors: tensors[name].__iadd__(1))
    with pytest.raises(UserError, match=f"{name} is not zero"):
        build_transformer_model(folder)


def test_learned_positions_beside_rotary_ones(copy):
    folder = copy("roformer_bert4torch")
    rewrite(folder, lambda tensors: tensors.update({"embeddings.position_embeddings.weight": np.ones((64, 16))}))
    with pytest.raises(UserError, match=r"embeddings\.position_embeddings\.weight is not zero"):
        build_transformer_model(folder)


def test_centred_norms_of_bert4torch(copy):
    folder = copy("roformer_v2_bert4torch")
    config = json.loads((folder / "bert4torch_config.json").read_text())
    config.pop("layer_norm_mode")
    (folder / "bert4torch_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="layer_norm_mode must be 'rmsnorm'"):
        build_transformer_model(folder)


@pytest.mark.parametrize(
    ("scale", "value", "sentence"),
    [
        ("embeddings.layerNorm.weight", [1.0] * 15 + [2.0], "has a scale from 1 to 2"),
        ("encoderLayer.0.attnLayerNorm.weight", [-1.0] * 16, "has a scale from -1 to -1"),
        ("encoderLayer.0.ffnLayerNorm.weight", [float("nan")] * 16, "has a scale from nan to nan"),
        ("encoderLayer.1.ffnLayerNorm.weight", [2.0] * 16, "the scale of the last norm is 2"),
    ],
)
def test_scales_of_norms_that_cannot_be_folded(copy, scale, value, sentence):
    folder = copy("roformer_v2_bert4torch")
    rewrite(folder, lambda tensors: tensors.update({scale: np.array(value)}))
    with pytest.raises(UserError, match=sentence):
        build_transformer_model(folder)


@pytest.mark.parametrize("key", ["rotary_value", "is_decoder"])
def test_config_of_another_model(copy, key):
    folder = copy("roformer")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: True}))
    with pytest.raises(UserError, match=rf"config\.json: {key} must be False, received True"):
        build_transformer_model(folder)


# --- what a library cannot have ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "changes", "layout", "sentence"),
    [
        ("roformer_v2", {"norm_placement": "pre"}, "roformer", "norm_placement 'pre'"),
        ("roformer_v2", {"hidden_act": ["swish", "linear"]}, "roformer", "hidden_act"),
        ("roformer_v2", {"attention_key_size": 6}, "bert4torch", "heads of another size"),
        ("roformer_v2", {}, "transformers", "must be one of roformer, bert4torch, received 'transformers'"),
        ("gau_alpha", {"embedding_size": 12}, "gau-alpha", "embedding_size 12"),
        ("bert", {"embedding_size": 12}, "transformers", "embedding_size 12"),
        ("bert", {"norm_type": "rms_norm"}, "transformers", "norm_type 'rms_norm'"),
    ],
)
def test_models_that_a_library_does_not_have(kind, changes, layout, sentence):
    with pytest.raises(UserError, match=sentence):
        check_layout(ModelConfig.read({**TINY, "model": kind, **changes}), layout)


def test_residual_factors_must_be_one(tiny):
    builder = tiny("roformer_v2_alpha")
    with pytest.raises(UserError, match="alpha is not 1"):
        pytorch_tensors(values(builder.model), builder.config, "roformer")
    for weight in builder.model.weights:
        if weight.path.endswith("/alpha"):
            weight.assign(1.0)
    tensors = pytorch_tensors(values(builder.model), builder.config, "roformer")
    # A model without segments becomes one whose segments are zero.
    assert not np.any(tensors["roformer.embeddings.token_type_embeddings.weight"])
