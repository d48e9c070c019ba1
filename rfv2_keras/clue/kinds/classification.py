"""One label for a text, for a pair of texts, or for a text with marked spans."""

from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.metrics import accuracy_score, f1_score

from rfv2_keras.clue.kinds.kind import TOKENS, Example, Feature
from rfv2_keras.clue.kinds.pooled import Pooled
from rfv2_keras.clue.losses.cross_entropy import SparseCrossEntropy
from rfv2_keras.clue.reading.files import field, json_lines, text_of, to_json_lines

_Two = Annotated[list[str], Field(min_length=2, max_length=2)]


class Classification(Pooled):
    """Softmax over labels on the pooled hidden states.

    A text field may hold a list of strings, which are joined (the keywords of csl). Marked spans are put between marks
    before the text is encoded (`[[`北平`]]`, wsc), the earlier one first; a text that is too long is cut where the
    spans are not.
    """

    class Options(Pooled.Options):
        text: str = Field("sentence", description="field of the text")
        second_text: str | None = Field(None, description="field of the second text of a pair")
        joined_by: str = Field("；", description="what stands between strings where a text field holds a list")
        label: str = Field("label", description="field of the label")
        id: list[str] = Field(["id", "idx"], description="fields of the id, the first that is there counts")
        no_label: list[str] = Field(["-"], description="labels that mean that there is none")
        spans: list[_Two] = Field([], description="fields [index, text] of spans that are marked")
        marks: _Two = Field(["[[", "]]"], description="what stands before and after a span")

    has_labels = True
    probabilities = "softmax"

    def __init__(self, task, tokenizer):
        super().__init__(task, tokenizer)
        self._indices = {label: index for index, label in enumerate(task.labels or [])}

    def read(self, path, report):
        examples = []
        for number, (place, record) in enumerate(json_lines(path, report)):
            try:
                texts = self._texts(record, place)
            except LookupError as error:
                report(error.args[0])
                continue
            keys = [record[name] for name in self.options.id if name in record]
            answer = self._answer(record.get(self.options.label), place)
            examples.append(Example(place, keys[0] if keys else number, texts, answer))
        return examples

    def example(self, text, second=None):
        if self.options.spans:
            return super().example(text, second)
        self.check_texts(second, self.options.second_text is not None)
        return Example("command line", 0, (text, second, ()))

    def labels_of(self, examples):
        return sorted({example.answer for example in examples if example.answer is not None})

    def features(self, example, index):
        first, second, spans = example.content
        if spans:
            token_ids = self._around(first, spans)
        else:
            token_ids, _ = self.tokenizer.encode(first, second, maxlen=self.task.maxlen)
        target = self._indices.get(example.answer)
        return [Feature({TOKENS: np.array(token_ids, np.int32)}, target, index)]

    @property
    def units(self):
        return len(self.task.labels)

    def loss(self):
        return SparseCrossEntropy(self.task.training.label_smoothing)

    def decode(self, examples, summaries):
        return [self._prediction(outputs[0][1]) for outputs in summaries]

    def score(self, examples, predictions):
        pairs = [(e.answer, p["label"]) for e, p in zip(examples, predictions, strict=True) if e.answer is not None]
        if not pairs:
            return {}
        gold, found = zip(*pairs, strict=True)
        return {
            "accuracy": float(accuracy_score(gold, found)),
            "macro_f1": float(f1_score(gold, found, average="macro", zero_division=0.0)),
        }

    def submission(self, examples, predictions):
        pairs = zip(examples, predictions, strict=True)
        lines = ({"id": str(example.key), "label": prediction["label"]} for example, prediction in pairs)
        return to_json_lines(lines)

    def gold(self, example):
        return {"label": example.answer, "probability": 1.0}

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _texts(self, record, place):
        options = self.options
        first = self._text(field(record, options.text, place), place)
        second = None
        if options.second_text is not None:
            second = self._text(field(record, options.second_text, place), place)
        spans = sorted(self._span(record, index, text, place) for index, text in options.spans)
        return first, second, tuple(spans)

    def _text(self, value, place):
        if isinstance(value, list):
            value = self.options.joined_by.join(map(str, value))
        return text_of(value, place)

    def _span(self, record, index, text, place):
        start, text = field(record, index, place), field(record, text, place)
        if not isinstance(start, int) or isinstance(start, bool) or start < 0 or not isinstance(text, str):
            raise LookupError(f"{place}: left out, a span needs an index of 0 or more and a text.")
        return start, start + len(text)

    def _answer(self, value, place):
        """The label as a string, or None."""
        if value is None or (isinstance(value, str) and value in self.options.no_label):
            return None
        label = str(value)
        self.check_labels([label], place)
        return label

    def _around(self, text, spans):
        """Token ids of a text with its spans marked; a long text keeps what lies around the spans."""
        opening, closing = self.options.marks
        marked, end, begin = "", 0, None
        for start, stop in spans:
            marked += text[end:start] + opening
            begin = len(marked) - len(opening) if begin is None else begin
            marked += text[start:stop] + closing
            end = stop
        last = len(marked)
        marked += text[end:]
        token_ids, _, places = self.tokenizer.encode_with_offsets(marked)
        if len(token_ids) <= self.task.maxlen:
            return token_ids
        inner, places = token_ids[1:-1], places[1:-1]
        inside = [i for i, (start, stop) in enumerate(places) if stop > begin and start < last]
        room = self.task.maxlen - 2
        spare = room - (inside[-1] + 1 - inside[0])
        # Spans that are further apart than the window lose the end of the second.
        start = min(max(inside[0] - max(spare, 0) // 2, 0), len(inner) - room)
        return [token_ids[0], *inner[start : start + room], token_ids[-1]]

    def _prediction(self, logits):
        logits = np.asarray(logits, np.float64)
        powers = np.exp(logits - logits.max())
        best = int(logits.argmax())
        return {"label": self.task.labels[best], "probability": round(float(powers[best] / powers.sum()), 4)}
