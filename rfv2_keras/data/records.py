"""Random access to the records that `prepare` wrote."""

from pathlib import Path

import numpy as np
from array_record.python.array_record_data_source import ArrayRecordDataSource

from rfv2_keras.data.encoding import RecordCodec
from rfv2_keras.data.files import file_sha256, read_json
from rfv2_keras.errors import UserError
from rfv2_keras.progress import ByteProgress

FORMAT = "rfv2_keras records 1"
INDEX, LENGTHS, VOCABULARY = "index.json", "lengths.npy", "vocab.txt"


class Records:
    """A folder of records: pieces of documents as token ids and word starts.

    The folder holds `index.json` (counts, settings, size and SHA-256 of each shard), the shards (ArrayRecord files of
    `RecordCodec`), `lengths.npy` (tokens of each record, 2 bytes each, memory-mapped here), and `vocab.txt`. Opening
    reads the index only; shards are opened when first read. Reading is thread-safe.

    Arguments:
        folder: path.
        vocab_hash: the model's vocabulary hash, compared with that of the records; None to skip.
        verify: bool, compare the SHA-256 of every shard (reads everything, with progress).

    Attributes:
        index: dict, the content of `index.json`.
        lengths: (records,) uint16, tokens of each record without special tokens.
        maxlen: int, the longest record plus two special tokens have at most this many tokens.
        vocab_size: int.
        start_id, end_id, mask_id: int, ids of [CLS], [SEP], [MASK].

    Raises:
        UserError: the folder holds no finished records, a file is missing, damaged or of another size, or the
            vocabulary is another one.
    """

    def __init__(self, folder, vocab_hash=None, verify=False):
        self.folder = Path(folder)
        self.index = _read_index(self.folder)
        if vocab_hash is not None and vocab_hash != self.index["vocab_sha256"]:
            raise UserError(
                f"{folder}: the records were made with another vocabulary (SHA-256 {self.index['vocab_sha256'][:12]}…, "
                f"{self.index['vocab_size']} tokens) than the one given (SHA-256 {vocab_hash[:12]}…); prepare the "
                f"corpus again or use {self.folder / VOCABULARY}"
            )
        self.maxlen = self.index["maxlen"]
        self.vocab_size = self.index["vocab_size"]
        special_ids = self.index["special_ids"]
        self.start_id, self.end_id, self.mask_id = (special_ids[name] for name in ("start", "end", "mask"))
        self._codec = RecordCodec(self.vocab_size)
        shards = [shard for shard in self.index["shards"] if shard["records"]]
        for shard in shards:
            self._check_size(shard)
        if verify:
            self._check_digests(shards)
        self.lengths = self._open_lengths()
        # With the number of records given, the source need not open every shard to count them.
        self._source = ArrayRecordDataSource([f"{self.folder / s['file']}[0:{s['records']}]" for s in shards])

    def __len__(self):
        return self.index["records"]

    def read(self, indices):
        """The records at some places.

        Arguments:
            indices: sequence of int, from 0 to len(self) - 1.

        Returns:
            List of pairs of arrays (tokens,): token ids int32, whether a word starts at each token bool.
        """
        return [self._codec.decode(record) for record in self._source.__getitems__([int(i) for i in indices])]

    def _check_size(self, shard):
        path = self.folder / shard["file"]
        if not path.exists():
            raise UserError(f"{path}: this shard of the records is missing, but {INDEX} lists it")
        if path.stat().st_size != shard["bytes"]:
            raise UserError(f"{path}: the shard has {path.stat().st_size} bytes, but {INDEX} says {shard['bytes']}")

    def _check_digests(self, shards):
        with ByteProgress("verifying records", sum(shard["bytes"] for shard in shards)) as bar:
            for shard in shards:
                path = self.folder / shard["file"]
                if file_sha256(path, bar.advance) != shard["sha256"]:
                    raise UserError(f"{path}: the shard is damaged, its SHA-256 is not the one in {INDEX}")

    def _open_lengths(self):
        path = self.folder / LENGTHS
        try:
            lengths = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path}: the lengths of the records cannot be read: {error}") from error
        if lengths.shape != (len(self),):
            raise UserError(f"{path}: it has {lengths.size} lengths, but {INDEX} counts {len(self)} records")
        return lengths


def _read_index(folder):
    path = folder / INDEX
    if not path.exists():
        if (folder / "work").is_dir():
            raise UserError(f"{folder}: the records are not finished; run the same prepare command again to continue")
        raise UserError(f"{folder}: no records were found there, {INDEX} is missing")
    try:
        index = read_json(path)
        if index["format"] != FORMAT:
            raise UserError(f"{path}: its format is {index['format']!r}, this version reads {FORMAT!r}")
        return index
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: this is no index of records: {error}") from error
