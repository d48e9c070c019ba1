"""Whatever is wrong with a file, there is one sentence that names it, and the model is as it was."""

import h5py
import numpy as np
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import load_weights, save_keras_weights, save_tf_checkpoint
from rfv2_keras.errors import UserError
from tests.checkpoints.conftest import TINY, assert_same_weights, values


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the same model in three formats."""
    folder = tmp_path_factory.mktemp("files")
    model = build_transformer_model(**TINY, model="roformer_v2")
    save_tf_checkpoint(model, folder / "model.ckpt")
    save_keras_weights(model, folder / "ours.weights.h5")
    model.save_weights(folder / "keras.weights.h5")
    return folder


def refuse(model, path, sentence):
    """Loading fails with one sentence that begins with the file, and leaves the model as it was."""
    before = values(model)
    with pytest.raises(UserError, match=sentence) as error:
        load_weights(model, path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert "\n" not in message
    assert_same_weights(model, before)


def test_absent_and_unknown_files(tiny, tmp_path):
    model = tiny("roformer_v2").model
    refuse(model, tmp_path / "absent.ckpt", "there is no such file, and no TensorFlow checkpoint of this name")
    refuse(model, tmp_path, "the folder holds neither model.weights.h5 nor exactly one TensorFlow checkpoint")
    for content in (b"", b"\x89HDF", b"text"):
        (tmp_path / "model.weights.h5.txt").write_bytes(content)
        refuse(model, tmp_path / "model.weights.h5.txt", "is neither an HDF5 file")


def test_hdf5_without_weights(tiny, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["table"] = np.zeros(3)
    refuse(tiny("roformer_v2").model, tmp_path / "other.h5", "nothing can be loaded from it, it holds no other weights")


@pytest.mark.parametrize("name", ["ours", "keras"])
def test_truncated_hdf5(tiny, files, tmp_path, name):
    model = tiny("roformer_v2", with_mlm=False).model
    content = (files / f"{name}.weights.h5").read_bytes()
    damaged = tmp_path / "damaged.weights.h5"
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        damaged.write_bytes(content[: int(share * len(content))])
        refuse(model, damaged, "cannot be read as HDF5; the file is truncated or damaged")


def test_truncated_weights_file_of_bert4keras(named_case, tmp_path):
    case = named_case("roformer_v2_embsize_mlm")
    content = (case.folder / "model.weights").read_bytes()
    (tmp_path / "model.weights").write_bytes(content[: len(content) // 2])
    refuse(case.build().model, tmp_path / "model.weights", "cannot be read as HDF5; the file is truncated or damaged")


def test_overwritten_hdf5(tiny, files, tmp_path):
    """Zeros in the place of groups and indices: a sentence, or (where only values were hit) a load, nothing else."""
    model = tiny("roformer_v2", with_mlm=False).model
    content = (files / "ours.weights.h5").read_bytes()
    damaged, refused = tmp_path / "damaged.weights.h5", 0
    for place in range(100, len(content), len(content) // 25):
        damaged.write_bytes(content[:place] + bytes(200) + content[place + 200 :])
        try:
            load_weights(model, damaged)
        except UserError:
            refused += 1
    assert refused > 2


@pytest.fixture
def copied_checkpoint(files, tmp_path):
    for file in files.glob("model.ckpt.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / "model.ckpt"


@pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated_checkpoint(tiny, copied_checkpoint, ending, share):
    file = copied_checkpoint.with_name(f"{copied_checkpoint.name}.{ending}")
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    refuse(
        tiny("roformer_v2", with_mlm=False).model,
        copied_checkpoint,
        "one of its files is truncated, damaged or missing",
    )


def test_flipped_bits_in_a_checkpoint(tiny, files, copied_checkpoint):
    """TensorFlow stores checksums: no damage goes unnoticed."""
    model = tiny("roformer_v2", with_mlm=False).model
    for ending, steps in (("index", 6), ("data-00000-of-00001", 6)):
        file = copied_checkpoint.with_name(f"{copied_checkpoint.name}.{ending}")
        content = file.read_bytes()
        for place in range(10, len(content), len(content) // steps):
            file.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
            refuse(model, copied_checkpoint, "truncated, damaged or missing")
        file.write_bytes(content)


def test_checkpoint_with_a_file_missing(tiny, copied_checkpoint):
    model = tiny("roformer_v2", with_mlm=False).model
    copied_checkpoint.with_name("model.ckpt.data-00000-of-00001").unlink()
    refuse(model, copied_checkpoint, "one of its files is truncated, damaged or missing")
    copied_checkpoint.with_name("model.ckpt.index").unlink()
    refuse(model, copied_checkpoint, r"no TensorFlow checkpoint of this name \(model.ckpt.index\)")


@pytest.mark.parametrize("file", ["model.ckpt", "ours.weights.h5", "keras.weights.h5"])
@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("roformer_v2", {"hidden_size": 32}, r"14 of 14 have another shape \(Embedding-Token/embeddings: \(40, 16\)"),
        (
            "roformer_v2",
            {"vocab_size": 50},
            r"1 of 14 have another shape .*\(40, 16\) in the file, \(50, 16\) in the model",
        ),
        ("roformer_v2", {"num_hidden_layers": 3}, r"6 of 20 weights are missing \(Transformer-2-MultiHead"),
        ("roformer_v2", {"attention_key_size": 6}, "4 of 14 have another shape"),
        ("roformer_v2_gated", {}, r"2 of 16 weights are missing \(Transformer-0-FeedForward/i1_dense/kernel"),
        ("gau_alpha", {}, r"8 of 10 weights are missing \(Transformer-0-GatedAttentionUnit/i_dense/kernel"),
        ("bert", {}, r"of 46 weights are missing \(Embedding-Position/embeddings"),
    ],
)
def test_another_size_or_architecture(tiny, files, file, kind, changes, sentence):
    refuse(tiny(kind, **changes).model, files / file, sentence)
