"""`rfv2 convert`: every format to every other one, what it says, and that it leaves nothing half done."""

import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rfv2_keras.checkpoints.conversion.comparison import compare_with_library, difference
from rfv2_keras.checkpoints.conversion.convert import convert, load_whole
from rfv2_keras.checkpoints.pretrained import PretrainedFolder
from rfv2_keras.cli.main import app
from rfv2_keras.errors import UserError
from tests.checkpoints.conftest import assert_same_weights, values

EXCHANGE = Path(__file__).resolve().parents[1] / "golden" / "exchange"


def weights(folder):
    return values(load_whole(PretrainedFolder.read(folder, needs_vocab=False))[0])


def test_around_all_formats(tmp_path):
    """RoFormerV2 through every format and back: the same bits and the same vocabulary at the end."""
    source = Path(shutil.copytree(EXCHANGE / "roformer_v2", tmp_path / "source"))
    vocab = "".join(f"{token}\n" for token in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(35))])
    (source / "vocab.txt").write_text(vocab)
    for number, step in enumerate(["keras", "bert4keras", "bert4torch", "keras-hub", "roformer"]):
        target = tmp_path / str(number)
        to, layout = ("huggingface", step) if step in ("roformer", "bert4torch") else (step, None)
        report = convert(source, target, to, layout, compare=False)
        assert report.load.complete
        # KerasHub's norms have an epsilon of their own, 1e-7 instead of the 1e-12 of this model.
        assert report.differences[0].relative <= (1e-6 if step == "keras-hub" else 0.0)
        source = target
    assert (source / "vocab.txt").read_text() == vocab
    assert weights(source).keys() == weights(EXCHANGE / "roformer_v2").keys()
    model, _ = load_whole(PretrainedFolder.read(source))
    assert_same_weights(model, weights(EXCHANGE / "roformer_v2"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3", "4", "source"]


@pytest.mark.parametrize("case", ["bert", "roformer"])
def test_heads_are_carried_over(case, tmp_path):
    """Pooler, classifier of pairs and MLM head, where the source has them."""
    convert(EXCHANGE / case, tmp_path / "keras", "keras", compare=False)
    original = weights(EXCHANGE / case)
    assert {"MLM-Dense/kernel", "MLM-Bias/beta"} <= set(original)
    assert ("NSP-Proba/kernel" in original) == (case == "bert")
    model, _ = load_whole(PretrainedFolder.read(tmp_path / "keras", needs_vocab=False))
    assert_same_weights(model, original)


def test_command(tmp_path):
    """It prints the load report, what was written, and whether outputs were compared."""
    arguments = ["convert", str(EXCHANGE / "roformer_v2"), str(tmp_path / "new"), "--to", "huggingface"]
    result = CliRunner().invoke(
        app, [*arguments, "--layout", "bert4torch", "--python", interpreter(tmp_path, "exit 3")]
    )
    assert result.exit_code == 0
    assert "pytorch_model.bin: loaded 14 of 14 weights" in result.output
    assert "config and model.safetensors for bert4torch" in result.output
    assert "outputs not compared with roformer: it is not installed" in result.output
    assert "outputs not compared with bert4torch: it is not installed" in result.output
    assert {file.name for file in (tmp_path / "new").iterdir()} == {"bert4torch_config.json", "model.safetensors"}
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "exists and is not an empty folder" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"to": "onnx"}, "--to must be one of keras, bert4keras, huggingface, keras-hub, received 'onnx'"),
        ({"to": "keras", "layout": "roformer"}, "--layout is for --to huggingface only"),
        ({"to": "huggingface", "layout": "transformers"}, "layout for roformer_v2 must be one of roformer, bert4torch"),
    ],
)
def test_wrong_arguments(arguments, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        convert(EXCHANGE / "roformer_v2", tmp_path / "new", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_what_the_target_cannot_have(tmp_path):
    with pytest.raises(UserError, match="KerasHub has no RoFormerV2 with model_type 'gau_alpha'"):
        convert(EXCHANGE / "gau_alpha", tmp_path / "new", "keras-hub", compare=False)
    assert list(tmp_path.iterdir()) == []


# --- the comparison with a library ---------------------------------------------------------------------------------


def interpreter(folder, commands):
    """A program in the place of an interpreter."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


INPUTS = {"token": np.array([[1, 2, 0], [1, 2, 3]]), "segment": np.zeros((2, 3), int)}
OURS = {"hidden": np.ones((2, 3, 4), "float32"), "pooled": np.ones((2, 4), "float32")}


@pytest.mark.parametrize(
    ("commands", "sentence"),
    [
        ("exit 3", "outputs not compared with roformer: it is not installed"),
        ("echo one >&2; echo two >&2; exit 1", r"outputs not compared with roformer: it failed \(two\)"),
        ("exit 0", r"outputs not compared with roformer: it failed \(exit status 0\)"),
    ],
)
def test_library_that_does_not_answer(commands, sentence, tmp_path):
    found = compare_with_library(OURS, INPUTS, "roformer", tmp_path, interpreter(tmp_path, commands))
    assert str(found) == sentence.replace("\\", "")


def test_library_that_answers(tmp_path):
    """Differences count at tokens that are no padding, in rows that the library says can be compared."""
    theirs = {name: array.copy() for name, array in OURS.items()}
    theirs["hidden"][0, 2] = 9.0  # padding
    theirs["hidden"][1, 0] = 1.5
    np.savez(tmp_path / "answer.npz", rows=[True, True], versions="roformer 0", **theirs)
    python = interpreter(tmp_path, f"cp {tmp_path}/answer.npz $5")
    found = compare_with_library(OURS, INPUTS, "roformer", tmp_path, python)
    assert found.largest == {"hidden": 0.5, "pooled": 0.0}
    assert found.relative == 0.5
    assert str(found) == "largest difference from roformer (roformer 0): hidden 5.0e-01, pooled 0.0e+00"
    np.savez(tmp_path / "answer.npz", rows=[True, False], versions="", **theirs)
    found = compare_with_library(OURS, INPUTS, "roformer", tmp_path, python)
    assert found.largest["hidden"] == 0.0
    assert "1 of 2 rows" in str(found)


def test_nan_is_no_agreement():
    theirs = {"hidden": np.full((2, 3, 4), np.nan)}
    assert not difference(OURS, theirs, INPUTS, "x").relative <= 1.0
