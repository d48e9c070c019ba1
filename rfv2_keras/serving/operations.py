"""What a server can be asked for. Only the worker's thread calls these."""

from abc import ABC, abstractmethod

import numpy as np

from rfv2_keras.clue.prediction import Predictor
from rfv2_keras.errors import UserError
from rfv2_keras.inference.masked_lm import MASK

FILLER = "的"  # a text of so many of these has so many tokens


class Operation(ABC):
    """Answers many questions at once.

    Attributes:
        name: what the metrics call it.
    """

    @abstractmethod
    def prepare(self, question):
        """What `answer` takes, made of one question alone.

        Raises:
            UserError: the question cannot be answered; the sentence is for the client.
        """

    @abstractmethod
    def answer(self, prepared):
        """A JSON value for each of a list of what `prepare` returned."""

    @abstractmethod
    def sample(self, length):
        """A question with about so many tokens, for warming up."""


class FillMaskOperation(Operation):
    """Questions are pairs (text with [MASK], number of candidates).

    Args:
        fill_mask: `FillMask`.
        batch: most rows that go through the model at once.
    """

    name = "fill-mask"

    def __init__(self, fill_mask, batch):
        self._fill_mask = fill_mask
        self._batch = batch

    def prepare(self, question):
        text, top_k = question
        return self._fill_mask.encode(text), top_k

    def answer(self, prepared):
        masked, wanted = zip(*prepared, strict=True)
        records = [filled.record() for filled in self._fill_mask.fill(masked, max(wanted), self._batch)]
        for record, top_k in zip(records, wanted, strict=True):
            for mask in record["masks"]:
                del mask["candidates"][top_k:]
        return records

    def sample(self, length):
        return MASK + FILLER * (length - 3), 5


class EmbedOperation(Operation):
    """Questions are texts, answers vectors.

    Args:
        encoder: `SentenceEncoder`.
        batch: most rows that go through the model at once.
    """

    name = "embed"

    def __init__(self, encoder, batch):
        self._encoder = encoder
        self._batch = batch

    @property
    def dimension(self):
        """Numbers of a vector."""
        return self._encoder.dimension

    def prepare(self, question):
        return question

    def answer(self, prepared):
        vectors = self._encoder.encode(prepared, self._batch, progress=False)
        return np.round(vectors.astype(np.float64), 7).tolist()  # float32 has no further digits

    def sample(self, length):
        return FILLER * (length - 2)


class PredictOperation(Operation):
    """Questions are pairs (text, second text or None), answers what a fine-tuned model predicts.

    Args:
        tuned: `FineTuned`.
        batch: most rows that go through the model at once.

    Attributes:
        task: the `Task`.
        texts: how many texts a question has, 1 or 2.

    Raises:
        UserError: the task needs more than one or two texts.
    """

    def __init__(self, tuned, batch):
        self.task = tuned.kind.task
        self.name = f"predict/{self.task.name}"
        self.texts = _texts_of_a_question(tuned.kind)
        self._kind = tuned.kind
        self._predictor = Predictor(tuned.kind, tuned.model, batch)

    def prepare(self, question):
        return self._kind.example(*question)

    def answer(self, prepared):
        predictions = self._predictor(prepared)
        records = [self._kind.record(*pair) for pair in zip(prepared, predictions, strict=True)]
        return [{name: value for name, value in record.items() if name != "id"} for record in records]

    def sample(self, length):
        return (FILLER * (length - 2), None) if self.texts == 1 else (FILLER, FILLER * max(length - 4, 1))


def _texts_of_a_question(kind):
    """How many texts `kind.example` takes; it raises `UserError` for another number, or for any."""
    try:
        kind.example(FILLER)
    except UserError:
        kind.example(FILLER, FILLER)
        return 2
    return 1
