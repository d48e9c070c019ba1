"""A question about a passage with several choices, one of which is right."""

from dataclasses import dataclass

from pydantic import Field

from rfv2_keras.clue.kinds.choices import Choices
from rfv2_keras.clue.kinds.kind import Example
from rfv2_keras.clue.reading.files import field, holds_objects, json_file, json_lines, to_json_lines
from rfv2_keras.errors import UserError
from rfv2_keras.text import truncate_sequences


@dataclass(frozen=True)
class Question:
    """A passage, a question about it, and the texts that may be its answer."""

    passage: str
    question: str
    choices: tuple[str, ...]


class MultipleChoice(Choices):
    """Reading comprehension with choices, c3 for example.

    The row of a choice is

        [CLS] passage [SEP] question [SEP] choice [SEP]

    and of the three the longest one loses its last tokens (never its [SEP]) until the row fits. Segments are all 0.

    A file holds one JSON value in the layout of c3,

        [[["sentence", ...], [{"question": ..., "choice": ["...", ...], "answer": ..., "id": ...}, ...], ...], ...]

    or JSON lines with the passage beside the question:

        {"text": "..." or ["sentence", ...], "question": ..., "choice": ["...", ...], "answer": ..., "id": ...}

    An answer is the text of a choice or its index (a number, from 0); it and the id may be missing. An answer that is
    no choice is reported, and the question is then neither learned from nor scored. A question with fewer choices than
    others needs no filling: the scripts of RoFormerV2 fill up to four with the text 无效答案, which can be chosen; here
    a choice that is not there has logit -inf and can never be.
    """

    class Options(Choices.Options):
        text: str = Field("text", description="field of the passage, in JSON lines")
        joined_by: str = Field("||", description="what stands between the sentences of a passage")
        question: str = Field("question", description="field of the question")
        choice: str = Field("choice", description="field of the list of choices")
        answer: str = Field("answer", description="field of the answer")
        id: str = Field("id", description="field of the id; without one, questions are counted from 0")

    def read(self, path, report):
        examples = []
        for number, (place, record) in enumerate(self._records(path, report)):
            try:
                question = self._question(record, place)
            except LookupError as error:
                report(error.args[0])
                continue
            answer = self._answer(record, question.choices, place, report)
            examples.append(Example(place, record.get(self.options.id, number), question, answer))
        return examples

    def rows(self, content):
        start, end = self.tokenizer.start_id, self.tokenizer.end_id
        passage, question, *choices = (
            [*self.tokenizer.text_to_ids(text), end] for text in (content.passage, content.question, *content.choices)
        )
        rows = []
        for choice in choices:
            parts = truncate_sequences(self.task.maxlen, -2, choice, question, [start, *passage])
            rows.append(parts[2] + parts[1] + parts[0])
        return rows

    def submission(self, examples, predictions):
        pairs = zip(examples, predictions, strict=True)
        lines = ({"id": str(example.key), "label": str(prediction["label"])} for example, prediction in pairs)
        return to_json_lines(lines)

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _records(self, path, report):
        """Pairs (place, record) with the passage in each record."""
        if holds_objects(path):
            yield from json_lines(path, report)
            return
        passages = json_file(path)
        if not isinstance(passages, list):
            raise UserError(f"{path}: must hold a list of passages or JSON lines, found a {type(passages).__name__}.")
        for number, item in enumerate(passages, 1):
            place = f"{path}: passage {number}"
            if not (isinstance(item, list) and len(item) > 1 and isinstance(item[1], list)):
                report(f"{place}: left out, it must be a list of sentences followed by a list of questions.")
                continue
            for index, record in enumerate(item[1], 1):
                if isinstance(record, dict):
                    yield f"{place}, question {index}", {**record, self.options.text: item[0]}
                else:
                    report(f"{place}, question {index}: left out, it is a {type(record).__name__}, not an object.")

    def _question(self, record, place):
        passage = field(record, self.options.text, place)
        question = field(record, self.options.question, place)
        choices = field(record, self.options.choice, place)
        if _is_texts(passage):
            passage = self.options.joined_by.join(passage)
        if not isinstance(passage, str):
            raise LookupError(f"{place}: left out, a passage must be a string or a list of strings.")
        if not isinstance(question, str):
            raise LookupError(f"{place}: left out, a question must be a string, received {question!r}.")
        if not choices or not _is_texts(choices):
            raise LookupError(f"{place}: left out, the choices must be a list of strings, received {choices!r}.")
        return Question(passage, question, tuple(choices))

    def _answer(self, record, choices, place, report):
        """The index of the right choice, or None."""
        try:
            answer = field(record, self.options.answer, place)
        except LookupError:
            return None
        if isinstance(answer, str) and answer in choices:
            return choices.index(answer)
        if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
            return answer
        if answer not in (None, ""):
            report(f"{place}: without an answer, {answer!r} is none of the choices {', '.join(choices)}.")
        return None


def _is_texts(value):
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
