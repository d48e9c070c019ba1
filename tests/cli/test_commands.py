"""The commands do what they say: from a corpus to a trained model directory, its description and its curves."""

import json

import numpy as np
import pytest

from rfv2_keras import build_transformer_model

COMMANDS = ("prepare", "pretrain", "launch", "plot", "describe", "config")


def test_prepare_and_pretrain_write_a_model_directory_that_builds(pretrained):
    folder = pretrained.folder / "run"
    assert {path.name for path in (folder / "model").iterdir()} == {"config.json", "vocab.txt", "model.weights.h5"}
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]
    model = build_transformer_model(folder / "model")
    assert model.predict([np.ones((1, 5), int)] * 2, verbose=0).shape == (1, 5, 16)


def test_set_replaces_a_value_and_a_finished_run_is_not_trained_again(pretrained, rfv2):
    folder = pretrained.folder / "run"
    before = (folder / "model" / "model.weights.h5").read_bytes()
    assert rfv2("pretrain", pretrained.run).exit_code == 0
    assert (folder / "model" / "model.weights.h5").read_bytes() == before
    longer = rfv2("pretrain", pretrained.run, "--set", "training.steps=6", "--set", 'schedule.points={"6": 1.0}')
    assert longer.exit_code == 0
    assert "Resuming after update 4" in longer.output
    assert json.loads((folder / "config.json").read_text())["training"]["steps"] == 6


def test_no_resume_refuses_a_folder_with_checkpoints(pretrained, rfv2):
    result = rfv2("pretrain", pretrained.run, "--no-resume")
    assert result.exit_code == 2
    assert "holds checkpoints of an earlier run" in result.stderr


def test_plot_draws_a_png(pretrained, rfv2, tmp_path):
    picture = tmp_path / "curves.png"
    assert rfv2("plot", pretrained.folder / "run", "--out", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_describe_counts_the_parameters_of_config_and_model_directory(pretrained, rfv2):
    # token and segment tables, and per layer four 16 x 16 kernels of attention and two of 16 x 32
    expected = (pretrained.vocab_size + 2) * 16 + 2 * (4 * 16 * 16 + 2 * 16 * 32)
    for source in (pretrained.model, pretrained.folder / "run" / "model"):
        result = rfv2("describe", source)
        assert result.exit_code == 0
        assert _count(result.stdout, "encoder") == _count(result.stdout, "with MLM head") == expected


@pytest.mark.parametrize(("size", "parameters"), [("small", 15_225_600), ("base", 94_152_192), ("large", 314_279_936)])
def test_describe_knows_the_released_sizes(rfv2, root, size, parameters):
    result = rfv2("describe", root / f"configs/models/roformer_v2_{size}.json")
    assert _count(result.stdout, "encoder") == parameters


def test_describe_counts_the_head_of_bert(rfv2, root):
    result = rfv2("describe", root / "configs/models/bert_base.json")
    head = 768 * 768 + 768 + 2 * 768 + 21128  # dense, norm, bias of the vocabulary
    assert _count(result.stdout, "with MLM head") - _count(result.stdout, "encoder") == head


def test_config_schema_is_a_json_schema_with_every_section(rfv2):
    schema = json.loads(rfv2("config", "schema").stdout)
    assert {"model", "data", "optimizer", "schedule", "training", "precision", "xla", "output"} == set(
        schema["properties"]
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(rfv2, command):
    result = rfv2(command, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def _count(text, beginning):
    line = next(line for line in text.splitlines() if line.startswith(beginning))
    return int(line.split()[-1].replace(",", ""))
