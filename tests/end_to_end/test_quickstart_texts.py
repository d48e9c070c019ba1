"""The quickstart holds back only reviews that training has not seen, whole or in part."""

import importlib.util
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def texts(root):
    path = root / "scripts" / "quickstart" / "texts.py"
    specification = importlib.util.spec_from_file_location("quickstart_texts", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_copies_differ_in_punctuation_case_and_width_only(texts):
    assert texts.letters_of("ＡＢＣ，很好！！") == texts.letters_of("abc 很好") == "abc很好"
    assert texts.letters_of("很好") != texts.letters_of("不很好")


@settings(max_examples=30)
@given(seed=st.integers(0, 2**16))
def test_held_back_reviews_share_no_long_run_with_any_other(texts, seed):
    draw = random.Random(seed)
    sentences = ["".join(draw.choices("天气很好我们去公园看花", k=12)) for _ in range(12)]
    reviews = ["，".join(draw.choices(sentences, k=draw.randint(1, 3))) for _ in range(40)]
    reviews = texts.Reviews(list(dict.fromkeys(reviews)), [0] * len(dict.fromkeys(reviews)))
    held_back, others = texts.split_reviews(reviews, 10, seed)
    assert sorted(held_back.texts + others.texts) == sorted(reviews.texts)
    for one, other in itertools.product(held_back.texts, reviews.texts):
        if one != other:
            runs = [texts.letters_of(text) for text in (one, other)]
            assert not _common_run(*runs, texts.SHARED_RUN), (one, other)
    assert texts.split_reviews(reviews, 10, seed)[0].texts == held_back.texts


def _common_run(one, other, length):
    return any(one[start : start + length] in other for start in range(max(0, len(one) - length + 1)))
