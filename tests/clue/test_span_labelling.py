"""Labelled spans: reading, places of tokens, tags, three heads, scores and submission."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfv2_keras import Tokenizer
from rfv2_keras.clue.batches import FeatureBatches
from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.prediction import Predictor, encode
from rfv2_keras.clue.reading.labelled_spans import Span
from rfv2_keras.clue.reading.tag_scheme import TagScheme, without_overlap
from rfv2_keras.clue.task import Task
from rfv2_keras.errors import UserError
from rfv2_keras.layers import viterbi_decode

HEADS = ["efficient_global_pointer", "global_pointer", "crf"]
TEXT = "北京大学图书馆主任李大钊和北京市长"
# Repeated (北京), nested (北京 in 北京大学 in 北京大学图书馆), and one string with two labels.
LABEL = {
    "address": {"北京": [[0, 1], [13, 14]]},
    "organization": {"北京大学": [[0, 3]], "北京大学图书馆": [[0, 6]]},
    "name": {"李大钊": [[9, 11]]},
    "position": {"主任": [[7, 8]], "李大钊": [[9, 11]]},
}
SPANS = {
    Span("address", 0, 2),
    Span("address", 13, 15),
    Span("organization", 0, 4),
    Span("organization", 0, 7),
    Span("name", 9, 12),
    Span("position", 7, 9),
    Span("position", 9, 12),
}
JAMO = ["\u1100", "##\u1161", "##\u1102"]  # of 가나


@pytest.fixture(scope="module")
def tokenizer():
    signs = sorted(set(TEXT) | set("abcdefghijklmnopqrstuvwxyz0123456789。，"))
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *signs, *(f"##{sign}" for sign in "acef"), *JAMO, "1898"]
    return Tokenizer({token: index for index, token in enumerate(tokens)})


@pytest.fixture
def make(tokenizer):
    """Function (labels, maxlen, options) -> the kind of a task."""

    def build(labels=tuple(LABEL), maxlen=64, words=tokenizer, **options):
        labels = None if labels is None else list(labels)
        values = {"kind": "span_labelling", "files": {}, "options": options, "labels": labels, "maxlen": maxlen}
        return kind_of(Task(name="mine", **values), words)

    return build


def _write(path, *records):
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _decode_gold(kind, example):
    """What decoding gives if the cells of the target are the ones above 0."""
    (feature,) = kind.features(example, 0)
    (targets,) = kind.targets([feature], feature.length + 3)
    summary = kind.summary(feature, np.where(targets, 0.5, -0.5))
    return kind.decode([example], [[(feature, summary)]])[0]


def _sorted(record):
    """A record with the places of each entity in order."""
    label = {name: {text: sorted(spans) for text, spans in found.items()} for name, found in record["label"].items()}
    return {**record, "label": label}


def _found(prediction):
    return {Span(entity["label"], entity["start"], entity["end"]) for entity in prediction["entities"]}


# --- real data ---------------------------------------------------------------------------------------------------


def test_the_real_dev_file_is_encoded_scored_and_handed_in(data, tmp_path):
    """Gold gives 1 in every score and a file that reads as the gold; all but 4 of 3072 borders lie between tokens."""
    kind = kind_of(Task.read("cluener"), Tokenizer(str(data / "vocab/roformer_v2_char_vocab.txt")))
    path = data / "clue/cluener/dev.json"
    examples = kind.read(path, pytest.fail)
    assert len(examples) == 1343
    gold = [kind.gold(example) for example in examples]
    scores = kind.score(examples, gold)
    assert list(scores)[:3] == ["f1", "precision", "recall"]
    assert len(scores) == 13
    assert set(scores.values()) == {1.0}
    handed_in = kind.submission(examples, gold)
    again = kind.read(_write(tmp_path / "handed_in.json", handed_in.removesuffix("\n")), pytest.fail)
    assert [example.answer for example in again] == [example.answer for example in examples]
    for ours, line in zip(handed_in.split("\n"), path.read_text(encoding="utf-8").split("\n"), strict=False):
        assert not line or _sorted(json.loads(ours)) == _sorted(json.loads(line))
    decoded = [_decode_gold(kind, example) for example in examples]
    recall = kind.score(examples, decoded)
    assert recall["precision"] == 1.0
    assert recall["recall"] == pytest.approx((3072 - 4) / 3072)


def test_the_real_test_file_keeps_its_ids(data, tokenizer):
    kind = kind_of(Task.read("cluener"), tokenizer)
    examples = kind.read(data / "clue/cluener/test.json", pytest.fail)
    assert [example.key for example in examples] == list(range(1345))
    assert {example.answer for example in examples} == {None}
    assert kind.score(examples, [{"entities": []}] * len(examples)) == {}
    lines = kind.submission(examples[:2], [{"entities": []}] * 2).split("\n")
    assert json.loads(lines[1]) == {"id": 1, "text": examples[1].content.text, "label": {}}
    assert kind.features(examples[0], 0)[0].target is None


# --- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS[:2])
def test_repeated_and_nested_spans_come_back(make, tmp_path, head):
    kind = make(head=head)
    (example,) = kind.read(_write(tmp_path / "a.json", {"text": TEXT, "label": LABEL}), pytest.fail)
    assert example.answer == SPANS
    prediction = _decode_gold(kind, example)
    assert _found(prediction) == SPANS
    assert prediction == kind.gold(example)
    assert json.loads(kind.submission([example], [prediction])) == {"text": TEXT, "label": LABEL}
    record = kind.record(example, prediction)
    assert record["entities"][0] == {"label": "address", "start": 0, "end": 2, "text": "北京"}
    # Predictions read as labels.
    (again,) = make(label="entities").read(_write(tmp_path / "b.json", record), pytest.fail)
    assert again.answer == SPANS


def test_broken_and_unusual_lines(make, tmp_path):
    path = _write(
        tmp_path / "train.json",
        {"text": "北京\u2028大学", "label": {"address": {"北京": [[0, 1]]}}},
        '{"text": "北京", "label"',
        {"text": 3},
        {"label": {}},
        {"text": "北京", "label": {"address": [[0, 1]]}},
        {"text": "北京", "label": 7},
        {"text": "", "label": {}, "id": "empty"},
        {"text": "北京", "label": {"address": {"北京": [[0, 9]]}}},
        {"text": "北京", "label": {"address": {"上海": [[0, 1]]}}},
        {"text": "北京", "label": [{"label": "address", "start": 1, "end": 5}]},
        {"text": "北京"},
    )
    problems = []
    examples = make().read(path, problems.append)
    assert [problem.split(": ")[0] for problem in problems] == [f"{path}:{n}" for n in (2, 3, 4, 5, 6, 8, 9, 10)]
    assert [example.answer for example in examples] == [
        {Span("address", 0, 2)},
        frozenset(),
        {Span("address", 0, 2)},  # repaired
        frozenset(),
        frozenset(),
        None,
    ]
    assert examples[1].key == "empty"
    assert _decode_gold(make(), examples[1]) == {"entities": []}
    assert make().score(examples[1:2], [{"entities": []}])["f1"] == 0


def test_labels_come_from_the_training_data_or_are_checked(make, tmp_path):
    path = _write(tmp_path / "train.json", {"text": TEXT, "label": LABEL}, {"text": "无"})
    kind = make(labels=None)
    assert kind.labels_of(kind.read(path, pytest.fail)) == ["address", "name", "organization", "position"]
    with pytest.raises(UserError, match=r"train\.json:1: the label 'organization' is none of those of mine: address"):
        make(labels=["address", "name", "position"]).read(path, pytest.fail)
    with pytest.raises(UserError, match="head"):
        make(head="softmax")
    with pytest.raises(UserError, match="takes one text"):
        make().example("甲", "乙")


# --- places ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("İİ北京", "北京"),  # lower-casing makes one character two
        ("北京İ", "İ"),
        ("ＡＢＣ公司在１８９８年", "１８９８年"),
        ("e\u0301e\u0301cafe\u0301北京", "cafe\u0301"),  # combining accents, which NFD keeps and cleaning drops
        ("éé北京", "北京"),
        ("가나北京", "나"),  # Hangul becomes several tokens at one place
        ("\x00北\u200b京", "北\u200b京"),
    ],
)
def test_places_count_characters_of_the_text_as_given(make, text, entity):
    kind = make()
    start = text.rindex(entity)
    example = kind.example(text)
    answer = frozenset({Span("name", start, start + len(entity))})
    example = type(example)(example.place, example.key, example.content, answer)
    assert _found(_decode_gold(kind, example)) == answer


@pytest.mark.parametrize("head", HEADS)
def test_what_cannot_be_predicted_is_missed(make, tmp_path, head):
    """A border inside the token 1898, and a span beyond maxlen: not learned, but counted."""
    label = {"name": {"89": [[1, 2]], "北": [[4, 4]], "京": [[9, 9]]}}
    record = {"text": "1898北大学大学京", "label": label}
    kind = make(maxlen=8, head=head)
    (example,) = kind.read(_write(tmp_path / "a.json", record), pytest.fail)
    (feature,) = kind.features(example, 0)
    assert feature.length == 8
    assert feature.target == [(2, 2, 2)]
    assert kind.score([example], [{"entities": [{"label": "name", "start": 4, "end": 5}]}])["recall"] == 1 / 3


def test_start_and_end_tokens_are_no_spans(make):
    kind = make()
    (feature,) = kind.features(kind.example("北京"), 0)
    scores = np.where(np.triu(np.ones((16, 16), bool)), 1.0, -np.inf)
    scores[feature.length :], scores[:, feature.length :] = -np.inf, -np.inf
    spans = kind.summary(feature, np.stack([scores] * 4))
    assert spans.tolist() == [[label, *span] for label in range(4) for span in ((1, 1), (1, 2), (2, 2))]


def test_of_very_many_spans_the_best_are_kept(make):
    kind = make()
    (feature,) = kind.features(kind.example("北京" * 20), 0)
    scores = np.random.default_rng(0).normal(size=(4, 48, 48)) + 3
    scores[:, np.tri(48, k=-1).astype(bool)] = -np.inf
    scores[:, :, feature.length :] = -np.inf
    spans = kind.summary(feature, scores)
    assert len(spans) == 4 * feature.length
    inner = scores[:, 1 : feature.length - 1, 1 : feature.length - 1]
    assert scores[tuple(spans.T)].min() == np.sort(inner[inner > 0])[-len(spans)]


# --- tags --------------------------------------------------------------------------------------------------------


def test_tags_written_out():
    spans = [(1, 0, 2), (0, 4, 4), (0, 5, 6)]
    assert TagScheme(2, "bio").encode(spans, 8).tolist() == [3, 4, 4, 0, 1, 1, 2, 0]
    assert TagScheme(2, "bioes").encode(spans, 8).tolist() == [5, 6, 7, 0, 4, 1, 3, 0]


_spans = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 4)).map(lambda s: (s[0], s[1], min(s[1] + s[2], 9))),
    max_size=6,
    unique=True,
)


@given(_spans, st.sampled_from(["bio", "bioes"]))
def test_tags_give_back_the_spans_that_do_not_overlap(spans, scheme):
    tags = TagScheme(3, scheme)
    written = tags.encode(spans, 10)
    kept = without_overlap(spans)
    assert sorted(tags.decode(written)) == sorted(kept)
    assert written[0] in tags.starts
    assert written[-1] in tags.ends
    assert (tags.transitions[written[:-1], written[1:]] == 0).all()
    for label, first, last in set(spans) - set(kept):
        longer = [s for s in kept if s[1] <= last and first <= s[2] and s[2] - s[1] >= last - first]
        assert longer, (label, first, last)


@given(st.integers(0, 10**6), st.sampled_from(["bio", "bioes"]), st.integers(1, 12))
def test_the_best_tags_that_are_allowed_are_always_spans(seed, scheme, length):
    tags = TagScheme(2, scheme)
    scores = np.random.default_rng(seed).normal(size=(1, length, tags.tags))
    path = viterbi_decode(scores, tags.transitions, tags.starts, tags.ends)[0]
    assert tags.encode(tags.decode(path), length).tolist() == path.tolist()


def test_a_crf_keeps_the_longer_of_overlapping_spans_and_says_so(make, tmp_path):
    kind = make(head="crf")
    problems = []
    (example,) = kind.read(_write(tmp_path / "a.json", {"text": TEXT, "label": LABEL}), problems.append)
    assert len(problems) == 1
    assert ": 3 spans overlap longer ones" in problems[0]
    assert example.answer == SPANS
    (feature,) = kind.features(example, 0)
    (tags,) = kind.targets([feature], 32)
    assert sorted(kind._tags.decode(tags)) == [(0, 14, 15), (1, 1, 7), (2, 10, 12), (3, 8, 9)]


# --- models ------------------------------------------------------------------------------------------------------


def _batch(kind, model, features):
    return FeatureBatches(kind, features, [tensor.name for tensor in model.inputs], len(features))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_scores_and_losses_are_numbers(make, tmp_path, head, dtype, small_model):
    kind = make(head=head)
    records = [{"text": TEXT, "label": LABEL}, {"text": "", "label": {}}, {"text": "北京", "label": {}}]
    examples = kind.read(_write(tmp_path / "a.json", *records), lambda sentence: None)
    features = encode(kind, examples)
    model = small_model(kind, dtype)
    inputs, targets = _batch(kind, model, features)[0]
    scores = model.predict_on_batch(list(inputs))
    assert scores.dtype == np.float32
    assert not np.isnan(scores).any()
    losses = np.asarray(kind.loss().call(targets, scores))
    assert losses.shape == (3,)
    assert np.isfinite(losses).all()
    if head != "crf":
        valid = inputs[0] != 0
        counts = valid[:, :, None] & valid[:, None, :] & np.triu(np.ones((32, 32), bool))
        np.testing.assert_array_equal(np.isfinite(scores), np.broadcast_to(counts[:, None], scores.shape))
        # The longest text comes last.
        where = np.isfinite(scores[-1])
        expected = [
            np.log1p(np.exp(-s[w & t]).sum()) + np.log1p(np.exp(s[w & ~t]).sum())
            for w, s, t in zip(where, scores[-1], targets[-1].astype(bool), strict=True)
        ]
        assert targets[-1].sum() == len(SPANS)
        assert losses[-1] == pytest.approx(np.mean(expected), rel=1e-4)


@pytest.mark.parametrize(("head", "epochs"), [("global_pointer", 50), ("crf", 30)])
def test_a_model_learns_real_examples(data, head, epochs, small_model):
    """32 lines of the real training file are fitted to an F1 of 99 %."""
    kind = kind_of(
        Task.read("cluener", [f'options={{"head": "{head}"}}']),
        Tokenizer(str(data / "vocab/roformer_v2_char_vocab.txt")),
    )
    examples = kind.read(data / "clue/cluener/train.json", lambda sentence: None)[:32]
    features = encode(kind, examples)
    model = small_model(kind)
    model.compile(keras.optimizers.Adam(5e-3), kind.loss(), jit_compile=False)
    names = [tensor.name for tensor in model.inputs]
    model.fit(FeatureBatches(kind, features, names, 16, seed=0).dataset(), epochs=epochs, verbose=0)
    scores = kind.score(examples, Predictor(kind, model)(examples, features))
    assert scores["f1"] >= 0.99
