"""Truncating, padding and cutting equal bert4keras, without its changed arguments and IndexErrors."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.errors import UserError
from rfv2_keras.text import sequence_padding, text_segmentate, truncate_sequences


def test_golden_truncate_sequences(load_golden):
    """Quirk 15: where the reference raises IndexError, the sequences are still cut to maxlen."""
    errors = 0
    for case in load_golden("helpers")["truncate_sequences"]:
        sequences = copy.deepcopy(case["sequences"])
        result = truncate_sequences(case["maxlen"], case["indices"], *sequences)
        assert sequences == case["sequences"]
        if isinstance(case["result"], dict):
            errors += 1
            assert sum(map(len, result)) == case["maxlen"]
        else:
            assert result == case["result"]
    assert errors


@settings(deadline=None)
@given(
    maxlen=st.integers(0, 20),
    indices=st.lists(st.integers(-5, 5), min_size=3, max_size=3),
    sizes=st.lists(st.integers(0, 10), min_size=3, max_size=3),
)
def test_truncating_pops_from_the_longest(maxlen, indices, sizes):
    """Equal to popping one element after the other, the nearest one where the index does not exist."""
    sequences = [list(range(size)) for size in sizes]
    expected = copy.deepcopy(sequences)
    while sum(map(len, expected)) > maxlen:
        longest = max(range(3), key=lambda i: len(expected[i]))
        target = expected[longest]
        target.pop(max(-len(target), min(indices[longest], len(target) - 1)))
    result = truncate_sequences(maxlen, indices, *sequences)
    assert result == [left for left, sequence in zip(expected, sequences, strict=True) if sequence]


def test_truncate_errors():
    with pytest.raises(UserError, match="2 indices for 1 sequences"):
        truncate_sequences(3, [0, 1], [1, 2])
    with pytest.raises(UserError, match="received -1"):
        truncate_sequences(-1, 0, [1, 2])


def test_golden_sequence_padding(load_golden):
    for case in load_golden("helpers")["sequence_padding"]:
        assert sequence_padding(case["inputs"], **case["kwargs"]).tolist() == case["result"]


def test_padding_dtype_and_shapes():
    rows = [np.ones((2, 3), np.int32), np.ones((1, 3), np.int32)]
    assert sequence_padding(rows).dtype == np.int32
    assert sequence_padding(rows).shape == (2, 2, 3)
    assert sequence_padding([[1, 2], []]).dtype.kind == "i"
    assert sequence_padding([[1.5], []]).tolist() == [[1.5], [0.0]]
    assert sequence_padding([[], []], length=2, dtype=np.int32).tolist() == [[0, 0], [0, 0]]
    assert sequence_padding(rows, length=(4, 5), seq_dims=2, mode="pre")[1].tolist() == [[0] * 5] * 3 + [
        [0, 0, 1, 1, 1]
    ]


def test_padding_errors():
    with pytest.raises(UserError, match="received 'middle'"):
        sequence_padding([[1]], mode="middle")
    with pytest.raises(UserError, match="received none"):
        sequence_padding([])


def test_golden_text_segmentate(load_golden):
    for case in load_golden("helpers")["text_segmentate"]:
        arguments = {name: case[name] for name in ("text", "maxlen", "seps", "strips")}
        assert text_segmentate(**arguments) == case["result"]


@settings(max_examples=500, deadline=None)
@given(text=st.text("ab。，\n ", max_size=60), maxlen=st.integers(1, 12))
def test_segmentate_keeps_the_text(text, maxlen):
    """Only whitespace is lost; a piece, without the separators at its end, is too long only if it has none inside."""
    pieces = text_segmentate(text, maxlen, "\n。，")
    assert "".join("".join(pieces).split()) == "".join(text.split())
    for piece in pieces:
        body = piece.rstrip("\n。， ")
        assert len(body) <= maxlen or not set(body) & set("\n。，")
