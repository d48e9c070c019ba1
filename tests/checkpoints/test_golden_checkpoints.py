"""Checkpoints and `.weights` files of the original implementation give our models the same weights.

The two kinds of files name and order their weights in unrelated ways, so that agreement proves both readers.
"""

import h5py
import numpy as np
import pytest

from rfv2_keras.checkpoints import checkpoint_name, load_weights, save_tf_checkpoint
from tests.checkpoints.conftest import assert_same_weights, scramble, values

# The original implementation writes no variable for this weight.
UNWRITTEN = {"roformer_v2_embsize_mlm": ["Output-Mapping/kernel"]}


def test_checkpoint_and_weights_files_agree(golden_case):
    unwritten = UNWRITTEN.get(golden_case.folder.name, [])
    builder = golden_case.build(golden_case.checkpoint, strict=not unwritten)
    assert builder.load_report.missing == unwritten
    assert not builder.load_report.unused
    from_checkpoint = values(builder.model)
    for file in sorted(golden_case.folder.glob("*.weights")):
        scramble(builder.model)
        report = load_weights(builder.model, file, builder.config)
        assert report.complete
        assert not report.unused
        expected = {**from_checkpoint, **{path: values(builder.model)[path] for path in unwritten}}
        assert_same_weights(builder.model, expected)


def test_checkpoint_holds_what_the_original_wrote(golden_case, tmp_path):
    """Read and written again, a checkpoint has the same variables with the same bits."""
    import tensorflow as tf

    model = golden_case.build(golden_case.checkpoint, strict=False).model
    save_tf_checkpoint(model, tmp_path / "bert_model.ckpt")
    ours, original = (tf.train.load_checkpoint(str(p)) for p in (tmp_path / "bert_model.ckpt", golden_case.checkpoint))
    names = set(ours.get_variable_to_shape_map())
    assert names - set(original.get_variable_to_shape_map()) == {
        checkpoint_name(path) for path in UNWRITTEN.get(golden_case.folder.name, [])
    }
    for name in original.get_variable_to_shape_map():
        expected = original.get_tensor(name)
        if name == "bert/embeddings/word_embeddings" and "keep_tokens" in golden_case.spec["build_kwargs"]:
            expected = expected[golden_case.spec["build_kwargs"]["keep_tokens"]]
        np.testing.assert_array_equal(ours.get_tensor(name), expected, err_msg=name)


def test_unwritten_weight_is_an_error(named_case):
    case = named_case("roformer_v2_embsize_mlm")
    with pytest.raises(ValueError, match=r"1 of 16 weights are missing \(Output-Mapping/kernel\); strict=False"):
        case.build(case.checkpoint)


def test_unwritten_weight_comes_from_the_weights_file(named_case):
    case = named_case("roformer_v2_embsize_mlm")
    model = case.build(case.folder / "model.weights").model
    with h5py.File(case.folder / "model.weights") as file:
        stored = file["Output-Mapping/Output-Mapping/kernel:0"][()]
    np.testing.assert_array_equal(values(model)["Output-Mapping/kernel"], stored)


def test_whole_model_file(named_case, tmp_path):
    """A model saved by Keras 2 with `model.save` holds the same structure in a group."""
    case = named_case("roformer_v2_embsize_mlm")
    with h5py.File(case.folder / "model.weights") as weights, h5py.File(tmp_path / "model.h5", "w") as whole:
        whole.attrs["model_config"] = "{}"
        weights.copy(weights["/"], whole, "model_weights")
    assert_same_weights(
        case.build(tmp_path / "model.h5").model, values(case.build(case.folder / "model.weights").model)
    )


def test_long_lists_of_names(named_case, tmp_path):
    """Keras 2 cuts lists that exceed an attribute's 64 kB into numbered attributes."""
    case = named_case("roformer_v2_embsize_mlm")
    with h5py.File(case.folder / "model.weights") as weights, h5py.File(tmp_path / "model.weights", "w") as cut:
        for name, group in weights.items():
            weights.copy(group, cut)
            cut[name].attrs["weight_names0"] = cut[name].attrs.pop("weight_names")
        names = weights.attrs["layer_names"]
        cut.attrs["layer_names0"], cut.attrs["layer_names1"] = names[:5], names[5:]
    assert case.build(tmp_path / "model.weights").load_report.complete


def test_layers_of_the_user_keep_their_names(named_case, tmp_path):
    case = named_case("roformer_v2_embsize_mlm")
    file = tmp_path / "model.weights"
    file.write_bytes((case.folder / "model.weights").read_bytes())
    with h5py.File(file, "r+") as weights:
        weights.attrs["layer_names"] = [*weights.attrs["layer_names"], b"Classifier"]
        weights["Classifier/dense_9/kernel:0"] = np.ones((32, 2))
        weights["Classifier"].attrs["weight_names"] = [b"dense_9/kernel:0"]
    assert case.build(file).load_report.unused == ["Classifier/kernel"]
