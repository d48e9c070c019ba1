"""The scores of answers and of labelled spans against cases that were computed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfv2_keras.clue.metrics import answer_f1, answer_scores, entity_scores, is_exact_match, segments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("《北京》大学", ["北", "京", "大", "学"]),
        ("  ABC公司", ["abc", "公", "司"]),
        ("New York，纽约", ["new", "york", "纽", "约"]),
        ("a-b c_d", ["ab", "cd"]),  # a sign that is removed does not end a word
        ("1.5%增长", ["1.5", "%", "增", "长"]),
        ("don't 走", ["do", "n't", "走"]),  # Penn Treebank
        ("等……", ["等", "……"]),  # two signs in the script's list that no character equals
        ("ａ１", ["ａ１"]),
        ("，。", []),
        ("", []),
    ],
)
def test_segments_are_chinese_characters_and_latin_words(text, expected):
    assert segments(text) == expected


def test_f1_counts_the_longest_common_run():
    assert answer_f1("北京大学", "在北京") == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    # "北" and "大学" are in common; only the longer run counts: precision 2/4, recall 2/4.
    assert answer_f1("北京大学", "北方大学") == pytest.approx(0.5)
    assert answer_f1("北京", "上海") == 0
    assert answer_f1("北京", "") == 0
    assert answer_f1("", "") == 1
    assert answer_f1("", "北京") == 0


def test_exact_match_knows_no_case_and_no_punctuation():
    assert is_exact_match("《Python 语言》", " python 语言。")
    assert not is_exact_match("Python语言", "python 语言")
    assert not is_exact_match("（甲）(乙)", "甲乙")  # the narrow parentheses are not in the official list


def test_the_best_reference_counts():
    scores = answer_scores([["北京大学", "北京"], ["三年", "3年"]], ["北京", "年"])
    assert scores == {"exact_match": 0.5, "f1": pytest.approx((1 + 2 * 1 * 0.5 / 1.5) / 2)}


@given(st.text(alphabet="北京大学ab 1，-.", min_size=1), st.text(alphabet="北京大学ab 1，-."))
def test_f1_is_a_symmetric_share_and_one_for_equal_texts(first, second):
    assert 0 <= answer_f1(first, second) <= 1
    if second:
        assert answer_f1(first, second) == pytest.approx(answer_f1(second, first))
    if segments(first):
        assert answer_f1(first, first) == 1


def test_entities_count_by_label_and_borders():
    references = [{("name", 0, 2), ("name", 5, 7), ("book", 0, 7)}, set()]
    predictions = [{("name", 0, 2), ("book", 0, 6)}, {("name", 1, 3)}]
    assert entity_scores(references, predictions, ["book", "name", "game"]) == {
        "f1": pytest.approx(2 * 1 / (3 + 3)),
        "precision": pytest.approx(1 / 3),
        "recall": pytest.approx(1 / 3),
        "f1/book": 0,
        "f1/name": pytest.approx(2 * 1 / (2 + 2)),
        "f1/game": 0,
    }
    assert list(entity_scores([], [], ["name"]).values()) == [0, 0, 0, 0]


_spans = st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.integers(5, 8)), max_size=6)


@given(st.lists(st.tuples(_spans, _spans), max_size=5))
def test_entity_scores_equal_those_of_scikit_learn_on_indicators(texts):
    """Each span that somebody named is one row of indicators."""
    from sklearn.metrics import precision_recall_fscore_support

    references, predictions = [a for a, _ in texts], [b for _, b in texts]
    rows = [(number, span) for number, (a, b) in enumerate(texts) for span in sorted(a | b)]
    if not rows:
        return
    gold, found = (
        [[span in sets[number] and span[0] == label for label in "ab"] for number, span in rows]
        for sets in (references, predictions)
    )
    expected = precision_recall_fscore_support(gold, found, average="micro", zero_division=0.0)
    each = precision_recall_fscore_support(gold, found, average=None, zero_division=0.0)[2]
    scores = entity_scores(references, predictions, "ab")
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(expected[:3])
    assert (scores["f1/a"], scores["f1/b"]) == pytest.approx(tuple(each))
