"""Packing: every record lies in one row, no row is too full, few places stay empty."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data import packing
from rfv2_keras.data.packing import PackedRows, SingleRows


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 62), min_size=1, max_size=2000),
    windows_at_once=st.integers(1, 4),
)
def test_every_record_lies_in_one_row(lengths, windows_at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "WINDOWS_AT_ONCE", windows_at_once)
        rows = PackedRows(np.array(lengths, np.uint16), 64, 2)
    members = rows.records(np.arange(rows.count))
    assert sorted(record for row in members for record in row) == list(range(len(lengths)))
    assert all(row for row in members)
    assert max(sum(lengths[record] + 2 for record in row) for row in members) <= 64


def test_rows_do_not_depend_on_what_is_asked():
    rows = PackedRows(np.random.default_rng(0).integers(1, 60, 5000, np.uint16), 64, 2)
    wanted = np.array([7, 3, rows.count - 1, 7])
    assert rows.records(wanted) == [rows.records(np.array([row]))[0] for row in wanted]


def test_rows_are_full():
    """Documents of all lengths fill 98 % of the places, and no two rows of a window could be one."""
    lengths = np.random.default_rng(0).integers(1, 200, 100_000, np.uint16)
    rows = PackedRows(lengths, 512, 2)
    assert (lengths + 2.0).sum() / (rows.count * 512) > 0.98


def test_records_as_long_as_a_row():
    rows = PackedRows(np.full(1000, 510, np.uint16), 512, 2)
    assert rows.records(np.arange(rows.count)) == [[i] for i in range(1000)]


def test_single_rows():
    rows = SingleRows(5)
    assert rows.count == 5
    assert rows.records(np.array([3, 1])) == [[3], [1]]
