"""c3 and data like it: reading, encoding, scoring, the file to submit."""

import json

import numpy as np
import pytest

from rfv2_keras import Tokenizer, UserError
from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.kinds.kind import TOKENS, Example
from rfv2_keras.clue.kinds.multiple_choice import Question
from rfv2_keras.clue.task import Task

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="module")
def kind():
    """c3 with a vocabulary of a few characters."""
    return kind_of(Task.read("c3"), Tokenizer({t: i for i, t in enumerate([*SPECIAL, *"甲乙丙丁问题篇章|"])}))


@pytest.fixture(scope="module")
def real(data):
    """c3 with the released vocabulary."""
    return kind_of(Task.read("c3"), Tokenizer(str(data / "vocab" / "roformer_v2_char_vocab.txt")))


@pytest.fixture
def read(tmp_path, kind):
    """Function from the content of a file to its examples and what was reported."""

    def read(content, kind=kind):
        path = tmp_path / "c3.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        reports = []
        return kind.read(path, reports.append), [report.removeprefix(str(path)) for report in reports]

    return read


def question(choices, answer=None, **more):
    return {"question": "问", "choice": choices, **({} if answer is None else {"answer": answer}), **more}


def test_two_to_four_choices(kind, read):
    """Every question has a row for each of its choices; batches fill up to four with padding."""
    questions = [question(list("甲乙丙丁")[:count], "乙") for count in (2, 3, 4)]
    examples, reports = read([[["篇", "章"], questions, "0"]])
    assert not reports
    assert [example.answer for example in examples] == [1, 1, 1]
    assert [example.key for example in examples] == [0, 1, 2]
    assert examples[0].content == Question("篇||章", "问", ("甲", "乙"))
    features = [feature for i, example in enumerate(examples) for feature in kind.features(example, i)]
    assert [feature.inputs[TOKENS].shape for feature in features] == [(2, 10), (3, 10), (4, 10)]
    tokens = kind.inputs(features, 16)[TOKENS]
    assert tokens.shape == (3, 4, 16)
    np.testing.assert_array_equal(tokens.any(axis=-1).sum(axis=-1), [2, 3, 4])
    np.testing.assert_array_equal(kind.targets(features, 16), [1, 1, 1])
    summaries = [[(f, np.array([0.0, 1.0, -1.0, 9.0])[: len(f.inputs[TOKENS])])] for f in features]
    labels = [prediction["label"] for prediction in kind.decode(examples, summaries)]
    assert labels == [1, 1, 3]


def test_padded_logits_are_not_chosen(kind, read):
    """What a model gives for choices that are not there plays no part, whatever it is."""
    examples, _ = read([[["篇"], [question(["甲", "乙"])], "0"]])
    (feature,) = kind.features(examples[0], 0)
    for rest in (-np.inf, 100.0):
        (prediction,) = kind.decode(examples, [[(feature, np.array([np.log(3.0), 0.0, rest, rest]))]])
        assert prediction == {"choice": "甲", "label": 0, "probability": 0.75}


def test_answer_that_is_no_choice(kind, read):
    """It is reported with its place; the question stays, without an answer, and does not count."""
    examples, reports = read([[["篇"], [question(["甲", "乙"], "丙"), question(["甲", "乙"], "乙")], "0"]])
    assert reports == [": passage 1, question 1: without an answer, '丙' is none of the choices 甲, 乙."]
    assert [example.answer for example in examples] == [None, 1]
    assert kind.features(examples[0], 0)[0].target is None
    wrong, right = ({"label": 0}, {"label": 1})
    assert kind.score(examples, [wrong, right]) == {"accuracy": 1.0}
    assert kind.score(examples, [right, wrong]) == {"accuracy": 0.0}
    assert kind.score(examples[:1], [right]) == {}


@pytest.mark.parametrize("passage", [[], [""], ""])
def test_empty_passage(kind, read, passage):
    examples, reports = read([[passage, [question(["甲", ""], "甲")], "0"]])
    assert not reports
    (feature,) = kind.features(examples[0], 0)
    token = kind.tokenizer.token_to_id
    row = [token(t) for t in ["[CLS]", "[SEP]", "问", "[SEP]", "甲", "[SEP]"]]
    np.testing.assert_array_equal(feature.inputs[TOKENS], [row, [*row[:4], row[5], 0]])


def test_broken_file(read):
    with pytest.raises(UserError, match=r"c3\.json: the file is no JSON"):
        read('[[["篇"], [{"question": ')
    with pytest.raises(UserError, match=r"c3\.json: must hold a list of passages or JSON lines, found a int"):
        read("3")


def test_broken_parts(read):
    """What cannot be used is left out and reported with its place, the rest is read."""
    good = question(["甲", "乙"], "甲", id=7)
    questions = [good, "?", {"choice": ["甲"]}, question([]), question([1, 2]), {"question": 1, "choice": ["甲"]}]
    examples, reports = read([[["篇"], questions, "0"], {"no": "list"}, [[3], [good]], [["篇"], [good]]])
    assert [example.key for example in examples] == [7, 7]
    assert [example.place.rpartition(": ")[2] for example in examples] == [
        "passage 1, question 1",
        "passage 4, question 1",
    ]
    assert reports == [
        ": passage 1, question 2: left out, it is a str, not an object.",
        ": passage 1, question 3: left out, it has no field 'question'.",
        ": passage 1, question 4: left out, the choices must be a list of strings, received [].",
        ": passage 1, question 5: left out, the choices must be a list of strings, received [1, 2].",
        ": passage 1, question 6: left out, a question must be a string, received 1.",
        ": passage 2: left out, it must be a list of sentences followed by a list of questions.",
        ": passage 3, question 1: left out, a passage must be a string or a list of strings.",
    ]


def test_own_data(read):
    """JSON lines with fields of other names, answers by index, more choices than four, U+2028 in a text."""
    options = {"text": "doc.body", "question": "q", "choice": "options", "answer": "gold", "id": "key", "joined_by": ""}
    values = {"name": "own", "kind": "multiple_choice", "files": {}, "maxlen": 16, "options": options}
    kind = kind_of(Task.from_values(values, "own.json"), Tokenizer({t: i for i, t in enumerate([*SPECIAL, *"甲乙"])}))
    records = [
        {"doc": {"body": "甲\u2028乙"}, "q": "甲", "options": list("甲乙甲乙甲"), "gold": 4, "key": "x"},
        {"doc": {"body": ["甲", "乙"]}, "q": "甲", "options": ["0", "1"], "gold": "1"},
        {"doc": {"body": "甲"}, "q": "甲", "options": ["甲", "乙"], "gold": 2},
        {"doc": {}, "q": "甲", "options": ["甲", "乙"], "gold": 1},
    ]
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    examples, reports = read("\n".join([*lines[:2], "{broken", *lines[2:]]), kind)
    assert [(e.key, e.answer) for e in examples] == [("x", 4), (1, 1), (2, None)]
    assert [e.content.passage for e in examples] == ["甲\u2028乙", "甲乙", "甲"]
    assert [report.partition(" ")[0] for report in reports] == [":3:", ":4:", ":5:"]
    features = [feature for i, example in enumerate(examples) for feature in kind.features(example, i)]
    assert kind.inputs(features, 16)[TOKENS].shape == (3, 5, 16)


def test_wrong_options():
    with pytest.raises(UserError, match=r"task own, options: .*choice_count"):
        kind_of(Task(name="own", kind="multiple_choice", files={}, options={"choice_count": 5}), None)


def test_no_file(kind, tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        kind.read(tmp_path / "m-train.json", pytest.fail)


def recipe(tokenizer, passage, question, choice, maxlen):
    """Tokens of a row, written down once more: one token at a time, from the longest text."""
    passage, question, choice = (tokenizer.tokenize(text) for text in (passage, question, choice))
    parts = [choice[1:], question[1:], passage]
    while sum(map(len, parts)) > maxlen:
        longest = max(range(3), key=lambda i: (len(parts[i]), -i))
        del parts[longest][-2]
    return tokenizer.tokens_to_ids(parts[2] + parts[1] + parts[0])


@pytest.mark.parametrize("maxlen", [512, 128, 24])
def test_encoding_of_real_examples(data, real, maxlen):
    kind = kind_of(real.task.model_copy(update={"maxlen": maxlen}), real.tokenizer)
    examples = kind.read(data / "clue" / "c3" / "m-dev.json", pytest.fail)[::25]
    cut = 0
    for example in examples:
        (feature,) = kind.features(example, 3)
        rows = feature.inputs[TOKENS]
        assert len(rows) == len(example.content.choices)
        assert feature.example == 3
        for row, choice in zip(rows, example.content.choices, strict=True):
            expected = recipe(kind.tokenizer, example.content.passage, example.content.question, choice, maxlen)
            np.testing.assert_array_equal(row[: len(expected)], expected)
            assert not row[len(expected) :].any()
            cut += len(expected) == maxlen
    assert (cut > 0) or maxlen == 512


def test_real_files_against_their_json(data, real):
    """Every question of the official files is there, in order; answers are those of the files."""
    counts = {"m-dev.json": 1991, "d-dev.json": 1825, "test1.0.json": 1560, "test1.1.json": 799}
    for name, count in counts.items():
        path = data / "clue" / "c3" / name
        examples = real.read(path, pytest.fail)
        records = [record for item in json.loads(path.read_text()) for record in item[1]]
        assert len(examples) == len(records) == count
        for number, (example, record) in enumerate(zip(examples, records, strict=True)):
            assert example.key == record.get("id", number)
            assert (None if example.answer is None else record["choice"][example.answer]) == record.get("answer")


def oracle(kind, path):
    examples = kind.read(path, pytest.fail)
    predictions = [kind.gold(example) for example in examples]
    assert kind.score(examples, predictions) == {"accuracy": 1.0}
    submitted = [json.loads(line) for line in kind.submission(examples, predictions).splitlines()]
    assert submitted == [{"id": str(e.key), "label": str(e.answer)} for e in examples]
    for example, prediction in zip(examples, predictions, strict=True):
        record = kind.record(example, prediction)
        assert list(record) == ["id", "choice", "label", "probability"]
        assert record["choice"] == example.content.choices[example.answer]
    return len(examples)


@pytest.mark.parametrize("name", ["m-train", "d-train", "m-dev", "d-dev"])
def test_oracle(data, real, name):
    """Right answers score 1, and the file to submit gives them back."""
    assert oracle(real, data / "clue" / "c3" / f"{name}.json") > 1000
    assert oracle(real, data / "official_samples" / "c3" / f"{name}.json") >= 1


def test_official_test_sample(data, real):
    (example,) = real.read(data / "official_samples" / "c3" / "test.json", pytest.fail)
    assert (example.key, example.answer) == (508, None)
    assert real.submission([example], [{"label": 3}]) == '{"id": "508", "label": "3"}\n'


def test_gold_needs_no_unique_choices(kind):
    """Some questions have the same choice twice: the index decides."""
    example = Example("here", 0, Question("", "", ("甲", "甲")), 0)
    assert kind.score([example], [{"label": 1}]) == {"accuracy": 0.0}
