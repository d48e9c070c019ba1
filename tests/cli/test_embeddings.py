"""`rfv2 embed`, `whiten` and `sts` on real sentences, with a tiny model of random weights."""

import sys

import keras
import numpy as np
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.embeddings import SentenceEncoder, Whitening

SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    """A model directory with the released vocabulary."""
    vocab = data / "vocab" / "roformer_v2_char_vocab.txt"
    keras.utils.set_random_seed(0)
    builder = build_transformer_model(model="roformer_v2", vocab_size=12000, return_keras_model=False, **SHAPE)
    folder = tmp_path_factory.mktemp("model") / "model"
    save_model_directory(builder, builder.config, vocab, folder)
    return folder


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    """Function (task) -> file of its first 80 test pairs; and `texts.txt` with their first sentences."""
    folder = tmp_path_factory.mktemp("pairs")

    def pairs(task):
        lines = (data / "sts" / task / f"{task}.test.data").read_text(encoding="utf-8").split("\n")[:80]
        (folder / f"{task}.data").write_text("\n".join(lines), encoding="utf-8")
        (folder / "texts.txt").write_text("\n".join(line.split("\t")[0] for line in lines), encoding="utf-8")
        return folder / f"{task}.data"

    return pairs


@pytest.fixture(scope="module")
def texts(files):
    return files("STS-B").with_name("texts.txt")


def complaint(result):
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("rfv2: error: ")
    return lines[0]


def test_from_texts_to_whitened_vectors(rfv2, model, texts, tmp_path):
    vectors, whitening, whitened = tmp_path / "vectors.npy", tmp_path / "whitening.npz", tmp_path / "whitened.npy"
    assert "80 vectors of 16" in rfv2("embed", model, texts, "--out", vectors, "--batch", 16).stdout
    raw = np.load(vectors)
    sentences = texts.read_text(encoding="utf-8").split("\n")
    np.testing.assert_allclose(raw, SentenceEncoder.from_directory(model).encode(sentences, progress=False), atol=1e-5)
    options = ("--beta", 0.5, "--gamma", 0.75, "--dimension", 8)
    result = rfv2("whiten", vectors, vectors, "--out", whitening, *options)
    assert "160 vectors, 16 numbers become 8" in result.stdout
    assert rfv2("embed", model, texts, "-o", whitened, "--whitening", whitening).exit_code == 0
    np.testing.assert_allclose(np.load(whitened), Whitening(0.5, 0.75, 8).fit(raw).transform(raw), atol=1e-3)


def test_sts_prints_a_table_per_file_and_draws_them(rfv2, model, files, tmp_path):
    picture = tmp_path / "map.png"
    grid = ("--beta", 0, "--beta", 1, "--gamma", 0, "--gamma", 1, "--dimension", 16, "--dimension", 4)
    result = rfv2("sts", model, files("STS-B"), files("BUSTM"), *grid, "--out", picture)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-1] == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    tables = (lines[:7], lines[7:14])
    for table, name in zip(tables, ("STS-B.data", "BUSTM.data"), strict=True):
        assert f"{name} (80 pairs)" in table[0]
        raw, rotated = float(table[1].split()[-1]), float(table[3].split()[2])
        assert table[3].split()[:2] == ["0.00", "0.00"]
        assert rotated == pytest.approx(raw, abs=0.02)  # a rotation keeps cosines, up to float32
        assert -100 <= raw <= 100


def test_sts_with_a_whitening_learned_from_other_sentences(rfv2, model, files, texts, tmp_path):
    vectors, whitening = tmp_path / "vectors.npy", tmp_path / "whitening.npz"
    rfv2("embed", model, texts, "--out", vectors)
    rfv2("whiten", vectors, "--out", whitening)
    grid = ("--beta", 1, "--gamma", 1, "--dimension", 16)
    own = rfv2("sts", model, files("BUSTM"), *grid)
    other = rfv2("sts", model, files("BUSTM"), *grid, "--whitening", whitening)
    assert own.exit_code == other.exit_code == 0
    assert own.stdout.splitlines()[1] == other.stdout.splitlines()[1]  # raw
    assert own.stdout.splitlines()[3] != other.stdout.splitlines()[3]  # whitened


def test_bad_pairs_are_named_by_line(rfv2, model, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("一\t二\t1\n一，二，0\n", encoding="utf-8")
    assert "line 2 has 1 columns" in complaint(rfv2("sts", model, path))


def test_parquet_without_pyarrow_is_said_before_anything_is_computed(rfv2, model, texts, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    out = tmp_path / "vectors.parquet"
    assert "pip install pyarrow" in complaint(rfv2("embed", model, texts, "--out", out))


def test_other_mistakes(rfv2, model, texts, files, tmp_path):
    pairs = files("STS-B")
    (tmp_path / "some.npy").write_text("no array")
    Whitening().fit(np.eye(3)).save(tmp_path / "narrow.npz")
    commands = {
        ("embed", tmp_path, texts, "--out", "x.npy"): "holds no weights that are known here",
        ("embed", model, "nowhere.txt", "--out", "x.npy"): "nowhere.txt",
        ("embed", model, texts, "--out", "x.csv"): ".npy or .parquet",
        ("embed", model, texts, "--out", "x.npy", "--pooling", "mean"): "first_last_mean",
        ("embed", model, texts, "--out", "x.npy", "--whitening", "nowhere.npz"): "nowhere.npz",
        ("embed", model, texts, "--out", "x.npy", "--whitening", tmp_path / "narrow.npz"): "3 numbers",
        ("sts", model, pairs, "--whitening", tmp_path / "narrow.npz"): "narrow.npz",
        ("whiten", tmp_path / "some.npy", "--out", "x.npz"): "some.npy",
        ("sts", model, pairs, "--out", "map.pdf"): ".png",
        ("sts", model, pairs, "--gamma", -1): "gamma",
        ("sts", model, pairs, "--dimension", 17): "17",
        ("sts", model, pairs, "--pooling", "pooler"): "with_pool",
    }
    for command, says in commands.items():
        assert says in complaint(rfv2(*command))


@pytest.mark.parametrize("command", ["embed", "whiten", "sts"])
def test_help(rfv2, command):
    result = rfv2(command, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout
