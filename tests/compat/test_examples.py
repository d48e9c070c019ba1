"""The scripts in bert4keras's style run as they are, on a few made-up lines, and their models learn them."""

import json
import re
import runpy
import sys

import pytest


@pytest.fixture
def run(root, model_folder, tmp_path, monkeypatch, capsys):
    """Function (script, lines, options) -> what it printed; the same lines serve as training and dev file."""

    def call(script, lines, *options):
        data = tmp_path / "data.json"
        data.write_text("\n".join(lines) + "\n", encoding="utf-8")
        path = root / "examples" / "bert4keras_style" / f"{script}.py"
        files = ("--train", data, "--dev", data, "--save", tmp_path / "best.weights.h5")
        monkeypatch.setattr(sys, "argv", [str(part) for part in (path, model_folder, *files, *options)])
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    return call


def number(name, output):
    """The last number that a script printed after a name."""
    return float(re.findall(rf"{name}: ([0-9.]+)", output)[-1])


def test_classification(run, texts):
    lines = [f"{text}\t{label}" for label, text in enumerate(texts)] * 8
    output = run("classification", lines, "--epochs", 4, "--steps", 12, "--learning-rate", 3e-3)
    assert number("final val_acc", output) >= 0.75  # a guess finds 0.25


def test_labelling(run):
    examples = [("今天公司赢了", {"org": {"公司": [[2, 3]]}}), ("我们去公园", {"place": {"公园": [[3, 4]]}})]
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in examples] * 8
    output = run("labelling", lines, "--epochs", 3, "--steps", 15, "--learning-rate", 5e-3)
    assert number("final f1", output) >= 0.9
    assert "今天公司赢了 [('公司', 'org')]" in output


def test_generation(run, texts):
    pairs = [(text[:7], text[7:11]) for text in texts]
    lines = [f"{source}\t{target}" for source, target in pairs] * 4
    output = run("generation", lines, "--epochs", 2, "--steps", 60, "--learning-rate", 5e-3, "--shown", 4)
    assert number("best", output) >= 0.8
    assert "drawn: " in output


def test_json_lines_are_read_too(run, texts):
    rows = [{"sentence": text, "label": str(i % 2)} for i, text in enumerate(texts)]
    abstracts = [{"abst": text, "keyword": ["天气", "公园"], "label": str(i % 2)} for i, text in enumerate(texts)]
    for script, data, wanted in (("classification", rows, "final val_acc"), ("generation", abstracts, "天气、公园")):
        lines = [json.dumps(row, ensure_ascii=False) for row in data]
        assert wanted in run(script, lines, "--epochs", 1, "--steps", 1)
