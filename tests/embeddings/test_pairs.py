"""Pair files: real ones are read whole, bad lines are named by their number."""

import numpy as np
import pytest

from rfv2_keras.embeddings import read_pairs, read_texts
from rfv2_keras.errors import UserError


def test_real_files(data):
    """As many pairs as lines, with the labels of the task."""
    for name, pairs, labels in (("STS-B/STS-B.test", 1361, range(6)), ("LCQMC/LCQMC.valid", 4000, range(2))):
        read = read_pairs(data / "sts" / f"{name}.data")
        assert len(read.first) == len(read.second) == len(read.labels) == pairs
        assert set(read.labels) == set(labels)
        assert read.texts == read.first + read.second
    for path in (data / "sts").glob("*/*.data"):
        assert len(read_pairs(path).labels) > 1000


def test_byte_order_mark_line_ends_blank_lines_and_odd_separators(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_bytes("\ufeff一\t二\t0.5\r\n\n \n三\u2028四\t五\t1\n".encode())
    read = read_pairs(path)
    assert read.first == ["一", "三\u2028四"]
    assert read.second == ["二", "五"]
    np.testing.assert_array_equal(read.labels, [0.5, 1.0])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["一\t二\t1", "一 二 1"], "line 2 has 1 columns"),
        (["一\t二\t1", "", "一\t二\t三\t1"], "line 3 has 4 columns"),
        (["一\t二\t很像", "一\t二\t1"], "line 1 has the label '很像'"),
        (["一\t二\tnan", "一\t\t1"], "line 1 has the label 'nan'; line 2 has an empty text"),
        (["坏"] * 7, r"line 5 has 1 columns; and 2 more"),
        (["一\t二\t1", "三\t四\t1"], "two different labels"),
        ([], "two different labels"),
    ],
)
def test_bad_lines_are_named(tmp_path, lines, says):
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match=says) as error:
        read_pairs(path)
    assert str(path) in str(error.value)
    assert str(error.value).count(". ") == 0  # one sentence


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "gbk.tsv").write_bytes("一\t二\t1\n".encode("gbk"))
    for name, says in (("gbk.tsv", "UTF-8"), ("nowhere.tsv", "cannot be read"), ("", "cannot be read")):
        for read in (read_pairs, read_texts):
            with pytest.raises(UserError, match=says):
                read(tmp_path / name)


def test_texts_keep_their_line(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("一\n\n三\n", encoding="utf-8")
    assert read_texts(path) == ["一", "", "三"]
    path.write_text("")
    with pytest.raises(UserError, match="empty"):
        read_texts(path)
