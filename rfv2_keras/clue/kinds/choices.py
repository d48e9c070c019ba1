"""What kinds have in common that choose one of several texts."""

from abc import abstractmethod
from typing import Annotated

import keras
import numpy as np
from pydantic import Field
from scipy.special import softmax
from sklearn.metrics import accuracy_score

from rfv2_keras.clue.heads.choices import ChoiceLogits, ChoiceRows
from rfv2_keras.clue.kinds.kind import TOKENS, Feature
from rfv2_keras.clue.kinds.pooled import Pooled
from rfv2_keras.clue.losses.cross_entropy import SparseCrossEntropy

Count = Annotated[int, Field(ge=1)]


class Choices(Pooled):
    """Softmax over the choices of an example, each of which goes through the encoder in a row of its own.

        logits[c] = w · h_c + b,   h_c = pooled hidden states of the row with choice c

    Examples may have any number of choices. A batch has as many rows for each example as the option `choices` says, or
    as its largest example has; rows without a choice are padding, and their logits are -inf: they are never chosen,
    take no probability and give no gradient.

    The `content` of an `Example` is an object with `choices`, a tuple of texts; an answer is the index of one of them.
    """

    class Options(Pooled.Options):
        choices: Count = Field(4, description="rows of an example; one with more choices makes its batch larger")

    probabilities = "softmax"

    @abstractmethod
    def rows(self, content):
        """The token ids of every choice, a list of lists."""

    def features(self, example, index):
        rows = self.rows(example.content)
        token_ids = np.zeros((len(rows), max(map(len, rows))), np.int32)
        for target, row in zip(token_ids, rows, strict=True):
            target[: len(row)] = row
        return [Feature({TOKENS: token_ids}, example.answer, index)]

    @property
    def units(self):
        return 1

    def loss(self):
        return SparseCrossEntropy(self.task.training.label_smoothing)

    def model(self, encoder, head):
        inputs = [keras.Input((None, None), dtype=given.dtype, name=given.name) for given in encoder.inputs]
        rows = [ChoiceRows(name=f"{given.name}-Rows")(given) for given in inputs]
        scores = head(encoder(rows), mask=rows[0] != 0)
        return keras.Model(inputs, ChoiceLogits(name="Choice-Logits")(scores, inputs[0]))

    def inputs(self, features, length):
        choices = max(self.options.choices, *(len(feature.inputs[TOKENS]) for feature in features))
        token_ids = np.zeros((len(features), choices, length), np.int32)
        for target, feature in zip(token_ids, features, strict=True):
            given, width = feature.inputs[TOKENS].shape
            target[:given, :width] = feature.inputs[TOKENS]
        return {TOKENS: token_ids}

    def decode(self, examples, summaries):
        outputs = [np.asarray(features[0][1], np.float64) for features in summaries]
        logits = [row[: len(e.content.choices)] for e, row in zip(examples, outputs, strict=True)]
        labels = self.choose(examples, logits)
        return [_prediction(*given) for given in zip(examples, labels, map(softmax, logits), strict=True)]

    def choose(self, examples, logits):
        """The index that is chosen for each example: that of the largest logit.

        Args:
            examples: list of `Example`.
            logits: for each example an array (choices,).
        """
        return [int(row.argmax()) for row in logits]

    def score(self, examples, predictions):
        pairs = [(e.answer, p["label"]) for e, p in zip(examples, predictions, strict=True) if e.answer is not None]
        return {"accuracy": float(accuracy_score(*zip(*pairs, strict=True)))} if pairs else {}

    def gold(self, example):
        return _prediction(example, example.answer, np.eye(len(example.content.choices))[example.answer])


def _prediction(example, label, probabilities):
    choice = example.content.choices[label]
    return {"choice": choice, "label": label, "probability": round(float(probabilities[label]), 4)}
