"""Corpora: which files belong to one, and that chunks cover every byte once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data import corpus
from rfv2_keras.data.corpus import cut_into_chunks, list_files
from rfv2_keras.errors import UserError


def write(path, content="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return str(path)


def test_directories_patterns_and_files(tmp_path):
    b, a = write(tmp_path / "b" / "2.txt"), write(tmp_path / "a" / "1.jsonl", "four")
    write(tmp_path / ".hidden" / "3.txt")
    write(tmp_path / "b" / ".4.txt")
    assert list_files([tmp_path]) == [(a, 4), (b, 1)]
    assert list_files([b, tmp_path / "*" / "*"]) == [(b, 1), (a, 4)]
    assert list_files(tmp_path / "**" / "*.txt") == [(b, 1)]


def test_a_name_with_pattern_characters_is_a_file(tmp_path):
    path = write(tmp_path / "wiki[0].txt")
    assert list_files([path]) == [(path, 1)]


@pytest.mark.parametrize("name", ["absent.txt", "*.jsonl"])
def test_what_does_not_exist_is_named(tmp_path, name):
    with pytest.raises(UserError, match=r"no such file|matches no file") as error:
        list_files([tmp_path / name])
    assert name in str(error.value)


def test_an_empty_corpus_is_refused(tmp_path):
    write(tmp_path / "a.txt", "")
    with pytest.raises(UserError, match="no text"):
        list_files([tmp_path])


@settings(deadline=None)
@given(
    sizes=st.lists(st.tuples(st.sampled_from([".txt", ".gz"]), st.integers(0, 3000)), min_size=1, max_size=20),
    chunks=st.integers(1, 20),
)
def test_chunks_cover_every_byte_once(sizes, chunks):
    """In order, without gaps; compressed files whole; not many more chunks than wanted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "CHUNKS", chunks)
        patch.setattr(corpus, "SMALLEST_CHUNK", 1)
        files = [(f"{i}{suffix}", size) for i, (suffix, size) in enumerate(sizes)]
        result = cut_into_chunks(files)
    covered = {path: 0 for path, _ in files}
    for span in (span for chunk in result for span in chunk):
        assert span.start == covered[span.path]
        assert span.size > 0
        covered[span.path] = span.end
        if span.path.endswith(".gz"):
            assert span.start == 0
            assert span.end == dict(files)[span.path]
    assert covered == dict(files)
    assert len(result) <= max(2 * chunks, sum(size for _, size in files))
    assert all(result)


def test_the_size_of_chunks_has_bounds():
    """A small corpus gives chunks of a mebibyte, 280 GB give some 500 chunks."""
    assert len(cut_into_chunks([("a.txt", 10 * 2**20)])) == 10
    assert len(cut_into_chunks([("a.txt", 280 * 10**9)])) == 522
