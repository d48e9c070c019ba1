"""Documents from plain text and JSON lines."""

import json
from pathlib import PurePath

from rfv2_keras.data.corpus import COMPRESSED, Span
from rfv2_keras.data.lines import LineReader
from rfv2_keras.errors import UserError

TEXT_DOCUMENTS = ("blocks", "lines")
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
JSON_FIELDS = ("content", "text")
LONGEST_DOCUMENT = 2**20  # characters of plain text


class DocumentReader:
    """Iterates over the documents of a span; what cannot be read is handed to `broken` and left out.

    JSON lines: a file named .json, .jsonl or .ndjson, or one without the name .txt that starts with `{`. Each line is
    an object whose field `content`, or else `text`, is the document.

    Plain text: all other files, in UTF-8. With `"blocks"` a document is what stands between blank lines, its lines
    joined by line feeds; it also ends where the span ends and, so that memory stays flat, at the first line end after
    `LONGEST_DOCUMENT` characters. With `"lines"` every line is a document.

    (Why blocks: a line is often a paragraph or less, and short documents waste most of their row. Two novels with a
    paragraph on each line gave pieces of 496 tokens on average as blocks and 263 as lines; 510 are possible.)

    Arguments:
        span: Span.
        broken: function of (place, reason), both str.
        text_documents: `"blocks"` or `"lines"`.
    """

    def __init__(self, span, broken, text_documents="blocks"):
        if text_documents not in TEXT_DOCUMENTS:
            raise UserError(f"text_documents must be one of {', '.join(TEXT_DOCUMENTS)}, received {text_documents!r}")
        self._lines = LineReader(span, broken)
        self._path = span.path
        self._by_lines = text_documents == "lines"

    @property
    def bytes_read(self):
        """How far the reading of the span has come, in bytes of the file on disk."""
        return self._lines.bytes_read

    def __iter__(self):
        if is_json(self._path):
            return self._json_documents()
        return filter(None, self._text_lines()) if self._by_lines else self._blocks()

    def _json_documents(self):
        for line in self._lines:
            if not line or line.isspace():
                continue
            try:
                yield _field(json.loads(line))
            except UnicodeDecodeError as error:
                self._lines.report(_not_utf8(error))
            except (ValueError, RecursionError) as error:
                self._lines.report(f"the line is no JSON object with a text as {' or '.join(JSON_FIELDS)}: {error}")

    def _text_lines(self):
        for line in self._lines:
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                self._lines.report(_not_utf8(error))

    def _blocks(self):
        block, size = [], 0
        for line in self._text_lines():
            blank = not line or line.isspace()
            if not blank:
                block.append(line)
                size += len(line)
            if block and (blank or size > LONGEST_DOCUMENT):
                yield "\n".join(block)
                block, size = [], 0
        if block:
            yield "\n".join(block)


def is_json(path):
    """Whether a file is read as JSON lines, by its name or its first character."""
    name = PurePath(path)
    suffix = PurePath(name.stem).suffix if name.suffix in COMPRESSED else name.suffix
    if suffix in JSON_SUFFIXES:
        return True
    return suffix != ".txt" and _first_character(path) == b"{"


def _first_character(path):
    # Whatever goes wrong here goes wrong again, and is reported, when the file is read.
    lines = LineReader(Span(path, 0, 2**16), lambda place, reason: None)
    line = next((line for line in lines if line.strip()), b"")
    return line.lstrip()[:1]


def _field(record):
    if not isinstance(record, dict):
        raise ValueError(f"it is a {type(record).__name__}")
    for name in JSON_FIELDS:
        if isinstance(record.get(name), str):
            return record[name]
    raise ValueError(f"its fields are {', '.join(list(record)[:8]) or 'none'}")


def _not_utf8(error):
    return f"the line is not UTF-8 (byte {error.start + 1} of it is {error.object[error.start]:#04x})"
