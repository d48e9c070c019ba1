"""The lines of a span of a plain or compressed file, each with its place."""

import gzip
import io
import zlib

import zstandard

LONGEST_LINE = 2**24  # bytes; a longer one is skipped, so that memory stays flat


class LineReader:
    """Iterates over the lines that begin in a span, as bytes without line end.

    Only line feeds end a line: U+2028 and its like are characters, as in JSON. A line that cannot be read is handed to
    `broken`, and the iteration goes on with the next line, or ends where the file cannot be read any further.

    Arguments:
        span: Span.
        broken: function of (place, reason), both str; the place is "file:line".
    """

    def __init__(self, span, broken):
        self._span = span
        self._broken = broken
        self._lines = 0  # read so far
        self._begin = span.start  # of the first line
        self._lines_before = None  # of the file, before the first line
        self._file = None

    def __iter__(self):
        try:
            with open(self._span.path, "rb") as self._file:
                yield from self._read(_decompressed(self._file, self._span.path))
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            self._lines += 1
            self.report(f"the file cannot be read any further: {error}")
        finally:
            self._file = None

    def _read(self, stream):
        position = self._span.start
        if position:  # a line that begins before the span belongs to the span before
            stream.seek(position - 1)
            position += _skip_line(stream) - 1
            self._begin = position
        whole = stream is not self._file
        while whole or position < self._span.end:
            line = stream.readline(LONGEST_LINE)
            if not line:
                return
            self._lines += 1
            position += len(line)
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                position += _skip_line(stream)
                self.report(f"the line is longer than {LONGEST_LINE} bytes")
                continue
            if position == len(line):
                line = line.removeprefix(b"\xef\xbb\xbf")  # byte order mark
            yield line.rstrip(b"\r\n")

    @property
    def bytes_read(self):
        """How far the reading of the span has come, in bytes of the file on disk."""
        return self._file.tell() - self._span.start if self._file else self._span.size

    def report(self, reason):
        """Hand the line read last to `broken`."""
        self._broken(self._place(), reason)

    def _place(self):
        # Counting the lines before the span means reading them, so it waits until a number is needed.
        if self._lines_before is None:
            try:
                self._lines_before = _count_lines(self._span.path, self._begin)
            except OSError:
                return self._span.path
        return f"{self._span.path}:{self._lines_before + self._lines}"


def _decompressed(file, path):
    if path.endswith(".gz"):
        return io.BufferedReader(gzip.GzipFile(fileobj=file), 2**17)
    if path.endswith(".zst"):
        return io.BufferedReader(_ZstandardFile(file), 2**17)
    return file


def _skip_line(stream):
    skipped = 0
    while piece := stream.readline(LONGEST_LINE):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def _count_lines(path, size):
    """How many lines end in the first `size` bytes of a file."""
    lines = 0
    if not size:
        return lines
    with open(path, "rb") as file:
        while size > 0 and (piece := file.read(min(size, 2**20))):
            lines += piece.count(b"\n")
            size -= len(piece)
    return lines


class _ZstandardFile(io.RawIOBase):
    """Reads Zstandard frames; unlike the reader of `zstandard`, it notices that a file was cut off."""

    def __init__(self, file):
        self._file = file
        self._frame = None
        self._input = b""
        self._output = memoryview(b"")

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self._output:
            self._input = self._input or self._file.read(2**16)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("the compressed file ends in the middle")
                return 0
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()
            self._output = memoryview(self._frame.decompress(self._input))
            self._input = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        size = min(len(buffer), len(self._output))
        buffer[:size] = self._output[:size]
        self._output = self._output[size:]
        return size
