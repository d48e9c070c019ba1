"""Any number of labels for a text or a pair of texts."""

import numpy as np
from pydantic import Field
from scipy.special import expit

from rfv2_keras.clue.kinds.kind import TOKENS, Example, Feature
from rfv2_keras.clue.kinds.pooled import Pooled
from rfv2_keras.clue.reading.files import field, holds_objects, json_lines, text_of, to_json_lines
from rfv2_keras.clue.reading.plain_lines import text_lines
from rfv2_keras.losses import ZLPR


class MultiLabel(Pooled):
    """A score for each label from the pooled hidden states, learned with ZLPR; labels above 0 are predicted.

    Files are JSON lines {"text", "labels": [...]}, an empty list being an answer and a missing field none; or lines
    `label|label text`, whose labels end at the first space. Probabilities are σ(2 s), see
    https://spaces.ac.cn/archives/9064. Scores are F1 over all decisions (micro) and the share of texts whose labels
    are exactly right.
    """

    class Options(Pooled.Options):
        text: str = Field("text", description="field of the text")
        second_text: str | None = Field(None, description="field of the second text of a pair")
        labels: str = Field("labels", description="field of the list of labels")
        id: str = Field("id", description="field of the id; without one, examples are counted from 0")
        separator: str = Field("|", min_length=1, description="what stands between labels in lines that are no JSON")

    selects = "micro_f1"
    has_labels = True

    def __init__(self, task, tokenizer):
        super().__init__(task, tokenizer)
        self._indices = {label: index for index, label in enumerate(task.labels or [])}

    def read(self, path, report):
        lines = json_lines(path, report) if holds_objects(path) else self._plain(path, report)
        examples = []
        for number, (place, record) in enumerate(lines):
            try:
                first = text_of(field(record, self.options.text, place), place)
                second = self.options.second_text or None
                if second is not None:
                    second = text_of(field(record, second, place), place)
                answer = self._answer(record.get(self.options.labels), place)
            except LookupError as error:
                report(error.args[0])
                continue
            examples.append(Example(place, record.get(self.options.id, number), (first, second), answer))
        return examples

    def example(self, text, second=None):
        self.check_texts(second, self.options.second_text is not None)
        return Example("command line", 0, (text, second))

    def labels_of(self, examples):
        return sorted({label for example in examples for label in example.answer or ()})

    def features(self, example, index):
        token_ids, _ = self.tokenizer.encode(*example.content, maxlen=self.task.maxlen)
        target = None
        if example.answer is not None:
            target = np.zeros(len(self._indices), np.float32)
            target[[self._indices[label] for label in example.answer if label in self._indices]] = 1.0
        return [Feature({TOKENS: np.array(token_ids, np.int32)}, target, index)]

    @property
    def units(self):
        return len(self.task.labels)

    def loss(self):
        return ZLPR()

    def decode(self, examples, summaries):
        return [self._prediction(np.asarray(features[0][1], np.float64)) for features in summaries]

    def score(self, examples, predictions):
        pairs = [(e.answer, p["labels"]) for e, p in zip(examples, predictions, strict=True) if e.answer is not None]
        if not pairs:
            return {}
        hits = sum(len(gold & set(found)) for gold, found in pairs)
        decisions = sum(len(gold) + len(found) for gold, found in pairs)
        return {
            "micro_f1": 2 * hits / decisions if decisions else 0.0,
            "exact_match": sum(gold == set(found) for gold, found in pairs) / len(pairs),
        }

    def submission(self, examples, predictions):
        pairs = zip(examples, predictions, strict=True)
        lines = ({"id": str(example.key), "labels": prediction["labels"]} for example, prediction in pairs)
        return to_json_lines(lines)

    def gold(self, example):
        labels = sorted(example.answer)
        return {"labels": labels, "probabilities": [1.0] * len(labels)}

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _plain(self, path, report):
        """Pairs (place, record) of a file with lines `label|label text`."""
        for place, line in text_lines(path, report):
            labels, space, text = line.partition(" ")
            if not space:
                report(f"{place}: left out, there is no space between the labels and the text.")
                continue
            yield place, {self.options.labels: labels.split(self.options.separator), self.options.text: text}

    def _answer(self, value, place):
        """The labels as a frozenset, or None."""
        if value is None:
            return None
        if not isinstance(value, list) or any(not isinstance(label, (str, int)) or label == "" for label in value):
            raise LookupError(f"{place}: left out, the labels must be a list of labels, received {value!r}.")
        answer = frozenset(map(str, value))
        self.check_labels(answer, place)
        return answer

    def _prediction(self, scores):
        chosen = [int(index) for index in np.argsort(-scores, kind="stable") if scores[index] > 0]
        return {
            "labels": [self.task.labels[index] for index in chosen],
            "probabilities": [round(float(expit(2 * scores[index])), 4) for index in chosen],
        }
