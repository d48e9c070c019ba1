"""`rfv2 clue download` against a server on this machine: interruptions, ranges, broken and dangerous archives.

The network is never used.
"""

import io
import re
import zipfile

import pytest
from typer.testing import CliRunner

from rfv2_keras.cli.main import app
from rfv2_keras.clue.download import download_tasks
from rfv2_keras.clue.task import ORDER, Task
from rfv2_keras.errors import UserError
from rfv2_keras.transfer import archive, fetch

TEXTS = {"train.json": '{"sentence": "一"}\n' * 9999, "dev.json": "{}\n", "test.json": "", "test1.0.json": "三\u2028四"}


@pytest.fixture
def server(server, zipped):
    server.files["/tnews_public.zip"] = zipped(TEXTS)
    return server


@pytest.fixture
def download(server, tmp_path):
    """Function (tasks) -> lines of progress; files go to tmp_path."""

    def run(*tasks):
        stream = io.StringIO()
        try:
            download_tasks(tasks or ["tnews"], tmp_path, server.url, stream, wait=0.001)
        finally:
            run.lines = stream.getvalue().splitlines()
        return run.lines

    return run


def contents(folder):
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


def ranges(server):
    return [asked for _, asked in server.requests]


def test_files_lie_where_tasks_look_for_them_whatever_folders_the_archive_has(server, zipped, download, tmp_path):
    """The archive of cmnli has a folder of its own, Macs add files of theirs."""
    for name in ORDER:
        files = Task.read(name).files
        paths = [*files.train, *files.dev, *files.test.values()]
        inside = {f"{name}_public/{path.partition('/')[2]}": path for path in paths}
        archive = "cluewsc2020" if name == "wsc" else name
        extra = {f"{name}_public/": "", f"__MACOSX/{name}_public/._train.json": "x", ".DS_Store": "x"}
        server.files[f"/{archive}_public.zip"] = zipped(extra | inside, zipfile.ZIP_DEFLATED)
    lines = download("all")
    assert {folder.name for folder in tmp_path.iterdir()} == set(ORDER)
    for name in ORDER:
        files = Task.read(name).files
        for path in (*files.train, *files.dev, *files.test.values()):
            assert (tmp_path / path).read_text() == path
        assert not {"._train.json", ".DS_Store"} & set(contents(tmp_path / name))
    assert not [line for line in lines if "without" in line]


def test_finished_tasks_are_not_fetched_again(server, download, tmp_path):
    download()
    (tmp_path / "tnews" / "dev.json").write_text("mine")
    assert "is there already" in download()[0]
    assert len(server.requests) == 1
    assert contents(tmp_path / "tnews") == TEXTS | {"dev.json": "mine"}


def test_what_the_archive_lacks_is_named(server, zipped, download):
    server.files["/tnews_public.zip"] = zipped({"train.json": "{}", "dev.json": "{}", "test.json": "{}"})
    assert download()[-1] == "tnews: without tnews/test1.0.json, which the task would read"


def test_cut_connections_are_continued(server, download, tmp_path):
    server.cuts = [1000, 2000]
    lines = download()
    assert contents(tmp_path / "tnews") == TEXTS
    assert ranges(server) == [None, "bytes=1000-", "bytes=3000-"]
    assert [line for line in lines if "the connection ended after 1,000 of" in line]
    assert {path.name for path in tmp_path.iterdir()} == {"tnews"}


def test_a_server_without_ranges_sends_all_again(server, download, tmp_path):
    server.ranges, server.cuts = False, [1000]
    download()
    assert contents(tmp_path / "tnews") == TEXTS
    assert ranges(server) == [None, "bytes=1000-"]


def test_an_interrupted_download_is_continued_by_the_next_command(server, download, tmp_path):
    whole = server.files["/tnews_public.zip"]
    server.cuts = [5000] + [0] * 9
    with pytest.raises(UserError, match="4 attempts were made"):
        download()
    part = tmp_path / ".unfinished-tnews_public.zip"
    assert part.read_bytes() == whole[:5000]
    assert len(server.requests) == fetch.ATTEMPTS
    server.requests, server.cuts = [], []
    download()
    assert ranges(server) == ["bytes=5000-"]
    assert contents(tmp_path / "tnews") == TEXTS
    assert not part.exists()


@pytest.mark.parametrize("before", ["all", "more", "other"])
def test_what_is_left_of_an_earlier_command(server, download, tmp_path, before):
    """All of the file (416 says so), more than there is now, or the beginning of another version."""
    whole = server.files["/tnews_public.zip"]
    left = {"all": whole, "more": whole + b"x", "other": b"x" * 5000}[before]
    (tmp_path / ".unfinished-tnews_public.zip").write_bytes(left)
    lines = download()
    assert contents(tmp_path / "tnews") == TEXTS
    expected = [f"bytes={len(left)}-"] + [None] * (before != "all")
    assert ranges(server) == expected
    assert any("fetching it once more" in line for line in lines) == (before == "other")


def test_busy_servers_are_asked_again_and_refusals_are_final(server, download, tmp_path):
    server.errors = [503, 429, 500]
    download()
    assert contents(tmp_path / "tnews") == TEXTS
    for status in (403, 404):
        server.errors, server.requests = [status], []
        with pytest.raises(UserError, match=rf"/c3_public\.zip: cannot be fetched, the server answers {status} "):
            download("c3")
        assert len(server.requests) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"tnews"}


def test_a_length_that_the_server_does_not_say(server, download, tmp_path):
    """A cut cannot be seen then; the archive shows it, and the rest is not asked for twice."""
    server.says_length, server.cuts = False, [3000]
    lines = download()
    assert contents(tmp_path / "tnews") == TEXTS
    assert ranges(server) == [None, None]
    assert [line for line in lines if "the archive is broken" in line]


@pytest.mark.parametrize("damage", ["flipped", "text"])
def test_broken_archives(server, download, tmp_path, damage):
    whole = bytearray(server.files["/tnews_public.zip"])
    whole[300] ^= 1
    server.files["/tnews_public.zip"] = bytes(whole) if damage == "flipped" else b"<html>log in first</html>"
    with pytest.raises(UserError, match=r"tnews_public\.zip: the archive is broken \(.+\)\.$"):
        download()
    assert len(server.requests) == 2
    assert list(tmp_path.iterdir()) == []


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("../evil.json", "leads out of the folder"),
        ("a/../../evil.json", "leads out of the folder"),
        ("/evil.json", "leads out of the folder"),
        ("..\\evil.json", "leads out of the folder"),
        ("C:\\evil.json", "leads out of the folder"),
        (link("evil.json"), "link"),
        ("other/dev.json", "twice"),
    ],
    ids=str,
)
def test_dangerous_archives_write_nothing(server, zipped, tmp_path, name, complaint):
    server.files["/tnews_public.zip"] = zipped({**TEXTS, name: "/etc/passwd"})
    folder = tmp_path / "inner"
    with pytest.raises(UserError, match=complaint):
        download_tasks(["tnews"], folder, server.url, io.StringIO())
    assert list(folder.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


def test_archives_that_grow_without_end_are_refused(server, zipped, tmp_path):
    """A few kilobytes hold 10 MB; and a server may send more than it should, saying how much or not."""
    (tmp_path / "bomb.zip").write_bytes(zipped({"train.json": b"0" * 10**7}, zipfile.ZIP_DEFLATED))
    with pytest.raises(UserError, match="have 10,000,000 bytes, more than the 1,000,000 allowed"):
        archive.unpack(tmp_path / "bomb.zip", tmp_path / "bomb", most=10**6)
    assert not (tmp_path / "bomb").exists()
    for server.says_length in (True, False):
        with pytest.raises(UserError, match="more than the 1,000"):
            fetch.fetch(f"{server.url}/tnews_public.zip", tmp_path / "part", print, most=1000)


def test_archives_that_are_at_hand_already(server, tmp_path):
    (tmp_path / "tnews_public.zip").write_bytes(server.files["/tnews_public.zip"])
    download_tasks(["tnews"], tmp_path / "data", tmp_path.as_uri(), io.StringIO())
    assert contents(tmp_path / "data" / "tnews") == TEXTS
    with pytest.raises(UserError, match=r"c3_public\.zip: there is no such file"):
        download_tasks(["c3"], tmp_path / "data", tmp_path.as_uri(), io.StringIO())


def test_nobody_listens(server, download, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"cannot be fetched, the server cannot be reached \(.+\); 4 attempts"):
        download()
    assert len(download.lines) == fetch.ATTEMPTS


@pytest.mark.parametrize("url", ["127.0.0.1/tasks", "ftp://127.0.0.1/tasks"])
def test_urls_that_are_none(url, tmp_path):
    with pytest.raises(UserError, match="a URL must begin with http:, https: or file:"):
        download_tasks(["tnews"], tmp_path, url, io.StringIO())


def test_unwritable_folders_are_no_broken_connections(server, download, tmp_path):
    (tmp_path / ".unfinished-tnews_public.zip").mkdir()
    with pytest.raises(UserError, match=r"\.unfinished-tnews_public\.zip: cannot be written \(Is a directory\)"):
        download()
    assert len(server.requests) == 1


# --- the command -----------------------------------------------------------------------------------------------------


def rfv2(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command(server, tmp_path):
    options = ("--out", tmp_path, "--base-url", f"{server.url}/")
    result = rfv2("clue", "download", *options, "--tasks", "tnews")
    assert result.exit_code == 0, result.output
    assert contents(tmp_path / "tnews") == TEXTS
    for tasks, complaint in (("c3", "the server answers 404"), ("c3,tnew", "--tasks must be all, or some of .* tnew$")):
        result = rfv2("clue", "download", *options, "--tasks", tasks)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert re.match("rfv2: error: ", line)
        assert re.search(complaint, line.rstrip("."))


def test_clue_keeps_both_forms_apart(tmp_path):
    """Without `download` the command fine-tunes, and says which options it needs; options are never lost silently."""
    result = rfv2("clue", "--tasks", "tnews", "--model", tmp_path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "needs --data and --out" in result.stderr
    result = rfv2("clue", "--tasks", "tnews", "download", "--out", tmp_path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "`rfv2 clue download --tasks ...`" in result.stderr
    assert list(tmp_path.iterdir()) == []
    result = rfv2("clue", "--tasks", "tnew", "--model", tmp_path, "--data", tmp_path, "--out", tmp_path / "out")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "received tnew" in result.stderr
