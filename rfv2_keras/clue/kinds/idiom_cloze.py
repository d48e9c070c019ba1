"""Blanks in passages, each to be filled with one of the candidates that the passages share."""

import json
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from pydantic import Field
from scipy.optimize import linear_sum_assignment

from rfv2_keras.clue.kinds.choices import Choices, Count
from rfv2_keras.clue.kinds.kind import Example
from rfv2_keras.clue.reading.files import field, json_file, json_lines
from rfv2_keras.errors import UserError
from rfv2_keras.text import truncate_sequences
from rfv2_keras.text.sequences import truncated_lengths


@dataclass(frozen=True)
class Blank:
    """A blank between two texts, and what may fill it; blanks of one `line` (file:line) are filled together."""

    line: str
    left: str
    right: str
    choices: tuple[str, ...]


class IdiomCloze(Choices):
    """Cloze test with candidates, chid for example.

    A file holds JSON lines,

        {"candidates": ["得过且过", ...], "content": ["……几乎#idiom000000#的情况下……", ...]}

    and the answers lie beside it, those of `train.json` in `train_answer.json`: one object {tag: index of a candidate}.
    Every tag is a blank and an example. All other tags of its passage become `_____`, and the text around it loses
    characters at the far end of its longer side (of equal ones the left) until `context` are left. The row of a
    candidate is

        [CLS] left [SEP] candidate [SEP] right [SEP]

    with segments 0; a row of more than maxlen tokens loses those that are furthest from the blank.

    The blanks of a line are filled together so that the sum of the logits is largest and no candidate is used twice
    (the assignment problem). With more blanks than candidates, a candidate may be used as often as it takes to fill all
    blanks if every one were used equally often. The probability of a prediction is that of the candidate by itself.

    Files that are learned from or scored (`files.train` and `files.dev` of the task) need their answers; others may
    lack them.
    """

    class Options(Choices.Options):
        choices: Count = Field(10, description="rows of a blank; one with more candidates makes its batch larger")
        candidates: str = Field("candidates", description="field of the list of candidates")
        content: str = Field("content", description="field of the passage or the list of passages")
        tag: re.Pattern[str] = Field(r"#idiom\d+#", description="regular expression of a blank", validate_default=True)
        blank: str = Field("_____", description="what stands for the other blanks of a passage")
        context: Count = Field(56, description="characters that are kept around a blank")
        answers: str = Field("_answer", description="what the name of the file with the answers ends in, before .json")
        joint: bool = Field(True, description="whether the blanks of a line are filled together")

    def read(self, path, report):
        answers = self._answers(Path(path))
        examples, tags = [], set()
        for place, record in json_lines(path, report):
            try:
                candidates = self._texts(record, self.options.candidates, place)
                passages = self._texts(record, self.options.content, place)
            except LookupError as error:
                report(error.args[0])
                continue
            for tag, left, right in (blank for passage in passages for blank in self._blanks(passage)):
                if tag in tags:
                    report(f"{place}: the blank {tag} stands in the file twice, a submission holds one answer only.")
                tags.add(tag)
                answer = None if answers is None else self._answer(answers, tag, candidates, place, report)
                examples.append(Example(place, tag, Blank(place, left, right, candidates), answer))
        return examples

    def rows(self, content):
        start, end = self.tokenizer.start_id, self.tokenizer.end_id
        left = [start, *self.tokenizer.text_to_ids(content.left), end]
        right = [*self.tokenizer.text_to_ids(content.right), end]
        rows = []
        for text in content.choices:
            candidate = [*self.tokenizer.text_to_ids(text), end]
            # The left side loses what follows [CLS], the others what precedes [SEP].
            parts = truncate_sequences(self.task.maxlen, [1, -2, -2], left, candidate, right)
            rows.append(list(chain.from_iterable(parts)))
        return rows

    def choose(self, examples, logits):
        if not self.options.joint:
            return super().choose(examples, logits)
        lines = {}
        for index, example in enumerate(examples):
            lines.setdefault(example.content.line, []).append(index)
        labels = [0] * len(examples)
        for indices in lines.values():
            for index, label in zip(indices, assign(np.stack([logits[i] for i in indices])), strict=True):
                labels[index] = int(label)
        return labels

    def submission(self, examples, predictions):
        pairs = zip(examples, predictions, strict=True)
        labels = {example.key: prediction["label"] for example, prediction in pairs}
        return json.dumps(labels, ensure_ascii=False, indent=4)

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _blanks(self, passage):
        """Tag, text to its left and text to its right, for each blank."""
        for match in self.options.tag.finditer(passage):
            left, right = (
                self.options.tag.sub(lambda _: self.options.blank, side)
                for side in (passage[: match.start()], passage[match.end() :])
            )
            before, after = truncated_lengths(self.options.context, [len(left), len(right)])
            yield match.group(), left[len(left) - before :], right[:after]

    def _answers(self, path):
        """{tag: index}, or None where the file needs no answers and has none."""
        place = path.with_name(f"{path.stem}{self.options.answers}.json")
        files = self.task.files
        scored = any(path.parts[-len(Path(name).parts) :] == Path(name).parts for name in files.train + files.dev)
        if not (scored or place.is_file()):
            return None
        if not place.is_file():
            raise UserError(f"{place}: there is no such file; it should hold the answers of {path.name}.")
        answers = json_file(place)
        if not isinstance(answers, dict):
            raise UserError(f"{place}: must hold an object {{tag: index}}, found a {type(answers).__name__}.")
        return answers

    def _answer(self, answers, tag, candidates, place, report):
        answer = answers.get(tag)
        if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(candidates):
            return answer
        report(f"{place}: {tag} has no answer, it needs a number from 0 to {len(candidates) - 1}, has {answer!r}.")
        return None

    def _texts(self, record, name, place):
        texts = field(record, name, place)
        texts = (texts,) if isinstance(texts, str) else texts
        if not (isinstance(texts, (list, tuple)) and texts and all(isinstance(text, str) for text in texts)):
            raise LookupError(f"{place}: left out, {name} must be a list of strings, received {texts!r}.")
        return tuple(texts)


def assign(scores):
    """The candidates with the largest sum of scores, each used at most ⌈blanks / candidates⌉ times.

    Args:
        scores: array (blanks, candidates).

    Returns:
        Array (blanks,), the index of a candidate for each blank.
    """
    blanks, candidates = scores.shape
    _, columns = linear_sum_assignment(np.tile(scores, -(-blanks // candidates)), maximize=True)
    return columns % candidates
