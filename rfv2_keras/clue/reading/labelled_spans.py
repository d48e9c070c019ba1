"""Labelled spans in files: CLUENER's nested objects, and lists."""

from typing import NamedTuple

from rfv2_keras.clue.reading.locate import locate


class Span(NamedTuple):
    """text[start:end] with a label."""

    label: str
    start: int
    end: int


def spans_of(value, text, place, report):
    """The spans that a record says.

    Args:
        value: {label: {string: [[first, last character], ...]}}, or [{"label", "start", "end"}, ...].
        text: the text they belong to.
        place: "file:line", for messages.
        report: function that takes a sentence. Where CLUENER's string is not at its place, the nearest such string
            is taken; without one the span is left out.

    Returns:
        list of `Span`.

    Raises:
        LookupError: the value is neither of these; the message is a sentence.
    """
    try:
        if isinstance(value, list):
            said = [(Span(item["label"], item["start"], item["end"]), None) for item in value]
        else:
            said = [
                (Span(label, first, last + 1), string)
                for label, strings in value.items()
                for string, places in strings.items()
                for first, last in places
            ]
        if not all(isinstance(span.label, str) and type(span.start) is type(span.end) is int for span, _ in said):
            raise TypeError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise LookupError(
            f"{place}: left out, its spans must be {{label: {{string: [[first, last], …]}}}} or a list of "
            f'{{"label", "start", "end"}}.'
        ) from None
    found = (_checked(span, string, text, place, report) for span, string in said)
    return [span for span in found if span is not None]


def nested_spans(entities):
    """Objects {"label", "start", "end", "text"} in CLUENER's form."""
    nested = {}
    for entity in entities:
        places = nested.setdefault(entity["label"], {}).setdefault(entity["text"], [])
        places.append([entity["start"], entity["end"] - 1])
    return nested


def _checked(span, string, text, place, report):
    """The span if it is in the text and is the string, else the nearest that is, else None."""
    if 0 <= span.start < span.end <= len(text) and string in (None, text[span.start : span.end]):
        return span
    start = locate(text, string, span.start)
    what = f"{place}: the {span.label} {'' if string is None else repr(string) + ' '}at {span.start}–{span.end - 1}"
    if start is None:
        report(f"{what} is left out, it is not in the text.")
        return None
    report(f"{what} is at {start}–{start + len(string) - 1}, which counts.")
    return Span(span.label, start, start + len(string))
