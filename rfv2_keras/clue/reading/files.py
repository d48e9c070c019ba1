"""Reading the files of a task: JSON lines with places for messages, whole JSON files, missing files."""

import json
from pathlib import Path

from rfv2_keras.errors import UserError


def existing(path):
    """The path, if there is such a file."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; is the data folder the right one?")
    return path


def json_lines(path, report):
    """Pairs (place, object) of a file with one JSON object a line.

    Lines end at "\\n" only: texts of CLUE hold U+2028 and other characters that `str.splitlines` takes for line ends.
    Blank lines are passed over.

    Args:
        path: the file, UTF-8.
        report: function that takes a sentence, for a line that cannot be read; the line is left out.
    """
    with open(existing(path), "rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path}:{number}"
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n\t ")
                if not text:
                    continue
                record = json.loads(text)
            except (UnicodeDecodeError, ValueError) as error:
                report(f"{place}: left out, the line is no JSON ({error}).")
                continue
            if isinstance(record, dict):
                yield place, record
            else:
                report(f"{place}: left out, the line holds a {type(record).__name__}, not an object.")


def to_json_lines(records):
    """The text of a file with one JSON value a line."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def holds_objects(path):
    """Whether a file begins like JSON lines."""
    with open(existing(path), "rb") as file:
        return file.read(1024).decode("utf-8-sig", errors="replace").lstrip().startswith("{")


def json_file(path):
    """The content of a file that is one JSON value.

    Raises:
        UserError: there is no such file, or it is no JSON.
    """
    try:
        return json.loads(existing(path).read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, ValueError) as error:
        raise UserError(f"{path}: the file is no JSON ({error}).") from None


def field(record, name, place):
    """A field of a record by its dotted name, such as `target.span1_text`.

    Raises:
        LookupError: the record has no such field; the message is a sentence.
    """
    value = record
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            raise LookupError(f"{place}: left out, it has no field {name!r}.")
        value = value[key]
    return value


def text_of(value, place):
    """A value that has to be a text.

    Raises:
        LookupError: it is none; the message is a sentence.
    """
    if not isinstance(value, str):
        raise LookupError(f"{place}: left out, a text must be a string, received a {type(value).__name__}.")
    return value
