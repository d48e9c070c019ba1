"""Words are those of a plain formulation of BERT's basic tokenizer, for all code points and for any string."""

import unicodedata
from functools import lru_cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rfv2_keras.text.normalization import TextNormalizer

# Any code point, lone surrogates included, with the troublesome ones made frequent.
TROUBLE = (
    "\u0130\u03a3\u1e9e\u0345\u0301\u0327\u3099\u1b44\u302e\uac00\u1100\u2028\x85\x1c\u200d\ufffd\0\ud800\udc00 aB1中。"
)
ANY_TEXT = st.text(st.sampled_from(TROUBLE) | st.characters(exclude_categories=()), max_size=30)


def plain_words(text, lower):
    """BERT's rules, one after the other, as bert4keras applies them."""
    if lower:
        text = unicodedata.normalize("NFD", text.lower())
        text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return "".join(map(plain_spacing, text)).split()


@lru_cache(1024)
def plain_spacing(c):
    code, category = ord(c), unicodedata.category(c)
    if category[0] == "P" or 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return f" {c} "
    chinese = (
        0x3400 <= code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2A6DF
        or 0x2A700 <= code <= 0x2CEAF  # the blocks C, D and E follow each other without a gap
        or 0x2F800 <= code <= 0x2FA1F
    )
    if chinese:
        return f" {c} "
    if c in "\t\n\r" or category == "Zs":
        return " "
    return "" if code in (0, 0xFFFD) or category in ("Cc", "Cf") else c


@pytest.fixture(scope="module", params=[True, False], ids=["lower", "cased"])
def normalizer(request):
    normalizer = TextNormalizer(request.param)
    normalizer.lower = request.param
    return normalizer


def test_all_code_points(normalizer):
    """Every code point, in lines of 256; between letters, except where nearly all of them count as letters."""
    for first in range(0, 0x110000, 256):
        separator = "b" if first < 0x32400 or first == 0xE0000 else ""
        text = "a" + separator.join(map(chr, range(first, first + 256))) + "a"
        assert normalizer.words(text) == plain_words(text, normalizer.lower), hex(first)


def test_all_code_points_aligned(normalizer):
    """Splitting with places gives the same words."""
    for first in [*range(0, 0x3400, 256), *range(0xA000, 0x20000, 256), *range(0xE0000, 0xE0200, 256)]:
        if 0xAD00 <= first < 0xD700 or 0xE000 <= first < 0xF800:
            continue  # more Hangul syllables and private characters, thousands of each kind
        text = "b ".join(map(chr, range(first, first + 256)))
        visible = normalizer.visible(normalizer.aligned(text))
        words = [visible.characters[start:end] for start, end in normalizer.word_spans(visible)]
        assert words == normalizer.words(text), hex(first)


@settings(max_examples=400, deadline=None)
@example("ΑΣ Σ ΑΣ\u0301 İΣ")
@example("q\u0307\u0323 a\u302e\u0327\u1b44\u0301b")  # marks out of canonical order, two of which stay
@given(text=ANY_TEXT)
def test_any_text(normalizer, text):
    words = normalizer.words(text)
    assert words == plain_words(text, normalizer.lower)
    aligned = normalizer.aligned(text)
    assert aligned.characters == normalizer(text)
    assert len(aligned.characters) == len(aligned.starts) == len(aligned.ends)
    visible = normalizer.visible(aligned)
    spans = list(normalizer.word_spans(visible))
    assert [visible.characters[start:end] for start, end in spans] == words
    for span in spans:
        start, end = visible.span(*span)
        assert 0 <= start < end <= len(text)


@settings(max_examples=400, deadline=None)
@given(text=ANY_TEXT)
def test_places_give_the_character_back(normalizer, text):
    """The raw characters at a place normalise to the aligned character, but for a sigma, which needs its context."""
    aligned = normalizer.aligned(text)
    for i, character in enumerate(aligned.characters):
        assert character.replace("ς", "σ") in normalizer(text[slice(*aligned.span(i, i + 1))])


def test_place_takes_in_removed_marks():
    aligned = TextNormalizer(True).aligned("xe\u0301\u0301y")
    assert aligned.characters == "xey"
    assert aligned.span(1, 2) == (1, 4)
