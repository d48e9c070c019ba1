"""Tasks are data: the eleven of CLUE, and a user's own."""

import json

import pytest

from rfv2_keras.clue.kinds import KINDS, kind_of
from rfv2_keras.clue.task import ORDER, Task
from rfv2_keras.errors import UserError


@pytest.mark.parametrize("name", ORDER)
def test_built_in_tasks(name, tokenizer, clue_data):
    """Every task can be read, its kind takes its options, and its files exist where it says."""
    task = Task.read(name)
    assert task.name == name
    assert isinstance(kind_of(task, tokenizer), KINDS[task.kind])
    for path in (*task.files.train, *task.files.dev, *task.files.test.values()):
        assert (clue_data / path).is_file(), path


def test_labels_are_those_of_the_data(clue_data):
    """The sets of labels agree with the official label files and with what occurs."""
    for name in ("iflytek", "tnews"):
        text = (clue_data / name / "labels.json").read_text(encoding="utf-8").strip()
        official = {json.loads(line)["label"] for line in text.split("\n")}
        assert set(Task.read(name).labels) == {str(label) for label in official}
    assert not {"105", "111"} & set(Task.read("tnews").labels)


def test_overrides():
    task = Task.read("tnews", ["training.epochs=3", "options.pooling=mean"])
    assert (task.training.epochs, task.options["pooling"]) == (3, "mean")


def test_own_task_without_code(tmp_path, tokenizer):
    """A JSON file makes a task of a known kind; its labels may be left to the data."""
    path = tmp_path / "mood.json"
    files = {"train": ["train.jsonl"]}
    path.write_text(json.dumps({"name": "mood", "kind": "classification", "files": files, "options": {"text": "t"}}))
    (tmp_path / "train.jsonl").write_text('{"t": "好", "label": 1}\n{"t": "坏", "label": 0}\n', encoding="utf-8")
    task = Task.read(path)
    examples = kind_of(task, tokenizer).read_all(task.files.train, tmp_path, pytest.fail)
    assert kind_of(task, tokenizer).labels_of(examples) == ["0", "1"]


BAD = [
    ({"kind": "riddle"}, "kind must be one of"),
    ({"options": {"pooled": "mean"}}, 'unknown key "pooled"; did you mean "pooling"'),
    ({"training": {"epoch": 3}}, 'unknown key "training.epoch"; did you mean "epochs"'),
    ({"training": {"epochs": 0}}, "training.epochs: input should be greater than or equal to 1"),
    ({"options": {"spans": [["a"]]}}, "spans.0: list should have at least 2 items"),
    ({"name": "a/b"}, "name: string should match"),
]


@pytest.mark.parametrize(("values", "message"), BAD, ids=[message[:20] for _, message in BAD])
def test_wrong_values_get_one_sentence(tokenizer, values, message):
    base = {"name": "mine", "kind": "classification", "files": {}}
    with pytest.raises(UserError) as caught:
        kind_of(Task.from_values({**base, **values}, "mine.json"), tokenizer)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
