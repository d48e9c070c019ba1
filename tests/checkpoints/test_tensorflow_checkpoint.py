"""TensorFlow checkpoints: what is written is read, by us and by TensorFlow, and found however it is named."""

import sys

import keras
import numpy as np
import pytest

import rfv2_keras.checkpoints.tensorflow_checkpoint as module
from rfv2_keras.checkpoints import load_weights, save_tf_checkpoint
from rfv2_keras.errors import UserError
from tests.checkpoints.conftest import KINDS, assert_same_weights, scramble, values

tf = pytest.importorskip("tensorflow")


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(tiny, kind, tmp_path):
    model = tiny(kind).model
    expected = values(model)
    save_tf_checkpoint(model, tmp_path / "model" / "bert_model.ckpt")
    scramble(model, seed=1)
    report = load_weights(model, tmp_path / "model" / "bert_model.ckpt")
    assert report.complete
    assert report.loaded == list(expected)
    assert not report.unused
    assert_same_weights(model, expected)


def test_files(tiny, tmp_path):
    save_tf_checkpoint(tiny("bert").model, tmp_path / "bert_model.ckpt")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "bert_model.ckpt.data-00000-of-00001",
        "bert_model.ckpt.index",
        "checkpoint",
    ]
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "bert_model.ckpt")


def test_classifier_of_sentence_pairs_is_stored_transposed(tiny, tmp_path):
    model = tiny("bert").model
    save_tf_checkpoint(model, tmp_path / "bert_model.ckpt")
    stored = tf.train.load_variable(str(tmp_path / "bert_model.ckpt"), "cls/seq_relationship/output_weights")
    np.testing.assert_array_equal(stored, values(model)["NSP-Proba/kernel"].T)


def test_sixteen_bit_weights_are_written_as_float32(tiny, tmp_path):
    model = tiny("roformer_v2", dtype="bfloat16").model
    expected = values(model)
    save_tf_checkpoint(model, tmp_path / "model.ckpt")
    assert tf.train.load_variable(str(tmp_path / "model.ckpt"), "bert/embeddings/word_embeddings").dtype == "float32"
    scramble(model, seed=1)
    load_weights(model, tmp_path / "model.ckpt")
    assert_same_weights(model, expected)


def write(prefix, arrays):
    """Write arrays the way a foreign program would."""
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(arrays),
        shape_and_slices=[""] * len(arrays),
        tensors=list(arrays.values()),
    )


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_number_types_are_read(tiny, tmp_path, dtype):
    model = tiny("roformer_v2").model
    arrays = {module.checkpoint_name(path): tf.cast(array, dtype) for path, array in values(model).items()}
    write(tmp_path / "model.ckpt", arrays)
    load_weights(model, tmp_path / "model.ckpt")
    for path, array in values(model).items():
        np.testing.assert_array_equal(array, tf.cast(arrays[module.checkpoint_name(path)], "float32"))


@pytest.mark.parametrize(
    "name", ["bert_model.ckpt", "bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001", "."]
)
def test_names_of_a_checkpoint(tiny, tmp_path, name):
    model = tiny("gau_alpha").model
    expected = values(model)
    save_tf_checkpoint(model, tmp_path / "bert_model.ckpt")
    for source in (tmp_path / name, str(tmp_path / name)):
        scramble(model, seed=1)
        load_weights(model, source)
        assert_same_weights(model, expected)


def test_folder_with_several_checkpoints(tiny, tmp_path):
    """The file `checkpoint` says which one, even if it was written in another folder; without it there is no saying."""
    model = tiny("gau_alpha").model
    save_tf_checkpoint(model, tmp_path / "first.ckpt")
    expected = values(model)
    scramble(model, seed=1)
    save_tf_checkpoint(model, tmp_path / "second.ckpt")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/somewhere/else/first.ckpt"\n')
    load_weights(model, tmp_path)
    assert_same_weights(model, expected)
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(UserError, match="exactly one TensorFlow checkpoint"):
        load_weights(model, tmp_path)


def test_optimizer_slots_are_unused(tiny, tmp_path):
    model = tiny("roformer_v2").model
    arrays = {module.checkpoint_name(path): array for path, array in values(model).items()}
    arrays["bert/embeddings/word_embeddings/adam_m"] = np.zeros((40, 16), "float32")
    arrays["global_step"] = np.array(7, "int64")
    write(tmp_path / "model.ckpt", arrays)
    report = load_weights(model, tmp_path / "model.ckpt")
    assert report.complete
    assert report.unused == ["bert/embeddings/word_embeddings/adam_m", "global_step"]


def test_checkpoint_of_objects(tiny, tmp_path):
    model = tiny("roformer_v2").model
    prefix = tf.train.Checkpoint(table=tf.Variable(np.zeros(3))).save(str(tmp_path / "objects"))
    with pytest.raises(UserError, match="only checkpoints with named variables"):
        load_weights(model, prefix)


def test_users_own_weights_are_written_under_their_paths(tiny, tmp_path):
    builder = tiny("roformer_v2", with_mlm=False)
    classes = keras.layers.Dense(3, name="Classifier")(builder.model.output[:, 0])
    model = keras.Model(builder.model.inputs, classes)
    expected = values(model)
    save_tf_checkpoint(model, tmp_path / "model.ckpt")
    scramble(model, seed=1)
    assert load_weights(model, tmp_path / "model.ckpt").complete
    assert_same_weights(model, expected)
    report = load_weights(builder.model, tmp_path / "model.ckpt")
    assert report.unused == ["Classifier/bias", "Classifier/kernel"]


def test_an_interrupted_write_leaves_nothing_half(tiny, tmp_path, monkeypatch):
    """Whatever step fails, there is no readable checkpoint that mixes old and new."""
    model = tiny("gau_alpha").model

    def interrupt(*_):
        raise KeyboardInterrupt

    for broken in ("sync", "atomic_file"):
        with monkeypatch.context() as patch:
            patch.setattr(module, broken, interrupt)
            with pytest.raises(KeyboardInterrupt):
                save_tf_checkpoint(model, tmp_path / broken / "model.ckpt")
        assert not list((tmp_path / broken).glob(".unfinished*"))
    assert not list((tmp_path / "sync").iterdir())
    load_weights(model, tmp_path / "atomic_file" / "model.ckpt")  # complete, only the file `checkpoint` is missing


def test_without_tensorflow(tiny, tmp_path, monkeypatch):
    model = tiny("gau_alpha").model
    save_tf_checkpoint(model, tmp_path / "model.ckpt")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(UserError, match="need the package tensorflow"):
        load_weights(model, tmp_path / "model.ckpt")
    with pytest.raises(UserError, match="need the package tensorflow"):
        save_tf_checkpoint(model, tmp_path / "model.ckpt")
