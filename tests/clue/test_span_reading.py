"""Reading comprehension: windows, places of answers, decoding, submission, logits and loss."""

import json
import math

import numpy as np
import pytest

from rfv2_keras import Tokenizer
from rfv2_keras.clue.batches import FeatureBatches
from rfv2_keras.clue.kinds import Example, kind_of
from rfv2_keras.clue.kinds.span_reading import Question
from rfv2_keras.clue.prediction import encode
from rfv2_keras.clue.reading.answers import Answers
from rfv2_keras.clue.task import Task
from rfv2_keras.errors import UserError

PASSAGE = "北京大学创办于1898年，位于北京市海淀区。李大钊曾任图书馆主任。"


@pytest.fixture(scope="module")
def tokenizer():
    signs = sorted(set(PASSAGE) | set("在哪里？谁什么时候 abcdefghijklmnopqrstuvwxyz0123456789。，"))
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *signs, *(f"##{sign}" for sign in "abcdefi0123456789")]
    return Tokenizer({token: index for index, token in enumerate(tokens)})


@pytest.fixture
def make(tokenizer):
    """Function (maxlen, options) -> the kind of a task."""

    def build(maxlen=64, words=tokenizer, **options):
        values = {"name": "mine", "kind": "span_reading", "files": {}, "options": options, "maxlen": maxlen}
        return kind_of(Task(**values), words)

    return build


def _example(question, passage, *answers):
    spans = tuple((passage.index(text), passage.index(text) + len(text)) for text in answers)
    return Example("here", "Q1", Question(question, passage), Answers(tuple(answers), spans))


def _logits(length, scores):
    """A flat output where the spans of a dict have scores and the others have none."""
    output = np.full((length, length), -np.inf, np.float32)
    for span, score in scores.items():
        output[span] = score
    return output.reshape(-1)


def _decode_gold(kind, example):
    """What decoding gives if every window's target has the highest score of the windows."""
    features = kind.features(example, 0)
    rows = []
    for feature in features:
        target = tuple(feature.target)
        scores = {(0, 0): 1.0, target: 1.0} if target != (0, 0) else {(0, 0): 1.0}
        rows.append((feature, kind.summary(feature, _logits(feature.length, scores))))
    return kind.decode([example], [rows])[0]


def _write(path, questions):
    paragraphs = [{"context": PASSAGE, "qas": questions}]
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}, ensure_ascii=False), encoding="utf-8")
    return path


# --- real data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vocab", ["roformer_v2_char_vocab.txt", "bert_base_chinese_vocab.txt"])
def test_every_dev_answer_is_decoded_to_the_characters_that_were_encoded(data, vocab):
    """Of each answer that the official file places correctly, except where no tokenization of the passage alone can:
    an answer that begins with a space, and one (of two annotators) that begins inside the number 34."""
    kind = kind_of(Task.read("cmrc2018"), Tokenizer(str(data / "vocab" / vocab)))
    content = json.loads((data / "clue/cmrc2018/dev.json").read_text(encoding="utf-8"))
    right, other = 0, []
    for document in content["data"]:
        for paragraph in document["paragraphs"]:
            context = paragraph["context"]
            for question in paragraph["qas"]:
                for answer in question["answers"]:
                    text, start = answer["text"], answer["answer_start"]
                    if start < 0 or context[start : start + len(text)] != text:
                        continue
                    known = Answers((text,), ((start, start + len(text)),))
                    example = Example("", question["id"], Question(question["question"], context), known)
                    prediction = _decode_gold(kind, example)
                    if prediction == {"answer": text, "start": start}:
                        right += 1
                    else:
                        other.append((text, prediction["answer"]))
    assert right == 2530
    assert sorted(other) == [(" 1999年", "1999年"), ("4个", "34个"), ("4个", "34个")]


def test_the_gold_of_the_real_dev_file_scores_one_and_can_be_handed_in(data, tokenizer):
    kind = kind_of(Task.read("cmrc2018"), tokenizer)
    problems = []
    examples = kind.read(data / "clue/cmrc2018/dev.json", problems.append)
    assert len(examples) == 857
    gold = [kind.gold(example) for example in examples]
    assert kind.score(examples, gold) == {"exact_match": 1.0, "f1": 1.0}
    submission = json.loads(kind.submission(examples, gold))
    assert submission == {example.key: prediction["answer"] for example, prediction in zip(examples, gold, strict=True)}
    # 38 answers have the place -1 and are nowhere in their passages.
    assert [problem.split("learned: ")[1][:4] for problem in problems] == ["38 ("]


def test_the_real_training_and_test_files(data, tokenizer):
    kind = kind_of(Task.read("cmrc2018"), tokenizer)
    problems = []
    examples = kind.read(data / "clue/cmrc2018/train.json", problems.append)
    assert len(examples) == 2362
    assert all(len(example.answer.spans) == 1 for example in examples)
    assert len(problems) == 1
    assert "found: 3 (" in problems[0]
    test = kind.read(data / "clue/cmrc2018/test.json", problems.append)
    assert [example.answer for example in test] == [None] * 399
    assert kind.score(test, [{"answer": "北京", "start": 0}] * 399) == {}
    assert all(feature.target is None for feature in kind.features(test[0], 0))


# --- reading -----------------------------------------------------------------------------------------------------


def test_answers_are_looked_for_where_the_file_is_wrong(make, tmp_path):
    def question(name, text, start):
        return {"id": name, "question": "在哪里？", "answers": [{"text": text, "answer_start": start}]}

    path = _write(
        tmp_path / "train.json",
        [
            question("right", "北京", 0),
            question("near", "北京", 12),  # 15 is nearer than 0
            question("unplaced", "海淀区", -1),
            question("nowhere", "上海", 3),
            question("withheld", "FAKE_ANSWER_1", -1),
            {"id": "none", "question": "谁？"},
        ],
    )
    problems = []
    kind = make()
    examples = kind.read(path, problems.append)
    spans = {example.key: example.answer and example.answer.spans for example in examples}
    place = PASSAGE.index("海淀区")
    assert spans == {
        "right": ((0, 2),),
        "near": ((15, 17),),
        "unplaced": ((place, place + 3),),
        "nowhere": (),
        "withheld": None,
        "none": None,
    }
    assert len(problems) == 2
    assert "found: 2 ('北京', " in problems[0]
    assert "not learned: 1 ('上海', " in problems[1]
    targets = {e.key: [f.target for f in kind.features(e, 0)] for e in examples}
    assert targets["nowhere"] == targets["withheld"] == targets["none"] == [None]
    # What is nowhere still counts in the score.
    assert kind.score(examples[3:], [{"answer": "上海"}] * 3) == {"exact_match": 1.0, "f1": 1.0}


def test_json_lines_with_broken_ones(make, tmp_path):
    good = {"id": 7, "q": "谁？", "p": "李大钊\u2028在北京", "a": "北京"}
    lines = [
        json.dumps(good, ensure_ascii=False),
        '{"q": "谁？"',
        '{"q": "谁？"}',
        "[]",
        '{"q": "", "p": "", "a": null}',
    ]
    path = tmp_path / "mine.json"
    path.write_text("\n".join(lines), encoding="utf-8")
    problems = []
    examples = make(question="q", context="p", answers="a").read(path, problems.append)
    assert [(example.key, example.content.passage) for example in examples] == [(7, "李大钊\u2028在北京"), (2, "")]
    assert examples[0].answer == Answers(("北京",), ((5, 7),))
    places = [f"{path}:{number}: left out" for number in (2, 3, 4)]
    assert [problem.startswith(place) for problem, place in zip(problems, places, strict=True)] == [True] * 3


def test_files_that_are_no_questions(make, tmp_path):
    path = tmp_path / "train.json"
    path.write_text('{\n "data": [\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"train\.json: the file is no JSON .*line 3"):
        make().read(path, print)
    path.write_text('{"data": 3}', encoding="utf-8")
    with pytest.raises(UserError, match='a list "data" of documents'):
        make().read(path, print)
    problems = []
    path.write_text('{"data": [{"paragraphs": [{"qas": [{"id": 1}, 5]}, 3]}, {}]}', encoding="utf-8")
    assert make().read(path, problems.append) == []
    assert len(problems) == 5 - 1
    with pytest.raises(UserError, match="there is no such file"):
        make().read(tmp_path / "other.json", print)


# --- windows and targets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("maxlen", [8, 12, 24, 40, 64])
@pytest.mark.parametrize("stride", [1, 5, 128])
def test_windows_cover_the_passage_and_say_where_the_answer_is(make, tokenizer, maxlen, stride):
    kind = make(maxlen=maxlen, stride=stride)
    example = _example("李大钊在哪里？", PASSAGE, "1898年")
    features = kind.features(example, 3)
    tokens = tokenizer.encode(PASSAGE)[0][1:-1]
    covered = set()
    for feature in features:
        row, (question, begin) = feature.inputs["Input-Token"], feature.places
        assert feature.length <= maxlen
        assert feature.example == 3
        assert row[question:-1].tolist() == tokens[begin : begin + feature.length - question - 1]
        covered.update(range(begin, begin + feature.length - question - 1))
        if feature.target not in (None, (0, 0)):
            first, last = feature.target
            assert tokenizer.decode(row[first : last + 1]) == "1898年"
    assert covered == set(range(len(tokens)))
    targets = [feature.target for feature in features]
    if any(target not in (None, (0, 0)) for target in targets):
        assert _decode_gold(kind, example) == {"answer": "1898年", "start": 7}
    else:  # it is longer than windows, or than what they share
        assert maxlen <= 12
        assert targets == [None] * len(features)


def test_targets_depend_on_the_padded_length_and_questions_are_masked(make):
    kind = make()
    features = encode(kind, [_example("谁？", PASSAGE, "李大钊"), _example("在哪里？", PASSAGE, "海淀区")])
    first, last = features[0].target
    assert kind.targets(features[:1], 64).tolist() == [first * 64 + last]
    assert kind.targets(features[:1], 48).tolist() == [first * 48 + last]
    mask = kind.inputs(features, 64)["Input-Passage"]
    assert mask.dtype == np.int32
    for row, feature in zip(mask, features, strict=True):
        question = feature.places.question
        assert row[0] == 1
        assert not row[1:question].any()
        assert row[question : feature.length - 1].all()
        assert not row[feature.length - 1 :].any()


def test_a_share_of_the_windows_without_the_answer_is_learned(make):
    example = _example("谁？", "北京" * 200 + "李大钊", "李大钊")
    everything = [feature.target for feature in make(maxlen=24, stride=4).features(example, 0)]
    assert everything.count(None) == 0
    kept = [feature.target for feature in make(maxlen=24, stride=4, empty_windows=0.5).features(example, 0)]
    assert kept == [feature.target for feature in make(maxlen=24, stride=4, empty_windows=0.5).features(example, 1)]
    assert 0.3 < kept.count((0, 0)) / everything.count((0, 0)) < 0.7
    assert [t for t in kept if t and t != (0, 0)] == [t for t in everything if t != (0, 0)]
    none = [feature.target for feature in make(maxlen=24, stride=4, empty_windows=0.0).features(example, 0)]
    assert (0, 0) not in none


# --- decoding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passage", "answer"),
    [
        ("İİİstanbul在北京", "北京"),  # lower-casing makes one character two
        ("İİ北京İ", "İ"),
        ("ＡＢＣ大学在１８９８年", "１８９８年"),
        ("e\u0301e\u0301cafe\u0301在北京", "cafe\u0301"),  # combining accents, which NFD keeps and cleaning drops
        ("éé北京café", "café"),
        ("\u2028北京\u200b大学\u3000\x00图书馆", "图书馆"),
        ("가나 北京", "北京"),
        ("𠮷野家在北京", "北京"),
        ("İ北 京é大\t学", "北 京é大\t学"),
    ],
)
def test_answers_are_cut_out_of_the_passage_as_it_was_given(make, passage, answer):
    example = _example("在哪里？", passage, answer)
    start = len(passage) - len(answer) if passage.endswith(answer) else passage.index(answer)
    example = Example("", 1, example.content, Answers((answer,), ((start, start + len(answer)),)))
    assert _decode_gold(make(), example) == {"answer": answer, "start": start}


def test_the_best_span_of_all_windows_is_the_answer(make):
    kind = make(maxlen=24, stride=8)
    example = _example("谁？", PASSAGE, "李大钊")
    features = kind.features(example, 0)
    assert len(features) == 3
    n, begin = features[1].length, features[1].places.question
    outputs = [_logits(feature.length, {(0, 0): 9.0, (begin, begin): 1.0}) for feature in features]
    outputs[1] = _logits(n, {(0, 0): 9.0, (0, begin): 8.0, (begin + 1, begin + 2): 2.0, (begin + 3, begin + 3): 1.5})
    rows = [(feature, kind.summary(feature, output)) for feature, output in zip(features, outputs, strict=True)]
    places = kind.tokenizer.encode_with_offsets(PASSAGE)[2][1:-1]
    start, end = places[9][0], places[10][1]
    assert kind.decode([example], [rows]) == [{"answer": PASSAGE[start:end], "start": start}]
    # Where none may be predicted, "no answer" has to be beaten in a window.
    assert make(maxlen=24, stride=8, unanswerable=True).decode([example], [rows]) == [{"answer": "", "start": None}]
    rows[1] = (features[1], rows[1][1]._replace(no_answer=1.9))
    assert make(maxlen=24, unanswerable=True).decode([example], [rows])[0]["start"] == start


def test_questions_without_an_answer(make, tmp_path):
    path = _write(tmp_path / "dev.json", [{"id": "none", "question": "谁？", "answers": []}])
    assert make().read(path, print)[0].answer is None
    kind = make(unanswerable=True, empty_windows=0.0)
    (example,) = kind.read(path, print)
    assert [feature.target for feature in kind.features(example, 0)] == [(0, 0)]
    assert kind.score([example], [{"answer": "", "start": None}]) == {"exact_match": 1.0, "f1": 1.0}
    assert kind.score([example], [{"answer": "北京", "start": 0}]) == {"exact_match": 0.0, "f1": 0.0}


def test_an_empty_passage_has_an_empty_answer(make):
    kind = make()
    example = kind.example("谁？", "")
    (feature,) = kind.features(example, 0)
    summary = kind.summary(feature, _logits(16, {(0, 0): 3.0}))
    assert summary.score == -math.inf
    assert kind.decode([example], [[(feature, summary)]]) == [{"answer": "", "start": None}]
    assert kind.record(example, {"answer": "", "start": None}) == {"id": 0, "answer": "", "start": None}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"options": {"strid": 3}}, "strid"),
        ({"options": {"stride": 0}}, "greater than or equal to 1"),
        ({"maxlen": 5000}, "at most 4096"),
    ],
)
def test_wrong_settings_are_named(tokenizer, values, sentence):
    with pytest.raises(UserError, match=sentence):
        kind_of(Task(**{"name": "mine", "kind": "span_reading", "files": {}, **values}), tokenizer)


def test_a_text_on_the_command_line_needs_a_passage(make):
    with pytest.raises(UserError, match="a question and a passage"):
        make().example("谁？")


# --- the model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_logits_and_loss_are_finite_where_they_count(make, dtype, small_model):
    kind = make(maxlen=32, stride=8)
    features = encode(kind, [_example("谁？", PASSAGE, "李大钊"), _example("谁？", "北京", "京")])
    model = small_model(kind, dtype)
    inputs, targets = FeatureBatches(kind, features, [t.name for t in model.inputs], len(features))[0]
    logits = model.predict_on_batch(list(inputs))
    assert logits.shape == (len(features), 32 * 32)
    assert logits.dtype == np.float32
    mask = inputs[-1].astype(bool)
    counts = mask[:, :, None] & mask[:, None, :] & np.triu(np.ones((32, 32), bool))
    np.testing.assert_array_equal(np.isfinite(logits), counts.reshape(len(features), -1))
    assert not np.isnan(logits).any()
    loss = np.asarray(kind.loss().call(targets, logits))
    logits = logits.astype(np.float64)
    expected = np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(features)), targets]
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    # A row that is all padding.
    padded = model.predict_on_batch([np.zeros((1, 16), np.int32)] * 2)
    assert np.isfinite(padded[0, 0])
    assert np.isneginf(padded[0, 1:]).all()
