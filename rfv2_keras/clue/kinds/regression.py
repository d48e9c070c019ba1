"""A number for a pair of texts, such as how similar they are, or for one text."""

import math
from typing import Literal

import keras
import numpy as np
from keras import ops
from pydantic import Field
from scipy.stats import pearsonr, spearmanr

from rfv2_keras.clue.kinds.kind import TOKENS, Example, Feature
from rfv2_keras.clue.kinds.pooled import Pooled
from rfv2_keras.clue.reading.files import field, holds_objects, json_lines, text_of, to_json_lines
from rfv2_keras.clue.reading.plain_lines import text_lines
from rfv2_keras.errors import UserError


class Regression(Pooled):
    """A number between `low` and `high` from the pooled hidden states.

        y = (label - low) / (high - low)
        squared_error: (s - y)²                                        number = low + s · (high - low)
        cross_entropy: -y log σ(s) - (1 - y) log(1 - σ(s))             number = low + σ(s) · (high - low)

    Files are JSON lines {"sentence1", "sentence2", "label"}, or lines `text1<TAB>text2<TAB>label` (with one text:
    `text<TAB>label`). A label may be missing (in JSON: null); one that is no number from low to high is reported, and
    its line left out.
    """

    class Options(Pooled.Options):
        text: str = Field("sentence1", description="field of the text")
        second_text: str | None = Field("sentence2", description="field of the second text; null: there is one text")
        label: str = Field("label", description="field of the number")
        id: str = Field("id", description="field of the id; without one, examples are counted from 0")
        low: float = Field(0.0, description="smallest label")
        high: float = Field(5.0, description="largest label")
        loss: Literal["squared_error", "cross_entropy"] = "squared_error"

    selects = "spearman"

    def __init__(self, task, tokenizer):
        super().__init__(task, tokenizer)
        if not self.options.low < self.options.high:
            raise UserError(
                f"task {task.name}, options: low must be below high, received {self.options.low} and "
                f"{self.options.high}."
            )

    def read(self, path, report):
        lines = json_lines(path, report) if holds_objects(path) else self._columns(path, report)
        examples = []
        for number, (place, record) in enumerate(lines):
            try:
                texts = [text_of(field(record, name, place), place) for name in self._text_fields]
                answer = self._answer(record.get(self.options.label), place)
            except LookupError as error:
                report(error.args[0])
                continue
            examples.append(Example(place, record.get(self.options.id, number), tuple(texts), answer))
        return examples

    def example(self, text, second=None):
        self.check_texts(second, self.options.second_text is not None)
        return Example("command line", 0, (text,) if second is None else (text, second))

    def features(self, example, index):
        token_ids, _ = self.tokenizer.encode(*example.content, maxlen=self.task.maxlen)
        target = None if example.answer is None else np.float32(self._scaled(example.answer))
        return [Feature({TOKENS: np.array(token_ids, np.int32)}, target, index)]

    @property
    def units(self):
        return 1

    def loss(self):
        return RegressionLoss(self.options.loss)

    def decode(self, examples, summaries):
        scores = np.array([features[0][1][0] for features in summaries], np.float64)
        if self.options.loss == "cross_entropy":
            scores = 0.5 * (1.0 + np.tanh(0.5 * scores))  # σ, without overflow
        numbers = self.options.low + scores * (self.options.high - self.options.low)
        return [{"score": float(number)} for number in numbers]

    def score(self, examples, predictions):
        pairs = [(e.answer, p["score"]) for e, p in zip(examples, predictions, strict=True) if e.answer is not None]
        if not pairs:
            return {}
        gold, found = (np.array(column) for column in zip(*pairs, strict=True))
        if np.ptp(gold) == 0 or np.ptp(found) == 0:  # nothing is ranked
            return {"spearman": 0.0, "pearson": 0.0}
        return {
            "spearman": float(spearmanr(gold, found).statistic),
            "pearson": float(pearsonr(gold, found).statistic),
        }

    def record(self, example, prediction):
        return {"id": example.key, "score": round(prediction["score"], 4)}

    def submission(self, examples, predictions):
        pairs = zip(examples, predictions, strict=True)
        return to_json_lines(self.record(*pair) for pair in pairs)

    def gold(self, example):
        return {"score": example.answer}

    # --- pieces ------------------------------------------------------------------------------------------------------

    @property
    def _text_fields(self):
        return [name for name in (self.options.text, self.options.second_text) if name is not None]

    def _columns(self, path, report):
        """Pairs (place, record) of a file with columns."""
        names = [*self._text_fields, self.options.label]
        for place, line in text_lines(path, report):
            columns = line.split("\t")
            if len(columns) not in (len(names) - 1, len(names)):
                report(f"{place}: left out, it has {len(columns)} columns, not {len(names)}.")
                continue
            record = dict(zip(names, (column.strip() for column in columns), strict=False))
            yield place, {**record, self.options.label: record.get(self.options.label) or None}

    def _answer(self, value, place):
        """The label as a number, or None."""
        if value is None:
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not self.options.low <= number <= self.options.high:
            raise LookupError(
                f"{place}: left out, the label must be a number from {self.options.low:g} to {self.options.high:g}, "
                f"received {value!r}."
            )
        return number

    def _scaled(self, number):
        return (number - self.options.low) / (self.options.high - self.options.low)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class RegressionLoss(keras.losses.Loss):
    """Squared error, or cross entropy of a probability, between targets in [0, 1] (batch,) and scores (batch, 1).

    Args:
        form: `"squared_error"` or `"cross_entropy"`, see `Regression`.
    """

    def __init__(self, form="squared_error", reduction="sum_over_batch_size", name="regression_loss"):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.form = form

    def call(self, y_true, y_pred):
        targets = ops.cast(ops.reshape(y_true, (-1,)), "float32")
        scores = ops.cast(y_pred, "float32")[:, 0]
        if self.form == "squared_error":
            return ops.square(scores - targets)
        return ops.softplus(scores) - targets * scores

    def get_config(self):
        return {"form": self.form, "reduction": self.reduction, "name": self.name}
