"""Cleaning: canonical composed form, no characters that stand for nothing, white space inside untouched."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data.cleaning import TextCleaner

clean = TextCleaner()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301te\u0301", "été"),
        ("\ufeff苏\u200b轼\x00 \ufffd", "苏轼"),
        (" \t\r\n\u3000", ""),
        ("a\tb\nc", "a\tb\nc"),
        ("\ud83d单", "单"),
        ("\U000e0001𠮷\u2028x", "𠮷\u2028x"),
        ("１２ＡＢ", "１２ＡＢ"),
    ],
)
def test_examples(text, expected):
    assert clean(text) == expected


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Z", "C"])))
def test_result_is_clean(text):
    """Composed form without control, format or surrogates; nothing else is lost; cleaning again changes nothing."""
    result = clean(text)
    assert unicodedata.is_normalized("NFC", result)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in result if c not in "\t\n\r")
    kept = [c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs") and c != "\ufffd" and not c.isspace()]
    expected = unicodedata.normalize("NFD", "".join(kept))
    assert sorted(c for c in unicodedata.normalize("NFD", result) if not c.isspace()) == sorted(expected)
    assert clean(result) == result
