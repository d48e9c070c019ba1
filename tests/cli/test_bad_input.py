"""Whatever the user gets wrong, a command says it in one sentence on standard error and exits with status 2."""

import json
import shutil

import pytest


def complaint(result):
    """The one line of the error, after checking that it is one and nothing else is there."""
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    errors = [line for line in lines if line.startswith("rfv2: error: ")]
    assert len(errors) == 1, result.output
    assert lines[-1] == errors[0]
    assert "Traceback" not in result.output
    return errors[0].removeprefix("rfv2: error: ")


@pytest.fixture
def copy(pretrained, tmp_path):
    """The prepared and trained files in a folder of this test's own; `change` rewrites the run config."""
    for name in ("records", "run"):
        shutil.copytree(pretrained.folder / name, tmp_path / name)
    for path in (pretrained.vocab, pretrained.model):
        shutil.copy(path, tmp_path)

    def change(**sections):
        config = json.loads(pretrained.run.read_text().replace(str(pretrained.folder), str(tmp_path)))
        for section, values in sections.items():
            config[section].update(values)
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(config))
        return path

    change.folder = tmp_path
    return change


@pytest.mark.parametrize(
    ("command", "wrong", "says"),
    [
        ("describe", None, ["nowhere.json", "No such file"]),
        ("pretrain", None, ["nowhere.json", "No such file"]),
        ("describe", "{not json", ["not JSON", "line 1"]),
        ("pretrain", "{not json", ["not JSON", "line 1"]),
        ("pretrain", "[]", ["JSON object", "list"]),
        ("describe", {"hidden_sise": 16}, ["hidden_sise", "hidden_size"]),
        ("describe", {"hidden_size": "16"}, ["hidden_size", '"16"']),
        ("describe", {"num_attention_heads": 3}, ["num_attention_heads", "3"]),
        ("describe", {"hidden_size": 6, "num_attention_heads": 2}, ["even", "3"]),
        ("describe", {"model_type": "gpt"}, ["model_type", "gpt"]),
    ],
)
def test_wrong_configs(rfv2, material, tmp_path, command, wrong, says):
    path = tmp_path / ("nowhere.json" if wrong is None else "config.json")
    if isinstance(wrong, dict):
        wrong = json.dumps({**json.loads(material.model.read_text()), **wrong})
    if wrong is not None:
        path.write_text(wrong)
    sentence = complaint(rfv2(command, path))
    assert str(path) in sentence
    assert all(word in sentence for word in says), sentence


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("optimizer.learning_rat=1", ["optimizer.learning_rat", "learning_rate"]),
        ("training.batch=many", ["training.batch", "many"]),
        ("training.batch=3.5", ["training.batch", "3.5"]),
        ("training.steps", ["--set", "training.steps"]),
        ("training.accumulation=3", ["accumulation", "3", "4"]),
        ("precision.dtype_policy=float64", ["precision.dtype_policy", "float64", "mixed_bfloat16"]),
        ("model.config=nowhere.json", ["nowhere.json"]),
        ("data.maxlen=16", ["maxlen", "16", "32"]),
        ("data.records=nowhere", ["nowhere"]),
    ],
)
def test_wrong_overrides(rfv2, copy, override, says):
    run = copy(output={"directory": str(copy.folder / "new")})
    sentence = complaint(rfv2("pretrain", run, "--set", override))
    assert all(word in sentence for word in says), sentence


@pytest.mark.parametrize("surplus", [-10, 5])
def test_model_with_another_number_of_tokens_than_the_records(rfv2, copy, surplus):
    """Fewer: the records hold ids out of range. More: the vocabulary has the wrong size."""
    path = copy.folder / "model.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "vocab_size": config["vocab_size"] + surplus}))
    sentence = complaint(rfv2("pretrain", copy(output={"directory": str(copy.folder / "new")})))
    assert str(config["vocab_size"] + surplus) in sentence
    assert "vocab" in sentence or "token ids" in sentence


def test_weights_to_start_from_that_are_cut_or_of_another_size(rfv2, copy):
    model = copy.folder / "run" / "model"
    start = {"init_from": str(model)}
    new = {"directory": str(copy.folder / "new")}
    config = json.loads((copy.folder / "model.json").read_text())
    (copy.folder / "model.json").write_text(json.dumps({**config, "intermediate_size": 64}))
    sentence = complaint(rfv2("pretrain", copy(model=start, output=new)))
    assert "shape" in sentence
    (copy.folder / "model.json").write_text(json.dumps(config))
    weights = model / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-1000])
    sentence = complaint(rfv2("pretrain", copy(model=start, output=new)))
    assert "model.weights.h5" in sentence


def test_model_directory_with_a_vocabulary_of_the_wrong_size(rfv2, copy):
    model = copy.folder / "run" / "model"
    (model / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    sentence = complaint(rfv2("describe", model))
    assert "5 tokens" in sentence


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.txt"], ["nowhere.txt"]),
        (["CORPUS", "--vocab", "nowhere.txt"], ["nowhere.txt"]),
        (["CORPUS", "--maxlen", "4"], ["maxlen", "4"]),
        (["CORPUS", "--segmenter", "scissors"], ["scissors", "rjieba"]),
        (["CORPUS", "--documents", "pages"], ["pages", "blocks"]),
        (["CORPUS", "--part", "3/2"], ["part", "3/2"]),
    ],
)
def test_wrong_arguments_of_prepare(rfv2, material, tmp_path, arguments, says):
    arguments = [material.corpus if argument == "CORPUS" else argument for argument in arguments]
    sentence = complaint(rfv2("prepare", "--vocab", material.vocab, "--out", tmp_path / "out", *arguments))
    assert all(word in sentence for word in says), sentence


def test_plot_of_a_folder_that_is_no_run(rfv2, tmp_path):
    assert "metrics.jsonl" in complaint(rfv2("plot", tmp_path))


@pytest.mark.parametrize(
    "arguments", [["describe"], ["--nonsense"], ["fly"], ["prepare", "x"], ["describe", "x", "--batch", "0"]]
)
def test_wrong_use_of_options_shows_the_usage(rfv2, arguments):
    result = rfv2(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert "Error: " in result.stderr
