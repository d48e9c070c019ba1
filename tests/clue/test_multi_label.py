"""Labels in any number: real events in plain lines, JSON lines, and what may go wrong in them."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.task import Task
from rfv2_keras.errors import UserError


@pytest.fixture
def task(root, data):
    """The example task with the labels of its training file."""
    path = root / "configs" / "multitask" / "tasks" / "duee.json"
    return Task.read(path)


@pytest.fixture
def kind(task, tokenizer, data):
    unlabelled = kind_of(task, tokenizer)
    examples = unlabelled.read_all(task.files.train, data, pytest.fail)
    assert len(examples) == 11958
    return kind_of(task.with_labels(unlabelled.labels_of(examples)), tokenizer)


def test_gold_labels_score_1(kind, data):
    """Oracle: right labels score 1, no labels score 0; the micro F1 of wrong ones is that of scikit-learn."""
    examples = kind.read_all(kind.task.files.dev, data, pytest.fail)
    assert (len(examples), len(kind.task.labels)) == (1498, 65)
    gold = [kind.gold(example) for example in examples]
    assert kind.score(examples, gold) == {"micro_f1": 1.0, "exact_match": 1.0}
    assert kind.score(examples, [{"labels": []}] * len(examples)) == {"micro_f1": 0.0, "exact_match": 0.0}
    draw = np.random.default_rng(0)
    guesses = draw.random((len(examples), 65)) < 0.05
    predictions = [{"labels": [kind.task.labels[i] for i in np.flatnonzero(row)]} for row in guesses]
    targets = np.stack([kind.features(example, 0)[0].target for example in examples])
    expected = f1_score(targets, guesses, average="micro")
    assert kind.score(examples, predictions)["micro_f1"] == pytest.approx(expected)
    lines = [json.loads(line) for line in kind.submission(examples, gold).split("\n")[:-1]]
    assert [set(line["labels"]) for line in lines] == [set(example.answer) for example in examples]


def test_targets_decode_to_their_labels(kind, data):
    """Scores above 0 where the target is 1 are predicted, most certain first, with probability σ(2 s)."""
    example = next(e for e in kind.read_all(kind.task.files.dev, data, pytest.fail) if len(e.answer) > 1)
    (feature,) = kind.features(example, 0)
    scores = np.where(feature.target > 0, 0.5, -1.0) + np.arange(65) * 1e-4
    (prediction,) = kind.decode([example], [[(feature, scores)]])
    assert set(prediction["labels"]) == set(example.answer)
    assert prediction["probabilities"] == sorted(prediction["probabilities"], reverse=True)
    assert prediction["probabilities"][-1] == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.01)


def test_trap_lines(task, tokenizer, tmp_path):
    """No space, an empty label, an empty text, spaces in the text, a stray byte: named or read as they are."""
    path = tmp_path / "train.txt"
    lines = ["甲|乙 文 本", "甲", "甲||乙 文", "|甲 文", "乙 ", "", " 文"]
    path.write_bytes("\n".join(lines).encode() + b"\n\xff \xfe\n")
    complaints = []
    examples = kind_of(task, tokenizer).read(path, complaints.append)
    assert [(e.content[0], sorted(e.answer)) for e in examples] == [("文 本", ["乙", "甲"]), ("", ["乙"])]
    assert sorted(int(c.split(": left out, ")[0].rpartition(":")[2]) for c in complaints) == [2, 3, 4, 7, 8]


def test_json_lines(task, tokenizer, tmp_path):
    """An empty list is an answer, a missing field is none, numbers are labels; a single string is no list."""
    path = tmp_path / "train.jsonl"
    records = [
        {"text": "一", "labels": []},
        {"text": "二"},
        {"text": "三", "labels": [3, "甲"]},
        {"text": "四", "labels": "甲"},
    ]
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    complaints = []
    kind = kind_of(task, tokenizer)
    examples = kind.read(path, complaints.append)
    assert [e.answer for e in examples] == [frozenset(), None, frozenset({"3", "甲"})]
    assert len(complaints) == 1
    kind = kind_of(task.with_labels(kind.labels_of(examples)), tokenizer)
    assert [kind.features(e, 0)[0].target is None for e in examples] == [False, True, False]
    assert kind.score(examples, [{"labels": []}, {"labels": ["3"]}, {"labels": ["3", "甲"]}])["exact_match"] == 1.0


def test_unknown_label_is_named_with_its_place(kind, tmp_path):
    path = tmp_path / "dev.txt"
    path.write_text("组织关系-裁员 文\n不明 文\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"dev.txt:2: the label '不明' is none of those of duee: 交往-"):
        kind.read(path, pytest.fail)
