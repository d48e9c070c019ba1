"""Word segmenters: their words put together are the text, whatever the text, and missing packages are named."""

import pickle
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.errors import UserError
from rfv2_keras.text import word_segmenter

SEGMENTERS = {name: word_segmenter(name) for name in ("rjieba", "jieba", "whitespace")}
ANY_TEXT = st.text(
    st.sampled_from("我们在北京天安门 \n\r\u3000a1.5+\ud800\0") | st.characters(exclude_categories=()), max_size=40
)


def halves(text):
    return iter([text[: len(text) // 2], text[len(text) // 2 :]])


def only_letters(text):
    return [character for character in text if character.isalpha()]


def wrong(text):
    return ["错"]


@settings(max_examples=300, deadline=None)
@given(text=ANY_TEXT)
@pytest.mark.parametrize("name", SEGMENTERS)
def test_words_make_up_the_text(name, text):
    words = SEGMENTERS[name](text)
    assert "".join(words) == text
    assert "" not in words


@pytest.mark.parametrize("name", ["rjieba", "jieba"])
def test_words(name):
    assert SEGMENTERS[name]("我们在北京天安门，\n看 升旗") == [
        "我们",
        "在",
        "北京",
        "天安门",
        "，",
        "\n",
        "看",
        " ",
        "升旗",
    ]


def test_lone_surrogates_stay_in_place():
    assert SEGMENTERS["rjieba"]("北京\ud83d天安门") == ["北京", "\ud83d", "天安门"]


def test_whitespace_segments_text_with_spaces():
    assert word_segmenter("whitespace")(" 我们 在  北京") == [" ", "我们", " ", "在", "  ", "北京"]


@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT)
@pytest.mark.parametrize("function", [halves, only_letters, list])
def test_functions(function, text):
    segmenter = word_segmenter(function)
    assert "".join(segmenter(text)) == text
    assert segmenter.name == function.__qualname__


def test_left_out_text_is_put_back():
    assert word_segmenter(str.split)(" 我们 在\n北京 ") == [" ", "我们", " ", "在", "\n", "北京", " "]


def test_words_that_are_not_in_the_text():
    with pytest.raises(UserError, match="wrong returned '错'"):
        word_segmenter(wrong)("正确")


def test_lac(monkeypatch):
    """LAC is asked for segmentation only; what it leaves out of a text is put back."""

    class LAC:
        def __init__(self, mode):
            assert mode == "seg"

        def run(self, text):
            return text.split()

    monkeypatch.setitem(sys.modules, "LAC", types.SimpleNamespace(LAC=LAC))
    segmenter = word_segmenter("lac")
    assert segmenter("百度 是\n公司") == ["百度", " ", "是", "\n", "公司"]
    assert segmenter("") == []


@pytest.mark.parametrize(("name", "module"), [("rjieba", "rjieba"), ("jieba", "jieba"), ("lac", "LAC")])
def test_missing_package(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f"pip install {name}"):
        word_segmenter(name)


@pytest.mark.parametrize("spec", ["jiebaa", None, 5, ["rjieba"]])
def test_unknown_segmenter(spec):
    with pytest.raises(UserError, match="rjieba, jieba, lac, whitespace or a function"):
        word_segmenter(spec)


@pytest.mark.parametrize("spec", [*SEGMENTERS, only_letters])
def test_pickle(spec):
    segmenter = word_segmenter(spec)
    copy = pickle.loads(pickle.dumps(segmenter))
    assert copy.name == segmenter.name
    assert copy("我们在 北京") == segmenter("我们在 北京")
    assert word_segmenter(copy) is copy
