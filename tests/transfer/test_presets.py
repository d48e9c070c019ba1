"""Released models by name: fetched once from a server on this machine, in the layout they are published in.

The archive is made of a small checkpoint of the original implementation. The network is never used.
"""

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rfv2_keras import UserError, build_transformer_model
from rfv2_keras.checkpoints.pretrained import PretrainedFolder
from rfv2_keras.cli.main import app
from rfv2_keras.presets import PresetCache, find_preset, presets

RELEASED = Path(__file__).resolve().parents[1] / "golden" / "models"
CASE = "roformer_v2_embsize_mlm"
FOLDER = "chinese_roformer-v2-char_L-6_H-384_A-6"  # the folder in the archive of roformer_v2_small


@pytest.fixture(scope="module")
def checkpoint():
    """{name: content} of a released folder: config, vocabulary, checkpoint of a small RoFormerV2."""
    folder = RELEASED / CASE
    files = {path.name: path.read_bytes() for path in folder.glob("bert_model.ckpt*")}
    files["bert_config.json"] = (folder / "bert_config.json").read_bytes()
    tokens = json.loads(files["bert_config.json"])["vocab_size"]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"t{number}" for number in range(tokens - 5)]
    files["vocab.txt"] = "".join(f"{name}\n" for name in names).encode()
    return files


@pytest.fixture
def cache(server, zipped, checkpoint, tmp_path, monkeypatch):
    """A cache that is empty, and a server that has one model."""
    server.files[f"/{FOLDER}.zip"] = zipped({f"{FOLDER}/{name}": content for name, content in checkpoint.items()})
    monkeypatch.setenv("RFV2_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RFV2_BASE_URL", server.url)
    return PresetCache.from_environment()


def outputs(model):
    ids = np.array([[2, 7, 8, 3, 0]])
    return model.predict([ids, ids * 0], verbose=0)


def test_a_name_gives_the_model_that_its_archive_holds(server, checkpoint, cache, capsys):
    by_name = outputs(build_transformer_model("roformer_v2_small"))
    folder = cache.path(presets()["roformer_v2_small"])
    assert {path.name for path in folder.iterdir()} == set(checkpoint)
    by_path = outputs(build_transformer_model(RELEASED / CASE, RELEASED / CASE / "bert_model.ckpt", "roformer_v2"))
    np.testing.assert_array_equal(by_name, by_path)
    assert server.url in capsys.readouterr().err
    build_transformer_model("roformer_v2_small")
    assert len(server.requests) == 1  # the cache has it


def test_commands_that_take_a_model_take_a_name(cache):
    folder = PretrainedFolder.read("roformer_v2_small")
    assert folder.config.model_type == "roformer_v2"
    assert folder.vocab.parent == cache.path(presets()["roformer_v2_small"])


def test_arguments_come_before_what_the_preset_says(cache):
    builder = build_transformer_model("roformer_v2_small", num_hidden_layers=1, return_keras_model=False)
    assert builder.config.num_hidden_layers == 1
    assert builder.load_report.complete


def test_an_interrupted_download_is_continued(server, cache):
    server.cuts = [3000]
    cache.fetch(presets()["roformer_v2_small"], print, wait=0.001)
    assert [asked for _, asked in server.requests] == [None, "bytes=3000-"]


def test_offline_reads_the_cache_and_says_what_is_missing(server, cache, monkeypatch):
    cache.fetch(presets()["roformer_v2_small"], print)
    server.requests.clear()
    monkeypatch.setenv("RFV2_OFFLINE", "1")
    build_transformer_model("roformer_v2_small")
    with pytest.raises(UserError, match=r"gau_alpha_base: is not in the cache .*unpack http.*GAU-alpha.*\.zip into"):
        build_transformer_model("gau_alpha_base")
    assert server.requests == []


def test_without_network_one_sentence_says_what_to_do(cache, server):
    with pytest.raises(UserError, match=r"answers 404 .*; a mirror can be given as RFV2_BASE_URL"):
        build_transformer_model("gau_alpha_base")
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"the server cannot be reached.*; a mirror can be given"):
        cache.fetch(presets()["gau_alpha_base"], print, wait=0.001)


@pytest.mark.parametrize("lacking", ["bert_config.json", "vocab.txt", "bert_model.ckpt.index"])
def test_archives_without_a_model(server, zipped, checkpoint, cache, lacking):
    files = {name: content for name, content in checkpoint.items() if name != lacking}
    server.files[f"/{FOLDER}.zip"] = zipped(files)
    with pytest.raises(UserError, match=r"the archive holds no .*; its files are in"):
        build_transformer_model("roformer_v2_small")


@pytest.mark.parametrize("name", ["../evil", "/evil"])
def test_dangerous_archives_write_nothing(server, zipped, checkpoint, cache, tmp_path, name):
    server.files[f"/{FOLDER}.zip"] = zipped({**checkpoint, name: "x"})
    with pytest.raises(UserError, match="leads out of the folder"):
        build_transformer_model("roformer_v2_small")
    assert not list(tmp_path.rglob("evil"))
    assert not cache.holds(presets()["roformer_v2_small"])


def test_processes_that_ask_together_fetch_once(server, cache):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=PresetCache.fetch, args=(cache, presets()["roformer_v2_small"])) for _ in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(server.requests) == 1


def test_a_folder_of_the_same_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_preset("roformer_v2_base").architecture == "roformer_v2"
    Path("roformer_v2_base").mkdir()
    assert find_preset("roformer_v2_base") is None


def test_the_command_lists_and_fetches(cache):
    listed = CliRunner().invoke(app, ["presets"])
    assert listed.exit_code == 0
    assert all(name in listed.stdout for name in presets())
    assert "cached" not in listed.stdout
    fetched = CliRunner().invoke(app, ["presets", "--fetch", "roformer_v2_small"])
    assert fetched.stdout.strip() == str(cache.path(presets()["roformer_v2_small"]))
    assert CliRunner().invoke(app, ["presets"]).stdout.split()[:2] == ["roformer_v2_small", "cached"]
    wrong = CliRunner().invoke(app, ["presets", "--fetch", "roformer_v3"])
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert "must be all or one of roformer_v2_small" in wrong.stderr
