"""Loading is all or nothing, and the report tells of every weight."""

import keras
import numpy as np
import pytest

from rfv2_keras.checkpoints import load_weights, save_keras_weights, save_tf_checkpoint
from rfv2_keras.checkpoints.assign import assign_weights
from rfv2_keras.checkpoints.report import LoadReport
from rfv2_keras.checkpoints.source import StoredArray, WeightSource
from rfv2_keras.errors import UserError
from tests.checkpoints.conftest import assert_same_weights, scramble, values


def source(model, **changes):
    """The weights of a model as a source; changes replace (or, being None, remove) arrays by path."""
    arrays = {**values(model), **changes}
    return WeightSource("file", {path: array for path, array in arrays.items() if array is not None})


def test_report_of_everything(tiny):
    model = tiny("roformer_v2").model
    arrays = source(
        tiny("roformer_v2", seed=1).model,
        **{
            "Embedding-Segment/embeddings": None,
            "Transformer-0-FeedForward/o_dense/kernel": np.zeros((24, 17)),
            "NSP-Proba/kernel": np.zeros((16, 2)),
        },
    )
    report = assign_weights(model, arrays, strict=False)
    assert report.missing == ["Embedding-Segment/embeddings"]
    assert report.wrong_shape == {"Transformer-0-FeedForward/o_dense/kernel": ((24, 17), (24, 16))}
    assert report.unused == ["NSP-Proba/kernel"]
    assert sorted([*report.loaded, *report.missing, *report.wrong_shape]) == sorted(values(model))
    assert str(report).splitlines() == [
        "file: loaded 12 of 14 weights",
        "  missing, left as they were: Embedding-Segment/embeddings",
        "  wrong shape, left as they were: Transformer-0-FeedForward/o_dense/kernel: (24, 17) in the file, (24, 16) in "
        "the model",
        "  in the file, not in the model: NSP-Proba/kernel",
    ]


def test_not_strict_loads_what_fits(tiny):
    model, other = tiny("roformer_v2").model, tiny("roformer_v2", seed=1).model
    before, after = values(model), values(other)
    path = "Embedding-Segment/embeddings"
    assign_weights(model, source(other, **{path: None}), strict=False)
    assert_same_weights(model, {**after, path: before[path]})


@pytest.mark.parametrize("wrong", [None, np.zeros((3, 16))], ids=["missing", "wrong shape"])
def test_a_failed_load_leaves_the_model_as_it_was(tiny, wrong):
    model = tiny("roformer_v2").model
    before = values(model)
    last = list(before)[-1]
    with pytest.raises(UserError, match="1 of 14"):
        assign_weights(model, source(tiny("roformer_v2", seed=1).model, **{last: wrong}))
    assert_same_weights(model, before)


def test_an_array_that_cannot_be_read_leaves_the_model_as_it_was(tiny):
    """Even if all shapes are right: a truncated data file shows when the last array is read."""

    def fail():
        raise UserError("damaged")

    model = tiny("roformer_v2").model
    before = values(model)
    last = list(before)[-1]
    damaged = StoredArray(before[last].shape, fail)
    with pytest.raises(UserError, match="damaged"):
        assign_weights(model, source(tiny("roformer_v2", seed=1).model, **{last: damaged}))
    assert_same_weights(model, before)


def test_every_array_is_read_once(tiny):
    model = tiny("roformer_v2").model
    reads = []

    def stored(path, array):
        return StoredArray(array.shape, lambda: (reads.append(path), array)[1])

    arrays = {path: stored(path, array) for path, array in values(model).items()}
    arrays["unused"] = stored("unused", np.zeros(3))
    assign_weights(model, WeightSource("file", arrays))
    assert sorted(reads) == sorted(values(model))


def test_nothing_loaded_is_always_an_error(tiny):
    model = tiny("roformer_v2").model
    for arrays in ({"a": np.zeros(1), "b": np.zeros(1)}, {}, {"Embedding-Token/embeddings": np.zeros((1, 1))}):
        for strict in (True, False):
            with pytest.raises(UserError, match="nothing can be loaded from it"):
                assign_weights(model, WeightSource("file", arrays), strict=strict)


def test_messages_are_one_sentence():
    report = LoadReport(
        "file", ["a"], missing=list("bcdef"), wrong_shape={"g": ((1,), (2,))}, lost_factors=["h"], unused=["h"]
    )
    with pytest.raises(UserError) as error:
        report.raise_if_incomplete()
    assert str(error.value) == (
        "file: 5 of 7 weights are missing (b, c, d, and 2 more), 1 of 7 have another shape (g: (1,) in the file, (2,) "
        "in the model), 1 residual factors differ from 1 (h) while the model has none (residual=plain); strict=False "
        "loads the rest and leaves these as they are."
    )
    report.raise_if_incomplete(strict=False)


def test_residual_factors_of_a_plain_checkpoint_become_one(tiny, tmp_path):
    """A model without α computes what a model with α = 1 computes."""
    plain, warm = tiny("roformer_v2"), tiny("roformer_v2", seed=1, residual="alpha_warmup")
    save_tf_checkpoint(plain.model, tmp_path / "model.ckpt")
    report = load_weights(warm.model, tmp_path / "model.ckpt")
    assert report.complete
    assert len(report.set_to_one) == 4
    assert "residual factors set to 1" in str(report)
    tokens, segments = np.array([[2, 5, 7, 0]]), np.array([[0, 0, 1, 0]])
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(builder.model([tokens, segments])) for builder in (plain, warm))
    )


def test_residual_factors_missing_in_part_are_missing(tiny):
    builder = tiny("roformer_v2_alpha")
    path = "Transformer-1-FeedForward-Norm/alpha"
    with pytest.raises(UserError, match=f"1 of 17 weights are missing \\({path}\\)"):
        assign_weights(builder.model, source(builder.model, **{path: None}))


def test_residual_factors_other_than_one_do_not_get_lost(tiny, tmp_path):
    """An unfinished warm-up read into a model without α would be another function."""
    plain, warm = tiny("gau_alpha").model, tiny("gau_alpha", residual="alpha_warmup").model
    for save, file in ((save_tf_checkpoint, "model.ckpt"), (save_keras_weights, "model.weights.h5")):
        scramble(warm)
        save(warm, tmp_path / file)
        with pytest.raises(UserError, match=r"2 residual factors differ from 1 \(.*alpha.*\) while the model has none"):
            load_weights(plain, tmp_path / file)
        assert not load_weights(plain, tmp_path / file, strict=False).complete
        for weight in warm.weights:
            if weight.name == "alpha":
                weight.assign(1.0)
        save(warm, tmp_path / file)
        report = load_weights(plain, tmp_path / file)
        assert report.complete
        assert len(report.unused) == 2


def test_kept_and_compound_tokens(tiny, tmp_path):
    """Rows are table[keep], and a mean of these rows for each compound token; likewise for the bias of the MLM head."""
    full = tiny("bert").model
    keep, compound = [0, 7, 3, 39, 5], [[1, 2], ([0, 4], [0.25, 0.75]), [3]]
    builder = tiny("bert", seed=1, keep_tokens=keep, compound_tokens=compound)
    table, bias = (values(full)[path] for path in ("Embedding-Token/embeddings", "MLM-Bias/beta"))
    save_tf_checkpoint(full, tmp_path / "model.ckpt")
    save_keras_weights(full, tmp_path / "model.weights.h5")
    for file in ("model.ckpt", "model.weights.h5"):
        scramble(builder.model, seed=1)
        load_weights(builder.model, tmp_path / file, builder.config)
        for full_array, path in ((table, "Embedding-Token/embeddings"), (bias, "MLM-Bias/beta")):
            rows = full_array[keep]
            means = [(rows[1] + rows[2]) / 2, 0.25 * rows[0] + 0.75 * rows[4], rows[3]]
            np.testing.assert_allclose(values(builder.model)[path], [*rows, *means], rtol=1e-6)


def test_a_reduced_table_is_taken_as_it_is(tiny, tmp_path):
    """What a model with kept tokens wrote is read back by one with the same config."""
    builder = tiny("roformer_v2", keep_tokens=[0, 7, 3], compound_tokens=[[1, 2]])
    expected = values(builder.model)
    save_tf_checkpoint(builder.model, tmp_path / "model.ckpt")
    scramble(builder.model, seed=1)
    load_weights(builder.model, tmp_path / "model.ckpt", builder.config)
    assert_same_weights(builder.model, expected)


def test_kept_tokens_of_a_vocabulary_of_another_size(tiny, tmp_path):
    save_tf_checkpoint(tiny("roformer_v2", vocab_size=41).model, tmp_path / "model.ckpt")
    builder = tiny("roformer_v2", keep_tokens=[0, 7, 3])
    with pytest.raises(UserError, match=r"embeddings: \(41, 16\) in the file, \(3, 16\) in the model"):
        load_weights(builder.model, tmp_path / "model.ckpt", builder.config)
