"""Documents: every line is read once however a file is cut, every format and compression gives the same documents, and
what is broken is named with its place while the rest is read."""

import gzip
import itertools
import json
import os

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data import documents as documents_module
from rfv2_keras.data import lines as lines_module
from rfv2_keras.data.corpus import Span
from rfv2_keras.data.documents import DocumentReader, is_json
from rfv2_keras.data.lines import LineReader
from rfv2_keras.errors import UserError

TEXTS = ["第一篇。", "second \u2028 document\u2029\x85 with odd line ends", 'tab\tand \\ "quotes"', "最后"]


def whole(path):
    return Span(str(path), 0, os.path.getsize(path))


def read(path, text_documents="blocks", span=None):
    """The documents of a file and the pairs (place, reason) of what is broken."""
    broken = []
    reader = DocumentReader(span or whole(path), lambda place, reason: broken.append((place, reason)), text_documents)
    return list(reader), broken


def json_lines(texts=TEXTS, field="content"):
    return "".join(json.dumps({field: text}, ensure_ascii=False) + "\n" for text in texts).encode()


COMPRESSORS = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("field", ["content", "text"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "wiki_00"])
def test_json_lines(tmp_path, suffix, field, name):
    path = tmp_path / (name + suffix)
    path.write_bytes(COMPRESSORS[suffix](json_lines(field=field)))
    assert read(path) == (TEXTS, [])


def test_content_comes_before_text(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "no", "content": "yes"}\n\n{"content": null, "text": "this"}')
    assert read(path) == (["yes", "this"], [])


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_plain_text(tmp_path, suffix, end):
    """Blocks between blank lines, or lines; a byte order mark is no text; U+2028 ends no line."""
    path = tmp_path / ("a.txt" + suffix)
    text = end.join(["一", "二\u2028", "", " \u3000", "三", ""])
    path.write_bytes(COMPRESSORS[suffix](b"\xef\xbb\xbf" + text.encode()))
    assert read(path) == (["一\n二\u2028", "三"], [])
    assert read(path, "lines") == (["一", "二\u2028", " \u3000", "三"], [])


def test_text_that_starts_with_a_brace_is_text_if_its_name_says_so(tmp_path):
    (tmp_path / "a.txt").write_text("{not json")
    (tmp_path / "b").write_text("plain")
    assert not is_json(str(tmp_path / "a.txt"))
    assert not is_json(str(tmp_path / "b"))
    assert read(tmp_path / "a.txt") == (["{not json"], [])


def test_long_text_is_cut_at_line_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(documents_module, "LONGEST_DOCUMENT", 10)
    (tmp_path / "a.txt").write_text("\n".join(["12345"] * 5))
    assert read(tmp_path / "a.txt") == (["12345\n12345\n12345", "12345\n12345"], [])


@settings(deadline=None)
@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=8), max_size=12),
    cuts=st.lists(st.integers(0, 200), max_size=6),
    last_end=st.booleans(),
)
def test_spans_cover_every_line_once(tmp_path_factory, lines, cuts, last_end):
    """A file may be cut at any bytes, inside characters too."""
    path = tmp_path_factory.mktemp("spans") / "a.txt"
    path.write_bytes("\n".join([*lines, ""] if last_end else lines).encode())
    size = path.stat().st_size
    edges = sorted({0, size, *(min(cut, size) for cut in cuts)})
    found = []
    for start, end in itertools.pairwise(edges):
        found += list(LineReader(Span(str(path), start, end), pytest.fail))
    expected = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert found == (expected[:-1] if expected[-1] == b"" else expected)


BROKEN_JSON = [
    (b'{"content": "cut', "is no JSON object"),
    (b'["content"]', "is a list"),
    (b'{"title": "x", "content": 5}', "fields are title, content"),
    (b'{"content": "\xc4\xe3"}', "not UTF-8 (byte 14 of it is 0xc4)"),
    (b"[" * 100_000, "is no JSON object"),
]


@pytest.mark.parametrize(("line", "reason"), BROKEN_JSON)
def test_a_broken_json_line_is_named_and_skipped(tmp_path, line, reason):
    path = tmp_path / "a.jsonl"
    good = json_lines().splitlines(keepends=True)
    path.write_bytes(b"".join([good[0], line, b"\n", *good[1:]]))
    documents, broken = read(path)
    assert documents == TEXTS
    assert [place for place, _ in broken] == [f"{path}:2"]
    assert reason in broken[0][1]


def test_line_numbers_count_from_the_beginning_of_the_file(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(json_lines(["一"] * 100) + b"broken\n" + json_lines())
    _, broken = read(path, span=Span(str(path), 700, os.path.getsize(path)))
    assert [place for place, _ in broken] == [f"{path}:101"]


def test_text_in_another_encoding(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("好\n".encode() + "中文\n".encode("gb18030") + "的".encode())
    documents, broken = read(path)
    assert documents == ["好\n的"]
    assert [place for place, _ in broken] == [f"{path}:2"]
    assert "not UTF-8" in broken[0][1]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_file_that_was_cut_off(tmp_path, suffix):
    """What comes before the end is read, then the place is named."""
    path = tmp_path / ("a.jsonl" + suffix)
    compressed = COMPRESSORS[suffix](json_lines([f"{i} {i * i * 7919}" for i in range(50_000)]))
    path.write_bytes(compressed[: len(compressed) * 2 // 3])
    documents, broken = read(path)
    assert documents[:2] == ["0 0", "1 7919"]
    assert 10_000 < len(documents) < 50_000
    assert len(broken) == 1
    assert broken[0][0] == f"{path}:{len(documents) + 1}"
    assert "cannot be read any further" in broken[0][1]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_file_that_is_not_compressed_as_its_name_says(tmp_path, suffix):
    path = tmp_path / ("a.jsonl" + suffix)
    path.write_bytes(json_lines())
    documents, broken = read(path)
    assert documents == []
    assert broken[0][0] == f"{path}:1"


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_several_compressed_parts_in_one_file(tmp_path, suffix):
    path = tmp_path / ("a.jsonl" + suffix)
    path.write_bytes(COMPRESSORS[suffix](json_lines()) + COMPRESSORS[suffix](json_lines()))
    assert read(path) == (TEXTS * 2, [])


def test_an_absent_file_is_reported(tmp_path):
    documents, broken = read(tmp_path / "a.txt", span=Span(str(tmp_path / "a.txt"), 10, 20))
    assert documents == []
    assert len(broken) == 1


def test_a_line_without_end_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(lines_module, "LONGEST_LINE", 100)
    path = tmp_path / "a.txt"
    path.write_text("first\n" + "x" * 1000 + "\n" + "y" * 99 + "\nlast\n")
    assert read(path, "lines") == (
        ["first", "y" * 99, "last"],
        [(f"{path}:2", "the line is longer than 100 bytes")],
    )


def test_progress_reaches_the_size_of_the_span(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("line\n" * 1000)
    reader = DocumentReader(Span(str(path), 100, 600), pytest.fail, "lines")
    seen = [reader.bytes_read for _ in reader]
    assert seen == sorted(seen)
    assert seen[-1] >= 500


def test_unknown_kind_of_documents(tmp_path):
    with pytest.raises(UserError, match="blocks, lines, received 'pages'"):
        read(tmp_path, "pages", whole(tmp_path))
