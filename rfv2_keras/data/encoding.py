"""How a piece of text is stored: token ids and word starts in a few bytes.

A record of n tokens is n ids (little-endian, 2 bytes each if the vocabulary has at most 65,536 ids, else 4), followed
by one bit per token that says whether a word starts there (first token in the highest bit, ceil(n / 8) bytes). The
length of the record tells n, so there is no header.
"""

import numpy as np
from array_record.python.array_record_module import ArrayRecordWriter

# One record per group is what random access needs; compression would save 5 % of space and make writing 9 times slower.
WRITER_OPTIONS = "group_size:1,uncompressed"


class RecordCodec:
    """Turns arrays into the bytes of a record and back.

    Arguments:
        vocab_size: int, the number of ids.
    """

    def __init__(self, vocab_size):
        self.dtype = np.dtype("<u2" if vocab_size <= 2**16 else "<u4")

    def encode(self, token_ids, word_starts):
        """Bytes of a record.

        Arguments:
            token_ids: (tokens,) whole numbers.
            word_starts: (tokens,) bool.
        """
        return token_ids.astype(self.dtype).tobytes() + np.packbits(word_starts).tobytes()

    def decode(self, record):
        """Two arrays (tokens,): token ids as int32, word starts as bool."""
        bits_per_token = 8 * self.dtype.itemsize + 1
        tokens = 8 * len(record) // bits_per_token
        token_ids = np.frombuffer(record, self.dtype, tokens).astype(np.int32)
        bits = np.frombuffer(record, np.uint8, offset=tokens * self.dtype.itemsize)
        return token_ids, np.unpackbits(bits, count=tokens).view(bool)


class ShardFile:
    """An ArrayRecord file to write; `write` and `close` raise OSError, for example when the disk is full."""

    def __init__(self, path):
        self._writer = ArrayRecordWriter(str(path), WRITER_OPTIONS)

    def write(self, record):
        try:
            self._writer.write(record)
        except RuntimeError as error:
            raise OSError(str(error)) from error

    def close(self):
        try:
            self._writer.close()
        except RuntimeError as error:
            raise OSError(str(error)) from error
