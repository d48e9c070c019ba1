"""Classification: what the real files hold, and what may go wrong in them."""

import json

import numpy as np
import pytest

from rfv2_keras.errors import UserError

TASKS = ("iflytek", "tnews", "afqmc", "cmnli", "ocnli", "wsc", "csl")


def lines(path, *records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", TASKS)
def test_gold_labels_score_1_and_parse_back(name, make_kind, clue_data):
    """Oracle: with the gold labels as predictions every score is 1, and the submission holds them again."""
    kind = make_kind(name)
    examples = kind.read_all(kind.task.files.dev, clue_data, pytest.fail)
    gold = [kind.gold(example) for example in examples]
    assert set(kind.score(examples, gold).values()) == {1.0}
    submitted = [json.loads(line) for line in kind.submission(examples, gold).split("\n")[:-1]]
    assert [(one["id"], one["label"]) for one in submitted] == [(str(e.key), e.answer) for e in examples]
    wrong = [{"label": kind.task.labels[kind.task.labels.index(e.answer or kind.task.labels[0]) - 1]} for e in examples]
    assert kind.score(examples, wrong)["accuracy"] == 0.0


@pytest.mark.parametrize("name", TASKS)
def test_rows_fit_and_end_as_they_should(name, make_kind, clue_data, tokenizer):
    kind = make_kind(name)
    examples = kind.read_all(kind.task.files.dev, clue_data, pytest.fail)[:300]
    rows = [feature.inputs["Input-Token"] for e in examples for feature in kind.features(e, 0)]
    assert all(row[0] == tokenizer.start_id and row[-1] == tokenizer.end_id for row in rows)
    assert max(map(len, rows)) <= kind.task.maxlen
    assert {row.dtype for row in rows} == {np.dtype("int32")}


def test_unusable_label_keeps_its_line(make_kind, clue_data, tmp_path):
    """ "-" is neither learned nor scored, and predictions stay aligned with the lines of the file."""
    kind = make_kind("ocnli")
    examples = kind.read(clue_data / "ocnli" / "dev.json", pytest.fail)
    assert len(examples) == 3000
    assert sum(example.answer is None for example in examples) == 50
    unusable = next(i for i, example in enumerate(examples) if example.answer is None)
    assert [feature.target for feature in kind.features(examples[unusable], unusable)] == [None]
    predictions = [{"label": example.answer or "neutral", "probability": 1.0} for example in examples]
    assert kind.score(examples, predictions)["accuracy"] == 1.0
    assert kind.submission(examples, predictions).count("\n") == 3000


def test_unknown_label_is_named_with_its_place(make_kind, tmp_path):
    path = lines(tmp_path / "train.json", {"sentence": "一", "label": "100"}, {"sentence": "二", "label": "105"})
    with pytest.raises(UserError, match=r"train.json:2: the label '105' is none of those of tnews: 100, 101"):
        make_kind("tnews").read(path, pytest.fail)


def test_labels_and_ids_as_numbers_or_missing(make_kind, tmp_path):
    """Labels compare as strings; the id is `id`, `idx`, or the number of the line."""
    path = lines(
        tmp_path / "dev.json",
        {"sentence1": "一", "sentence2": "二", "label": 1, "id": "x7"},
        {"sentence1": "一", "sentence2": "二", "label": "0", "idx": 5},
        {"sentence1": "一", "sentence2": "二"},
    )
    examples = make_kind("afqmc").read(path, pytest.fail)
    assert [(e.key, e.answer) for e in examples] == [("x7", "1"), (5, "0"), (2, None)]


def test_what_is_left_out_is_reported(make_kind, tmp_path):
    path = lines(tmp_path / "dev.json", {"sentence1": "一"}, {"sentence1": "一", "sentence2": 3})
    with path.open("a") as file:
        file.write("{broken\n")
    complaints = []
    assert make_kind("afqmc").read(path, complaints.append) == []
    assert [c.split(": left out, ")[0].rpartition(":")[2] for c in complaints] == ["1", "2", "3"]


def test_empty_texts(make_kind, tmp_path, tokenizer):
    path = lines(tmp_path / "dev.json", {"sentence": "", "label": "100"})
    kind = make_kind("tnews")
    (feature,) = kind.features(kind.read(path, pytest.fail)[0], 0)
    assert feature.inputs["Input-Token"].tolist() == [tokenizer.start_id, tokenizer.end_id]


def test_keywords_are_joined(make_kind, tmp_path, tokenizer):
    path = lines(tmp_path / "dev.json", {"keyword": ["导电炭黑", "偶联剂"], "abst": "通过高速砂磨法制备", "label": "1"})
    kind = make_kind("csl")
    (feature,) = kind.features(kind.read(path, pytest.fail)[0], 0)
    expected = tokenizer.encode("导电炭黑；偶联剂", "通过高速砂磨法制备")[0]
    assert feature.inputs["Input-Token"].tolist() == expected


TEXT = "首都南迁以后，北平失掉它一向政治上的作用"


@pytest.mark.parametrize("swapped", [False, True])
def test_spans_are_marked_in_either_order(make_kind, tmp_path, tokenizer, swapped):
    first, second = (7, "北平"), (11, "它")
    if swapped:
        first, second = second, first
    target = {"span1_index": first[0], "span1_text": first[1], "span2_index": second[0], "span2_text": second[1]}
    path = lines(tmp_path / "dev.json", {"text": TEXT, "target": target, "label": "true"})
    kind = make_kind("wsc")
    (feature,) = kind.features(kind.read(path, pytest.fail)[0], 0)
    marked = "首都南迁以后，[[北平]]失掉[[它]]一向政治上的作用"
    assert feature.inputs["Input-Token"].tolist() == tokenizer.encode(marked)[0]


@pytest.mark.parametrize("before", [0, 60, 300, 600])
def test_spans_outside_the_window(make_kind, tmp_path, tokenizer, before):
    """A long text is cut where the spans are not, so that both are in the row with their marks."""
    text = "天" * before + TEXT + "地" * (600 - before)
    target = {"span1_index": before + 7, "span1_text": "北平", "span2_index": before + 11, "span2_text": "它"}
    path = lines(tmp_path / "dev.json", {"text": text, "target": target, "label": "true"})
    kind = make_kind("wsc")
    (feature,) = kind.features(kind.read(path, pytest.fail)[0], 0)
    row = feature.inputs["Input-Token"].tolist()
    inner = tokenizer.encode("[[北平]]失掉[[它]]")[0][1:-1]
    assert len(row) == kind.task.maxlen
    assert any(row[i : i + len(inner)] == inner for i in range(len(row)))


def test_spans_further_apart_than_the_window(make_kind, tmp_path):
    """The row begins at the first span; nothing fails."""
    target = {"span1_index": 0, "span1_text": "天", "span2_index": 500, "span2_text": "地"}
    path = lines(tmp_path / "dev.json", {"text": "天" * 500 + "地", "target": target, "label": "true"})
    kind = make_kind("wsc")
    (feature,) = kind.features(kind.read(path, pytest.fail)[0], 0)
    assert feature.length == kind.task.maxlen
