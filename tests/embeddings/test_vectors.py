"""Vector files: what is written is read again; what is none is named."""

import sys

import numpy as np
import pytest

from rfv2_keras.embeddings import Whitening, learn_from_files, open_vectors, write_vectors
from rfv2_keras.errors import UserError

VECTORS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
TEXTS = ["一", "二", "三", "", "五", "六"]


def test_npy(tmp_path):
    write_vectors(tmp_path / "vectors.npy", VECTORS, TEXTS)
    np.testing.assert_array_equal(open_vectors(tmp_path / "vectors.npy"), VECTORS)


def test_parquet(tmp_path):
    from pyarrow import parquet

    write_vectors(tmp_path / "vectors.parquet", VECTORS, TEXTS)
    table = parquet.read_table(tmp_path / "vectors.parquet")
    assert table["text"].to_pylist() == TEXTS
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), np.float32), VECTORS)


def test_parquet_without_pyarrow_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match="pip install pyarrow"):
        write_vectors(tmp_path / "vectors.parquet", VECTORS, TEXTS)
    assert list(tmp_path.iterdir()) == []


def test_other_endings(tmp_path):
    with pytest.raises(UserError, match=r"\.npy or \.parquet"):
        write_vectors(tmp_path / "vectors.csv", VECTORS, TEXTS)


def test_whitening_of_several_files_is_that_of_all_vectors(tmp_path):
    for name, part in (("a", VECTORS[:2]), ("b", VECTORS[2:])):
        write_vectors(tmp_path / f"{name}.npy", part, TEXTS)
    found = learn_from_files(Whitening(), [tmp_path / "a.npy", tmp_path / "b.npy"])
    np.testing.assert_allclose(found.moments_.scatter, Whitening().fit(VECTORS).moments_.scatter, atol=1e-8)


def test_files_that_hold_no_vectors(tmp_path):
    np.save(tmp_path / "flat.npy", np.ones(3))
    np.save(tmp_path / "words.npy", np.array(["a"]))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.full((2, 4), np.nan))
    np.save(tmp_path / "narrow.npy", np.ones((2, 3)))
    np.savez(tmp_path / "several.npz", a=VECTORS)
    (tmp_path / "text.npy").write_text("一二三")
    (tmp_path / "empty.npy").write_bytes(b"")
    for path in [*tmp_path.iterdir(), tmp_path / "nowhere.npy"]:
        with pytest.raises(UserError, match=path.name) as error:
            learn_from_files(Whitening().fit(VECTORS), [path])
        assert str(error.value).count(str(path)) == 1
