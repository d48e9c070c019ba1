"""Reading lines of JSON: what looks like a line end inside a text is none, and broken lines are named."""

import json

import pytest

from rfv2_keras.clue.reading.files import field, json_file, json_lines
from rfv2_keras.errors import UserError


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85"])
def test_signs_that_are_no_line_ends(tmp_path, sign):
    """`str.splitlines` would cut these texts in two."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"text": f"一{sign}二"}, ensure_ascii=False) + '\n{"text": "三"}\n', encoding="utf-8")
    assert [record["text"] for _, record in json_lines(path, pytest.fail)] == [f"一{sign}二", "三"]


def test_broken_lines_are_named_and_left_out(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes('\ufeff{"n": 1}\r\n\n{"n": 2\n[3]\n'.encode() + b'{"n": "\xff"}\n' + b'{"n": 6}')
    complaints = []
    found = [(place.rpartition(":")[2], record["n"]) for place, record in json_lines(path, complaints.append)]
    assert found == [("1", 1), ("6", 6)]
    assert [complaint.split(": left out, ")[0].rpartition(":")[2] for complaint in complaints] == ["3", "4", "5"]


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        list(json_lines(tmp_path / "nowhere.json", pytest.fail))
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(UserError, match="the file is no JSON"):
        json_file(tmp_path / "b.json")


def test_dotted_fields():
    assert field({"target": {"span1_text": "它"}}, "target.span1_text", "f:1") == "它"
    with pytest.raises(LookupError, match=r"f:1: left out, it has no field 'target.span2_text'"):
        field({"target": {}}, "target.span2_text", "f:1")
