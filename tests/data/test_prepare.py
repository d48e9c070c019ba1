"""Preparing a corpus: the records are the tokens of the text, and their bytes depend on the text and the settings only,
not on workers, parts, interruptions or the order in which things happen."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from rfv2_keras.data import corpus as corpus_module
from rfv2_keras.data.documents import DocumentReader
from rfv2_keras.data.prepare import prepare
from rfv2_keras.data.records import Records
from rfv2_keras.errors import UserError
from rfv2_keras.text.tokenizer import Tokenizer
from rfv2_keras.text.word_tokenizer import WordTokenizer


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 16 KiB, so that little text makes many."""
    monkeypatch.setattr(corpus_module, "SMALLEST_CHUNK", 2**14)


@pytest.fixture(scope="module")
def texts(corpus):
    """600 documents of the corpus, 100 of them a second time."""
    span = corpus_module.Span(str(corpus / "a.jsonl"), 0, 150_000)
    texts = list(DocumentReader(span, pytest.fail))
    return texts + random.Random(3).sample(texts, 100)


@pytest.fixture(scope="module")
def with_copies(texts, tmp_path_factory):
    """A folder of three files with these texts: copies lie in the same and in other files."""
    folder = tmp_path_factory.mktemp("with_copies")
    shuffled = random.Random(5).sample(texts, len(texts))
    for number in range(3):
        lines = [json.dumps({"text": text}) + "\n" for text in shuffled[number::3]]
        (folder / f"{number}.jsonl").write_text("".join(lines))
    return folder


def contents(folder):
    """SHA-256 of every file in a folder of records."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir()) if p.is_file()}


def run(paths, vocab, out, **options):
    return prepare(paths, vocab, out, **{"workers": 1, "maxlen": 64, "progress": False, **options})


def test_records_are_the_tokens_of_the_text(with_copies, texts, vocab, tmp_path, small_chunks):
    """One after the other, the records hold every document once, in the order of the files."""
    summary = run([with_copies], vocab, tmp_path / "out")
    records = Records(tmp_path / "out", Tokenizer(vocab).vocab_hash, verify=True)
    words = WordTokenizer(Tokenizer(vocab))
    documents = [
        text
        for path in sorted(with_copies.iterdir())
        for text in DocumentReader(corpus_module.Span(str(path), 0, path.stat().st_size), pytest.fail)
    ]
    originals = [words(text) for text in dict.fromkeys(documents)]
    pieces = records.read(range(len(records)))
    np.testing.assert_array_equal(
        np.concatenate([token_ids for token_ids, _ in pieces]),
        np.concatenate([token_ids for token_ids, _ in originals]),
    )
    assert sum(starts.sum() for _, starts in pieces) == sum(len(starts) for _, starts in originals)
    np.testing.assert_array_equal(records.lengths, [len(token_ids) for token_ids, _ in pieces])
    assert max(records.lengths) <= 62
    assert all(starts[0] for _, starts in pieces)
    assert summary["documents"] == len(set(texts))
    assert summary["copies"] == len(texts) - len(set(texts))
    assert summary["tokens"] == sum(len(token_ids) for token_ids, _ in pieces)
    assert summary["words"] == sum(len(starts) for _, starts in originals)
    assert summary["text_bytes"] == sum(len(text.encode()) for text in set(texts))
    assert summary["finished"] == summary["shards"] > 10
    assert not (tmp_path / "out" / "work").exists()


def test_a_word_longer_than_a_row(vocab, tmp_path):
    """It goes on in the next record, where its rest is a word, so that every record begins with a word."""
    word = "pythno" * 30
    (tmp_path / "a.txt").write_text(f"我们{word}我们")
    summary = run([tmp_path / "a.txt"], vocab, tmp_path / "out")
    pieces = Records(tmp_path / "out").read(range(summary["records"]))
    assert [len(token_ids) for token_ids, _ in pieces] == [2, 62, 62, 58]
    assert [np.flatnonzero(starts).tolist() for _, starts in pieces] == [[0], [0], [0], [0, 56]]


def test_two_workers_write_the_same_bytes(with_copies, vocab, tmp_path, small_chunks):
    first = run([with_copies], vocab, tmp_path / "one")
    assert run([with_copies], vocab, tmp_path / "two", workers=2) == first
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_parts_in_one_folder(with_copies, vocab, tmp_path, small_chunks, order):
    whole = run([with_copies], vocab, tmp_path / "whole")
    done = [run([with_copies], vocab, tmp_path / "parts", part=f"{i}/3") for i in order]
    assert [part["finished"] < part["shards"] for part in done] == [True, True, False]
    assert done[-1] == whole
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_parts_in_folders_of_their_own(with_copies, vocab, tmp_path, small_chunks):
    """Machines without a shared disk: each writes its part, then the folders are put together."""
    run([with_copies], vocab, tmp_path / "whole")
    for i in (1, 2):
        run([with_copies], vocab, tmp_path / f"part-{i}", part=f"{i}/2")
        shutil.copytree(tmp_path / f"part-{i}", tmp_path / "merged", dirs_exist_ok=True)
    run([with_copies], vocab, tmp_path / "merged")
    assert contents(tmp_path / "merged") == contents(tmp_path / "whole")


SCRIPT = """
import sys
from rfv2_keras.data import corpus
from rfv2_keras.data.prepare import prepare
if __name__ == "__main__":
    corpus.SMALLEST_CHUNK = 2**14
    prepare([sys.argv[1]], sys.argv[2], sys.argv[3], workers=int(sys.argv[4]), maxlen=64, progress=False)
"""


@pytest.mark.parametrize(("workers", "files"), [(1, 1), (1, 12), (2, 8)])
def test_killed_and_run_again(with_copies, vocab, tmp_path, small_chunks, root, workers, files):
    """After `kill -9` the same call ends with the same bytes; finished shards are kept, and no worker stays."""
    run([with_copies], vocab, tmp_path / "whole")
    out = tmp_path / "out"
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), str(with_copies), str(vocab), str(out), str(workers)]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(root)}, start_new_session=True, stderr=subprocess.DEVNULL
    )
    finished = []
    while len(finished) < files:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.001)
        finished = list((out / "work").glob("summary-*.json"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60
    while _group_is_alive(process.pid):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)
    shards = {path: path.stat().st_mtime_ns for path in out.glob("records-*")}
    kept = {out / json.loads(path.read_text())["file"] for path in (out / "work").glob("summary-*.json")}
    assert not (out / "index.json").exists()
    with pytest.raises(UserError, match="not finished"):
        Records(out)
    run([with_copies], vocab, out)
    assert contents(out) == contents(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == shards[path] for path in kept)


def _group_is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_finished_folder_is_left_alone(with_copies, vocab, tmp_path):
    first = run([with_copies], vocab, tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert run([with_copies], vocab, tmp_path / "out") == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == times


@pytest.mark.parametrize(
    ("options", "key"),
    [({"maxlen": 32}, "maxlen"), ({"segmenter": "whitespace"}, "segmenter"), ({"do_lower_case": False}, "tokenizer")],
)
def test_a_folder_with_other_records_is_refused(with_copies, vocab, tmp_path, small_chunks, options, key):
    run([with_copies], vocab, tmp_path / "out")
    run([with_copies], vocab, tmp_path / "begun", part="1/2")
    for folder in ("out", "begun"):
        with pytest.raises(UserError, match=f"their {key} is"):
            run([with_copies], vocab, tmp_path / folder, **options)


def test_text_that_changes_on_the_way_is_noticed(with_copies, vocab, tmp_path, small_chunks):
    """Same names and sizes, other text: the digests do not fit any more."""
    shutil.copytree(with_copies, tmp_path / "corpus")
    run([tmp_path / "corpus"], vocab, tmp_path / "out", part="1/2")
    path = tmp_path / "corpus" / "2.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[1], lines[0], *lines[2:-2], lines[-1], lines[-2]]))
    with pytest.raises(UserError, match=r"2\.jsonl: the text is not what it was"):
        run([tmp_path / "corpus"], vocab, tmp_path / "out", part="2/2")


def test_broken_lines_and_files(with_copies, vocab, tmp_path, capfd, small_chunks):
    """They are named, counted and left out, with any number of workers; everything else is there."""
    shutil.copytree(with_copies, tmp_path / "corpus")
    (tmp_path / "corpus" / "3.jsonl").write_bytes(b'{"text": "\xff"}\n{"text": "ok"}\n[1]\n' + b"{\n" * 30)
    (tmp_path / "corpus" / "4.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "corpus" / "5.jsonl").write_text('{"text": "\\u200b \\n"}\n{"text": ""}\n')
    good = run([with_copies], vocab, tmp_path / "good")
    summary = run([tmp_path / "corpus"], vocab, tmp_path / "out", workers=2)
    assert summary["broken"] == 1 + 1 + 30 + 1
    assert summary["empty"] == 2
    assert summary["documents"] == good["documents"] + 1
    assert summary["errors"][0].startswith(f"{tmp_path / 'corpus' / '3.jsonl'}:1: the line is not UTF-8")
    messages = capfd.readouterr().err
    assert "3.jsonl:3: the line is no JSON object" in messages
    assert "13 more broken lines" in messages
    assert json.loads((tmp_path / "out" / "index.json").read_text())["broken"] == 33


def split_at_vowels(text):
    """A segmenter of one's own."""
    return [part for part in text.replace("的", "\x00的\x00").split("\x00") if part]


def test_a_function_as_segmenter(with_copies, vocab, tmp_path):
    run([with_copies], vocab, tmp_path / "out", segmenter=split_at_vowels)
    records = Records(tmp_path / "out")
    assert records.index["segmenter"] == "split_at_vowels"
    token = Tokenizer(vocab).token_dict["的"]
    for token_ids, starts in records.read(range(50)):
        assert starts[token_ids == token].all()
    with pytest.raises(UserError, match="cannot be sent to worker processes"):
        run([with_copies], vocab, tmp_path / "other", segmenter=lambda text: [text], workers=2)


@pytest.mark.parametrize("part", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2"])
def test_impossible_parts(with_copies, vocab, tmp_path, part):
    with pytest.raises(UserError, match="part must be"):
        run([with_copies], vocab, tmp_path, part=part)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maxlen": 4}, "maxlen must be"),
        ({"maxlen": 70_000}, "maxlen must be"),
        ({"text_documents": "pages"}, "blocks, lines"),
        ({"segmenter": "none"}, "word segmenter"),
    ],
)
def test_impossible_options(with_copies, vocab, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        run([with_copies], vocab, tmp_path, **options)


def test_a_corpus_without_any_text(vocab, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": " "}\n')
    with pytest.raises(UserError, match="1 documents are empty"):
        run([tmp_path / "a.jsonl"], vocab, tmp_path / "out")


def test_a_worker_that_dies(with_copies, vocab, tmp_path, small_chunks):
    """The run stops with a sentence instead of waiting."""
    with pytest.raises(UserError, match="worker process ended with exit code -9"):
        run([with_copies], vocab, tmp_path / "out", segmenter=die, workers=2)


def die(text):
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_do_not_import_tensorflow(root):
    """Dozens of workers would spend gigabytes and minutes on it."""
    code = "import sys, rfv2_keras.data.prepare; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["False", "False"]


def test_portions_share_no_document(with_copies, texts, vocab, tmp_path, small_chunks):
    """A held-out portion and the rest: together all documents, no piece in both, about the share that was asked for."""
    portions = {"heldout": (0.0, 0.2), "training": (0.2, 1.0)}
    done = {name: run([with_copies], vocab, tmp_path / name, portion=portion) for name, portion in portions.items()}
    assert sum(summary["documents"] for summary in done.values()) == len(set(texts))
    assert done["heldout"]["outside"] == done["training"]["documents"]
    assert 0.1 < done["heldout"]["documents"] / len(set(texts)) < 0.3
    pieces = {
        name: {token_ids.tobytes() for token_ids, _ in Records(tmp_path / name).read(range(summary["records"]))}
        for name, summary in done.items()
    }
    assert not {piece for piece in pieces["heldout"] & pieces["training"] if len(piece) > 40}
    with pytest.raises(UserError, match="made otherwise: their portion"):
        run([with_copies], vocab, tmp_path / "heldout", portion=(0.0, 0.3))
    with pytest.raises(UserError, match="portion must be"):
        run([with_copies], vocab, tmp_path / "other", portion=(0.5, 0.5))
