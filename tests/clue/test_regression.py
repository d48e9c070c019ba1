"""Regression: real similarity data in both layouts, and what may go wrong in files."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.kinds.regression import RegressionLoss
from rfv2_keras.clue.task import Task
from rfv2_keras.errors import UserError


@pytest.fixture
def kind(root, tokenizer):
    """Function that makes the kind of the example task, with values replaced as on the command line."""
    path = root / "configs" / "multitask" / "tasks" / "sts_b.json"
    return lambda *overrides: kind_of(Task.read(path, overrides), tokenizer)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_gold_labels_score_1(kind, data, loss):
    """Oracle: right numbers and outputs of a model that learned them exactly rank perfectly; reversed ones score -1."""
    kind = kind(f"options.loss={loss}")
    examples = kind.read_all(kind.task.files.dev, data, pytest.fail)
    assert len(examples) == 1458
    gold = [kind.gold(example) for example in examples]
    assert kind.score(examples, gold) == pytest.approx({"spearman": 1.0, "pearson": 1.0})
    features = [kind.features(example, 0)[0] for example in examples[:200]]
    targets = np.clip([feature.target for feature in features], 1e-6, 1 - 1e-6)
    outputs = targets if loss == "squared_error" else np.log(targets / (1 - targets))
    learned = kind.decode(examples[:200], [[(f, np.array([o]))] for f, o in zip(features, outputs, strict=True)])
    assert [p["score"] for p in learned] == pytest.approx([e.answer for e in examples[:200]], abs=1e-3)
    reversed_ = [{"score": -prediction["score"]} for prediction in gold]
    assert kind.score(examples, reversed_)["spearman"] == pytest.approx(-1.0)
    lines = [json.loads(line) for line in kind.submission(examples, gold).split("\n")[:-1]]
    assert [line["score"] for line in lines] == [example.answer for example in examples]


def test_score_is_that_of_scipy(kind, data):
    kind = kind()
    examples = kind.read_all(kind.task.files.dev, data, pytest.fail)
    guesses = np.random.default_rng(0).random(len(examples))
    expected = spearmanr([e.answer for e in examples], guesses).statistic
    assert kind.score(examples, [{"score": g} for g in guesses])["spearman"] == pytest.approx(expected)
    assert kind.score(examples, [{"score": 2.5}] * len(examples)) == {"spearman": 0.0, "pearson": 0.0}


def test_json_lines_say_the_same_as_columns(kind, data, tmp_path):
    kind, path = kind(), tmp_path / "dev.jsonl"
    columns = kind.read(data / kind.task.files.dev[0], pytest.fail)
    records = [{"sentence1": e.content[0], "sentence2": e.content[1], "label": e.answer} for e in columns]
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    assert [(e.content, e.answer) for e in kind.read(path, pytest.fail)] == [(e.content, e.answer) for e in columns]


def test_trap_lines(kind, tmp_path):
    """Columns missing or too many, labels out of range or no numbers: named with their line; the rest is read."""
    path = tmp_path / "dev.data"
    lines = [
        "一\t二\t5",
        "一\t二",
        "一",
        "",
        "一\t二\t3\t4",
        "一\t二\t5.1",
        "一\t二\tnan",
        "一\t二\t三",
        "一\u2028\t二\t0\r",
    ]
    path.write_bytes(("\ufeff" + "\n".join(lines)).encode() + b"\n\xff\t\xfe\t1\n")
    complaints = []
    examples = kind().read(path, complaints.append)
    assert [(e.content, e.answer) for e in examples] == [(("一", "二"), 5.0), (("一", "二"), None), (("一", "二"), 0.0)]
    numbers = sorted(int(c.split(": left out, ")[0].rpartition(":")[2]) for c in complaints)
    assert numbers == [3, 5, 6, 7, 8, 10]


def test_trap_records(kind, tmp_path):
    path = tmp_path / "dev.jsonl"
    records = [
        {"sentence1": "一", "sentence2": "二", "label": "2.5", "id": "a"},
        {"sentence1": "一", "label": 1},
        {"sentence1": "一", "sentence2": 2, "label": 1},
        {"sentence1": "一", "sentence2": "二", "label": True},
        {"sentence1": "一", "sentence2": "二", "label": None},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    complaints = []
    examples = kind().read(path, complaints.append)
    assert [(e.key, e.answer) for e in examples] == [("a", 2.5), (4, None)]
    assert len(complaints) == 3


def test_one_text(kind, tmp_path):
    """With second_text null a line has two columns."""
    path = tmp_path / "dev.data"
    path.write_text("很好\t4\n", encoding="utf-8")
    one = kind("options.second_text=null")
    (example,) = one.read(path, pytest.fail)
    assert (example.content, example.answer) == (("很好",), 4.0)
    with pytest.raises(UserError, match="takes one text"):
        one.example("一", "二")


def test_losses():
    """Against the formulas in numpy, for large scores too."""
    targets, scores = np.array([0.0, 0.3, 1.0]), np.array([[80.0], [0.2], [-80.0]])
    squared = RegressionLoss("squared_error").call(targets, scores)
    np.testing.assert_allclose(squared, (scores[:, 0] - targets) ** 2, rtol=1e-6)
    p = 1 / (1 + np.exp(-0.2))
    expected = [80.0, -0.3 * np.log(p) - 0.7 * np.log(1 - p), 80.0]
    np.testing.assert_allclose(RegressionLoss("cross_entropy").call(targets, scores), expected, rtol=1e-6)


def test_bounds_must_differ(kind):
    with pytest.raises(UserError, match=r"low must be below high, received 5.0 and 5.0"):
        kind("options.low=5.0")
