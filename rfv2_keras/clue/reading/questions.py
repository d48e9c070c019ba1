"""Reading questions about passages, from documents in the layout of SQuAD or from JSON lines."""

import json

from rfv2_keras.clue.reading.files import existing, json_file, json_lines
from rfv2_keras.errors import UserError


def questions(path, context, report):
    """Pairs (place, record) of the questions of a file, each record with its passage.

    Args:
        path: documents {"data": [{"paragraphs": [{context, "qas": [...]}]}]}, or JSON lines with one question each.
        context: name of the field of the passage.
        report: function that takes a sentence about something that is left out.

    Raises:
        UserError: there is no such file, or it is neither.
    """
    if _has_lines(path):
        yield from json_lines(path, report)
        return
    content = json_file(path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise UserError(f'{path}: must hold JSON lines, or one JSON object with a list "data" of documents.')
    for number, document in enumerate(content["data"]):
        for paragraph in _objects(document, "paragraphs", f"{path}, document {number}", report):
            for question in _objects(paragraph, "qas", f"{path}, document {number}", report):
                place = f"{path}, question {question.get('id', f'of document {number}')}"
                yield place, {**({context: paragraph[context]} if context in paragraph else {}), **question}


def _has_lines(path):
    """Whether the first line is an object of its own, or seems to be one that is broken."""
    with open(existing(path), "rb") as file:
        first = next((line.strip() for line in file if line.strip()), b"")
    try:
        value = json.loads(first.decode("utf-8-sig"))
    except ValueError:
        return first.endswith(b"}")
    return isinstance(value, dict) and "data" not in value


def _objects(value, name, place, report):
    """The objects in a list that is a field of another object."""
    items = value.get(name) if isinstance(value, dict) else None
    if not isinstance(items, list):
        report(f"{place}: left out, it has no list {name!r}.")
        return []
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) < len(items):
        report(f"{place}: {len(items) - len(objects)} elements of {name!r} are left out, which are no objects.")
    return objects
