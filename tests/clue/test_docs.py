"""What docs/clue.md shows works as it stands: its own task in JSON, its own kind, its table of built-in tasks."""

import json
import re

import pytest
from typer.testing import CliRunner

from rfv2_keras.cli.main import app
from rfv2_keras.clue.fine_tuned import FineTuned
from rfv2_keras.clue.kinds import KINDS
from rfv2_keras.clue.prediction import Predictor
from rfv2_keras.clue.task import ORDER, Task

REVIEWS = [("good", "味道很好"), ("bad", "服务太慢了"), ("good", "还会再来"), ("bad", "不会再来")] * 4


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "clue.md").read_text(encoding="utf-8")


def block(page, language):
    """The only code block in a language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return text


def rfv2(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_task_in_json(page, model_folder, tmp_path):
    (tmp_path / "mood.json").write_text(block(page, "json"), encoding="utf-8")
    (tmp_path / "mood").mkdir()
    lines = [json.dumps({"review": text, "mood": mood}, ensure_ascii=False) for mood, text in REVIEWS]
    for name in ("train", "dev", "test"):
        (tmp_path / "mood" / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    run = tmp_path / "run"
    options = ("--model", model_folder, "--data", tmp_path, "--out", run, "--dtype", "float32")
    rfv2("finetune", "--task", tmp_path / "mood.json", *options)
    assert json.loads((run / "model/heads/mood/task.json").read_text())["labels"] == ["bad", "good"]
    assert len((run / "predictions/mood_predict.json").read_text().splitlines()) == len(REVIEWS)
    assert json.loads(rfv2("predict", run, "服务太慢了"))["label"] in ("bad", "good")


def test_kind_of_ones_own(page, model_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(KINDS, "tabbed_text", None)  # so that the kind is gone afterwards
    (tmp_path / "data").mkdir()
    text = "\n".join(f"{mood}\t{text}" for mood, text in REVIEWS)
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / "data" / name).write_text(text, encoding="utf-8")
    names = {"MODEL": model_folder}
    exec(block(page, "python"), names)
    assert names["results"]["dev_examples"] == len(REVIEWS)
    tuned = FineTuned.read("runs/tabbed")
    examples = tuned.kind.read("data/dev.tsv", pytest.fail)
    scores = tuned.kind.score(examples, Predictor(tuned.kind, tuned.model)(examples))
    assert scores == names["results"]["scores"]


def test_table_of_tasks(page):
    """Kinds, lengths, batches and epochs are those of the built-in tasks."""
    rows = re.findall(r"^\| ([\w, ]+) \| `(\w+)`[^|]* \|[^|]+\| (\d+) \| ([\d ×]+) \| (\d+) \|", page, re.MULTILINE)
    shown = {name: row[1:] for row in rows for name in row[0].split(", ")}
    assert set(shown) == set(ORDER)
    for name, (kind, maxlen, batch, epochs) in shown.items():
        task = Task.read(name)
        batch, _, accumulation = batch.partition(" × ")
        assert (task.kind, task.maxlen, task.training.epochs) == (kind, int(maxlen), int(epochs))
        assert (task.training.batch, task.training.accumulation) == (int(batch), int(accumulation or 1))


def test_results_are_of_all_tasks(page):
    (header, *_) = re.findall(r"^\| \| ([\w |]+) \|$", page, re.MULTILINE)
    assert tuple(header.split(" | ")) == ORDER
