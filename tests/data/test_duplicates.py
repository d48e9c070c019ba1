"""Copies: the first document of its kind stays, whatever the chunks and the groups in which digests are compared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data import duplicates
from rfv2_keras.data.duplicates import digest, later_copies


@settings(deadline=None)
@given(
    chunks=st.lists(st.lists(st.integers(0, 30), max_size=30), min_size=1, max_size=8),
    at_once=st.integers(1, 50),
)
def test_later_copies(chunks, at_once):
    """Equal to remembering everything seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "DOCUMENTS_AT_ONCE", at_once)
        found = later_copies([np.array(chunk, "<u8") * 0x123456789ABCDEF for chunk in chunks])
    seen, expected = set(), []
    for chunk in chunks:
        expected.append([])
        for value in chunk:
            expected[-1].append(value in seen)
            seen.add(value)
    assert [part.tolist() for part in found] == expected


def test_digests():
    assert len(digest("文")) == 8
    assert len({digest(str(i)) for i in range(100_000)}) == 100_000
