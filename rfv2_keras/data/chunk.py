"""The work on one chunk of a corpus: digests of its documents, then the shard of its records."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rfv2_keras.data.cleaning import TextCleaner
from rfv2_keras.data.documents import DocumentReader
from rfv2_keras.data.duplicates import digest
from rfv2_keras.data.encoding import RecordCodec, ShardFile
from rfv2_keras.data.files import file_sha256, write_array, write_json, written_whole
from rfv2_keras.data.sentences import SentenceCutter
from rfv2_keras.data.tokens import DocumentTokenizer
from rfv2_keras.errors import UserError

CHARACTERS_AT_ONCE = 2**16  # are tokenized together
ERRORS_KEPT = 20  # places of broken lines, per chunk; all are counted
SPECIAL_TOKENS = 2  # [CLS] and [SEP] around a piece


@dataclass(frozen=True)
class Job:
    """What every process that takes part has to know.

    Arguments:
        folder: path of the records.
        chunks: tuple of chunks, each a tuple of `Span`.
        text_documents: as for `DocumentReader`.
        maxlen: int, the largest number of tokens in a row of a batch.
        portion: pair of floats; of all documents, those whose digest lies in this part of the unit interval are taken.
    """

    folder: Path
    chunks: tuple
    text_documents: str
    maxlen: int
    portion: tuple

    def shard(self, chunk):
        return self.folder / f"records-{chunk:05d}.array_record"

    @property
    def work(self):
        """The folder of files that are no longer needed when all records are written."""
        return self.folder / "work"

    def digests(self, chunk):
        return self.work / f"digests-{chunk:05d}.npy"

    def copies(self, chunk):
        return self.work / f"copies-{chunk:05d}.npy"

    def lengths(self, chunk):
        return self.work / f"lengths-{chunk:05d}.npy"

    def summary(self, chunk):
        """Exists as soon as the shard is finished."""
        return self.work / f"summary-{chunk:05d}.json"


class ChunkReader:
    """Iterates over the cleaned documents of a chunk that are not empty, and counts what is left out.

    Arguments:
        job: Job.
        chunk: int.
        progress: function of a number of bytes.

    Attributes:
        empty, broken: int, documents and lines left out so far.
        errors: list of str, "file:line: reason" of the first broken lines.
    """

    def __init__(self, job, chunk, progress):
        self._job, self._chunk, self._progress = job, chunk, progress
        self._clean = TextCleaner()
        self.empty = self.broken = 0
        self.errors = []

    def __iter__(self):
        for span in self._job.chunks[self._chunk]:
            documents = DocumentReader(span, self._report, self._job.text_documents)
            reported = 0
            for text in documents:
                text = self._clean(text)
                if text:
                    yield text
                else:
                    self.empty += 1
                if documents.bytes_read - reported > 2**18:
                    self._progress(documents.bytes_read - reported)
                    reported = documents.bytes_read
            self._progress(span.size - reported)

    def _report(self, place, reason):
        self.broken += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(f"{place}: {reason}")


class DigestWriter:
    """First pass: writes the digests of the documents of a chunk, unless some process has done so already."""

    def __init__(self, job):
        self._job = job

    def __call__(self, chunk, progress):
        path = self._job.digests(chunk)
        if path.exists():
            progress(sum(span.size for span in self._job.chunks[chunk]))
            return
        digests = b"".join(map(digest, ChunkReader(self._job, chunk, progress)))
        write_array(path, np.frombuffer(digests, "<u8"))


class ShardWriter:
    """Second pass: segments, tokenizes and cuts the documents of a chunk that are no copies, and writes their records.

    The summary (counts, broken lines, size and SHA-256 of the shard) is written last and marks the shard as finished.

    Arguments:
        job: Job.
        tokenizer: Tokenizer.
        segmenter: what `word_segmenter` takes.
    """

    def __init__(self, job, tokenizer, segmenter):
        self._job = job
        self._tokenize = DocumentTokenizer(tokenizer, segmenter)
        self._cut = SentenceCutter(tokenizer.token_dict, job.maxlen - SPECIAL_TOKENS)
        self._codec = RecordCodec(tokenizer.vocab_size)

    def __call__(self, chunk, progress):
        counts, lengths = Counter(), []
        documents = ChunkReader(self._job, chunk, progress)
        shard = self._job.shard(chunk)
        with written_whole(shard, self._job.work) as temporary:
            writer = ShardFile(temporary)
            for texts in _batches(self._originals(chunk, documents, counts)):
                for token_ids, starts, line_ends in self._tokenize(texts):
                    counts["words"] += int(np.count_nonzero(starts))
                    for start, end in self._cut(token_ids, starts, line_ends):
                        starts[start] = True  # also where a word longer than a piece goes on
                        writer.write(self._codec.encode(token_ids[start:end], starts[start:end]))
                        lengths.append(end - start)
                    counts["documents"] += bool(len(token_ids))
                    documents.empty += not len(token_ids)
            writer.close()
        write_array(self._job.lengths(chunk), np.array(lengths, "<u2"))
        summary = {
            "file": shard.name,
            "records": len(lengths),
            "tokens": sum(lengths),
            **{name: counts[name] for name in ("documents", "words", "copies", "outside", "text_bytes")},
            "empty": documents.empty,
            "broken": documents.broken,
            "errors": documents.errors,
            "bytes": shard.stat().st_size,
            "sha256": file_sha256(shard),
        }
        write_json(self._job.summary(chunk), summary)
        return summary

    def _originals(self, chunk, documents, counts):
        """The documents that are no copies of earlier ones; they must be those whose digests were taken."""
        digests, copies = np.load(self._job.digests(chunk)), np.load(self._job.copies(chunk))
        begin, end = self._job.portion
        inside = (digests >= begin * 2.0**64) & (digests < end * 2.0**64)
        number = -1
        for number, text in enumerate(documents):
            if number >= len(digests) or digest(text) != digests[number].tobytes():
                raise self._changed(chunk)
            if copies[number]:
                counts["copies"] += 1
                continue
            if not inside[number]:
                counts["outside"] += 1
                continue
            counts["text_bytes"] += len(text.encode())
            yield text
        if number + 1 != len(digests):
            raise self._changed(chunk)

    def _changed(self, chunk):
        spans = self._job.chunks[chunk]
        files = spans[0].path if len(spans) == 1 else f"one of {spans[0].path} ... {spans[-1].path}"
        return UserError(
            f"{files}: the text is not what it was when the preparation began; delete {self._job.folder} and prepare "
            "again"
        )


def _batches(texts):
    """Lists of texts with some `CHARACTERS_AT_ONCE` each."""
    batch, characters = [], 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if characters >= CHARACTERS_AT_ONCE:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
