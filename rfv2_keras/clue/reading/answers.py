"""Answers in files: those that are known, those that are elsewhere than said, those that are nowhere."""

from typing import NamedTuple

from rfv2_keras.clue.reading.files import field
from rfv2_keras.clue.reading.locate import locate


class Answers(NamedTuple):
    """What is known to be right.

    Attributes:
        texts: the answers; none where the passage holds none.
        spans: pairs (start, end) of characters of the passage, of those answers that are in it.
    """

    texts: tuple
    spans: tuple


class AnswerReader:
    """Reads the answers of a file's questions and remembers which were not where the file says.

    Args:
        options: `SpanReading.Options`.
    """

    def __init__(self, options):
        self.options = options
        self.moved = []
        self.lost = []

    def read(self, record, passage, place):
        """The `Answers` of a question, or None where they are not known.

        Args:
            record: the question; its answers are a list of objects or strings, or one of these.
            passage: the text that holds the answers.
            place: where the record is, for messages.

        Raises:
            LookupError: an answer cannot be read; the message is a sentence.
        """
        options = self.options
        answers = record.get(options.answers)
        texts, spans = [], []
        for answer in answers if isinstance(answers, list) else [answers]:
            if answer is None:
                continue
            if isinstance(answer, str):
                answer = {options.text: answer}
            text = field(answer, options.text, place)
            if not isinstance(text, str) or not text:
                raise LookupError(
                    f"{place}: left out, an answer must be a string that is not empty, received {text!r}."
                )
            if text.startswith(tuple(options.withheld)):
                continue
            texts.append(text)
            span = self._locate(passage, text, answer.get(options.start), place)
            spans += [] if span is None else [span]
        is_known = texts or (options.unanswerable and answers == [])
        return Answers(tuple(texts), tuple(spans)) if is_known else None

    def report(self, path, report):
        """Say what was moved and lost."""
        if self.moved:
            report(f"{path}: answers that stand elsewhere than the file says, and were found: {_shown(self.moved)}.")
        if self.lost:
            report(
                f"{path}: answers that are not in the passage, which count but are not learned: {_shown(self.lost)}."
            )

    def _locate(self, passage, text, said, place):
        start = locate(passage, text, said if isinstance(said, int) else 0)
        if start is None:
            self.lost.append(f"{text!r}, {place}")
            return None
        if said is not None and start != said:
            self.moved.append(f"{text!r}, {place}")
        return start, start + len(text)


def _shown(items):
    """How many there are, and the first three."""
    return f"{len(items)} ({'; '.join(items[:3])}{'; …' if len(items) > 3 else ''})"
