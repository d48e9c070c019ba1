"""chid and data like it: blanks, contexts, joint assignment, answers, the file to submit."""

import itertools
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfv2_keras import Tokenizer, UserError
from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.kinds.idiom_cloze import assign
from rfv2_keras.clue.kinds.kind import TOKENS
from rfv2_keras.clue.task import Task

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer({t: i for i, t in enumerate([*SPECIAL, "_", *"甲乙丙丁左右中"])})


@pytest.fixture(scope="module")
def kind(tokenizer):
    """chid with a vocabulary of a few characters."""
    return kind_of(Task.read("chid"), tokenizer)


@pytest.fixture(scope="module")
def real(data):
    """chid with the released vocabulary."""
    return kind_of(Task.read("chid"), Tokenizer(str(data / "vocab" / "roformer_v2_char_vocab.txt")))


@pytest.fixture
def read(tmp_path, kind):
    """Function from lines and answers to the examples and what was reported."""

    def read(lines, answers=None, kind=kind, name="chid/test1.0"):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        lines = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        if answers is not None:
            text = answers if isinstance(answers, str) else json.dumps(answers)
            path.with_name(f"{path.stem}_answer.json").write_text(text)
        reports = []
        return kind.read(path, reports.append), [report.removeprefix(str(path.parent)) for report in reports]

    return read


def line(*passages, candidates="甲乙丙"):
    return {"candidates": list(candidates), "content": list(passages)}


def decode(kind, examples, logits):
    summaries = [
        [(kind.features(e, i)[0], np.array(row))] for i, (e, row) in enumerate(zip(examples, logits, strict=True))
    ]
    return kind.decode(examples, summaries)


def test_numbered_tags(read):
    """Every tag is an example, of any number of digits; the other tags of its passage become blanks on both sides."""
    examples, reports = read([line("左#idiom000001#中#idiom2#右", "#idiom1234567#")], {"#idiom2#": 2})
    assert [example.key for example in examples] == ["#idiom000001#", "#idiom2#", "#idiom1234567#"]
    sides = [(example.content.left, example.content.right) for example in examples]
    assert sides == [("左", "中_____右"), ("左_____中", "右"), ("", "")]
    assert [example.answer for example in examples] == [None, 2, None]
    assert len(reports) == 2  # the two without an answer


def test_empty_passage(kind, read):
    """Passages without text have no blank or one without context; a line without blanks is no error."""
    examples, reports = read([line("", "#idiom000001#"), line("左右")])
    assert not reports
    assert [(e.content.left, e.content.right) for e in examples] == [("", "")]
    (feature,) = kind.features(examples[0], 0)
    token = kind.tokenizer.token_to_id
    cls, sep = token("[CLS]"), token("[SEP]")
    np.testing.assert_array_equal(feature.inputs[TOKENS], [[cls, sep, token(c), sep, sep] for c in "甲乙丙"])


def test_line_separators_in_texts(read):
    """U+2028, U+2029 and U+0085 stand within a line."""
    examples, reports = read([line("左\u2028#idiom000001#\u2029右\x85"), line("#idiom000002#右")])
    assert not reports
    assert [(e.content.left, e.content.right) for e in examples] == [("左\u2028", "\u2029右\x85"), ("", "右")]
    assert [e.place.rpartition(":")[2] for e in examples] == ["1", "2"]


def test_broken_lines(read):
    """A line that cannot be read is reported with its number and left out."""
    texts = ['{"candidates": [', "[]", {"content": ["#idiom000002#"]}, line("#idiom000003#", candidates=""), line(3)]
    examples, reports = read([line("#idiom000001#"), *texts, line("#idiom000004#")])
    assert [example.key for example in examples] == ["#idiom000001#", "#idiom000004#"]
    assert [re.match(r"/test1\.0\.json:(\d):", report).group(1) for report in reports] == list("23456")


def test_missing_answers(read):
    """Files that are learned from or scored need the file of answers, others do not."""
    lines = [line("#idiom000001#")]
    for name in ("train", "dev"):
        with pytest.raises(UserError, match=rf"chid/{name}_answer\.json: there is no such file; .* {name}\.json"):
            read(lines, name=f"chid/{name}")
    for name in ("chid/test1.0", "mine"):
        examples, reports = read(lines, name=name)
        assert [example.answer for example in examples] == [None]
        assert not reports


def test_broken_answers(read):
    with pytest.raises(UserError, match=r"dev_answer\.json: the file is no JSON"):
        read([line("#idiom000001#")], "{", name="chid/dev")
    with pytest.raises(UserError, match=r"dev_answer\.json: must hold an object \{tag: index\}, found a list"):
        read([line("#idiom000001#")], [1], name="chid/dev")


@pytest.mark.parametrize("answer", [3, -1, "1", True, None, 1.0])
def test_answer_that_is_no_candidate(read, answer):
    """It is reported with its place; the blank stays, without an answer."""
    answers = {"#idiom000001#": answer, "#idiom000002#": 2}
    examples, reports = read([line("#idiom000001#左#idiom000002#")], answers, name="chid/dev")
    assert [example.answer for example in examples] == [None, 2]
    assert reports == [
        f"/dev.json:1: #idiom000001# has no answer, it needs a number from 0 to 2, has {answer!r}.",
    ]


def test_repeated_tag(read):
    """A submission can answer it once only, so it is reported."""
    _, reports = read([line("#idiom000001#"), line("#idiom000001#")])
    assert reports == [
        "/test1.0.json:2: the blank #idiom000001# stands in the file twice, a submission holds one answer only."
    ]


def test_blanks_of_a_line_share_candidates(kind, read):
    """By themselves both would take the first candidate; together they take different ones, and lines do not mix."""
    examples, _ = read([line("#idiom000001#", "#idiom000002#"), line("#idiom000003#")])
    logits = [[5.0, 4.0, 0.0], [5.0, 1.0, 0.0], [5.0, 4.0, 0.0]]
    assert [np.argmax(row) for row in logits] == [0, 0, 0]
    predictions = decode(kind, examples, logits)
    assert [prediction["label"] for prediction in predictions] == [1, 0, 0]
    assert [prediction["choice"] for prediction in predictions] == ["乙", "甲", "甲"]
    expected = np.exp(logits[0]) / np.exp(logits[0]).sum()
    assert predictions[0]["probability"] == pytest.approx(expected[1], abs=1e-4)
    options = {**kind.task.options, "joint": False}
    alone = kind_of(kind.task.model_copy(update={"options": options}), kind.tokenizer)
    assert [prediction["label"] for prediction in decode(alone, examples, logits)] == [0, 0, 0]


def test_more_blanks_than_candidates(kind, read):
    """Five blanks, two candidates: each is used at most three times."""
    passages = [f"#idiom00000{number}#" for number in range(5)]
    examples, _ = read([line(*passages, candidates="甲乙")])
    labels = [p["label"] for p in decode(kind, examples, [[9.0, 0.0], [8.0, 0.0], [1.0, 0.0], [2.0, 0.0], [7.0, 0.0]])]
    assert labels == [0, 0, 1, 1, 0]


@given(st.data())
def test_assignment_is_the_best(source):
    """Against all assignments in which no candidate is used more than ⌈blanks / candidates⌉ times."""
    blanks, candidates = source.draw(st.integers(1, 5)), source.draw(st.integers(1, 4))
    row = st.lists(st.integers(-9, 9), min_size=candidates, max_size=candidates)
    scores = np.array(source.draw(st.lists(row, min_size=blanks, max_size=blanks)), float)
    most = -(-blanks // candidates)
    allowed = [
        chosen
        for chosen in itertools.product(range(candidates), repeat=blanks)
        if max(map(chosen.count, chosen)) <= most
    ]
    chosen = tuple(assign(scores))
    assert chosen in allowed
    best = max(scores[range(blanks), list(each)].sum() for each in allowed)
    assert scores[range(blanks), list(chosen)].sum() == best


def test_number_of_candidates(kind, read):
    """Lines may have any number of candidates; batches hold ten, or as many as are needed."""
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 13)))
    examples, _ = read([line("左#idiom000001#", candidates="甲"), line("#idiom000002#", candidates=many)])
    features = [kind.features(example, index)[0] for index, example in enumerate(examples)]
    assert kind.inputs(features[:1], 16)[TOKENS].shape == (1, 10, 16)
    tokens = kind.inputs(features, 16)[TOKENS]
    assert tokens.shape == (2, 13, 16)
    np.testing.assert_array_equal(tokens.any(axis=-1).sum(axis=-1), [1, 13])


def test_own_data(read, tokenizer):
    """Fields, blanks and context of other names and sizes; rows that are too long lose what is far from the blank."""
    options = {
        **{"candidates": "options", "content": "text", "tag": "<[a-z]>", "blank": "\\1", "context": 40},
        **{"answers": ".gold", "choices": 2},
    }
    values = {"name": "own", "kind": "idiom_cloze", "files": {}, "maxlen": 12, "options": options}
    kind = kind_of(Task.from_values(values, "own.json"), tokenizer)
    record = {"options": ["丙丁", "丁"], "text": "甲" * 30 + "左<a>右乙<b>"}
    examples, _ = read([record], None, kind)
    assert [e.key for e in examples] == ["<a>", "<b>"]
    assert examples[0].content.right == "右乙\\1"
    assert examples[0].content.left == "甲" * 30 + "左"
    (feature,) = kind.features(examples[0], 0)
    tokens = [kind.tokenizer.ids_to_tokens(row) for row in feature.inputs[TOKENS]]
    assert "".join(tokens[0]) == "[CLS]甲左[SEP]丙丁[SEP]右乙[UNK][UNK][SEP]"
    assert "".join(tokens[1]) == "[CLS]甲甲左[SEP]丁[SEP]右乙[UNK][UNK][SEP]"


def test_wrong_options():
    for options in ({"tag": "#idiom("}, {"context": 0}, {"length": 5}):
        with pytest.raises(UserError, match=f"task own, options: .*{next(iter(options))}"):
            kind_of(Task(name="own", kind="idiom_cloze", files={}, options=options), None)


def recipe(tokenizer, passage, match, candidate):
    """Tokens of a row, written down once more: one character at a time, from the longer side."""
    tag = re.compile(r"#idiom\d{6}#")
    left, right = tag.sub("_____", passage[: match.start()]), tag.sub("_____", passage[match.end() :])
    while len(left) + len(right) > 56:
        if len(left) >= len(right):
            left = left[1:]
        else:
            right = right[:-1]
    tokens = tokenizer.tokenize(left) + tokenizer.tokenize(candidate)[1:] + tokenizer.tokenize(right)[1:]
    return tokenizer.tokens_to_ids(tokens)


def test_encoding_of_real_examples(data, real):
    path = data / "clue" / "chid" / "dev.json"
    examples = real.read(path, pytest.fail)
    blanks = []
    for text in path.read_text(encoding="utf-8").split("\n")[:-1]:
        record = json.loads(text)
        found = ((p, m, record["candidates"]) for p in record["content"] for m in re.finditer(r"#idiom\d{6}#", p))
        blanks.extend(found)
    assert len(examples) == len(blanks) == 366
    assert max(len(e.content.left) + len(e.content.right) for e in examples) == 56
    for index in [*range(0, 7), *range(7, len(examples), 9)]:
        (passage, match, candidates), example = blanks[index], examples[index]
        assert example.key == match.group()
        (feature,) = real.features(example, index)
        for row, candidate in zip(feature.inputs[TOKENS], candidates, strict=True):
            expected = recipe(real.tokenizer, passage, match, candidate)
            assert len(expected) <= real.task.maxlen
            np.testing.assert_array_equal(row[: len(expected)], expected)
            assert not row[len(expected) :].any()


def oracle(kind, path):
    examples = kind.read(path, pytest.fail)
    assert all(example.answer is not None for example in examples)
    predictions = [kind.gold(example) for example in examples]
    assert kind.score(examples, predictions) == {"accuracy": 1.0}
    submission = kind.submission(examples, predictions)
    answers = json.loads(path.with_name(f"{path.stem}_answer.json").read_text())
    assert json.loads(submission) == answers
    assert submission.startswith('{\n    "#idiom')
    for example, prediction in zip(examples, predictions, strict=True):
        record = kind.record(example, prediction)
        assert list(record) == ["id", "choice", "label", "probability"]
        assert record["choice"] == example.content.choices[example.answer]
    # Logits that favour the right candidates give them back through the joint assignment.
    logits = [np.eye(len(e.content.choices))[e.answer] for e in examples]
    assert kind.choose(examples, logits) == [e.answer for e in examples]
    return len(examples)


@pytest.mark.parametrize(("name", "blanks"), [("train", 1357), ("dev", 366)])
def test_oracle(data, real, name, blanks):
    """Right answers score 1, and the file to submit equals the file of answers."""
    assert oracle(real, data / "clue" / "chid" / f"{name}.json") == blanks
    assert oracle(real, data / "official_samples" / "chid" / f"{name}.json") == 7


def test_official_test_files(data, real):
    """They have no answers; every blank is there once."""
    files = {"official_samples/chid/test.json": 9, "clue/chid/test1.0.json": 267, "clue/chid/test1.1.json": 144}
    for name, blanks in files.items():
        examples = real.read(data / name, pytest.fail)
        assert len({example.key for example in examples}) == len(examples) == blanks
        assert {example.answer for example in examples} == {None}
