"""What a kind of task has to say about itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pydantic

from rfv2_keras.config import Section, explain_nested
from rfv2_keras.errors import UserError

TOKENS = "Input-Token"


@dataclass(frozen=True)
class Example:
    """One thing that is asked and scored.

    Attributes:
        place: "file:line", for messages.
        key: what a submission calls it.
        content: what is asked, as its kind likes it.
        answer: the right answer, or None where it is not known or not usable.
    """

    place: str
    key: Any
    content: Any
    answer: Any = None


@dataclass(frozen=True)
class Feature:
    """One row (or one row per choice) that goes through the model; an example has one or several.

    Attributes:
        inputs: input of the model -> int32 array (..., length).
        target: what the loss compares with, an array or number; None without an answer.
        example: index of its example.
        places: whatever decoding needs to know.
    """

    inputs: dict
    target: Any
    example: int
    places: Any = field(default=None, repr=False)

    @property
    def length(self):
        return self.inputs[TOKENS].shape[-1]


class Options(Section):
    """Base of the settings of a kind, `options` in the JSON of a task."""


class Kind(ABC):
    """How tasks of one kind are read, encoded, learned, decoded, scored and handed in.

    A kind of your own is a subclass that is added to `KINDS`; what it must define is marked as abstract.

    Args:
        task: `Task`.
        tokenizer: `rfv2_keras.Tokenizer`.

    Attributes:
        options: the settings of the kind, an instance of its `Options`.
        selects: name of the score that the best epoch is chosen by, the first of `score`'s.
        has_labels: whether tasks of this kind have a set of labels.
        first_only: whether the head looks at position 0, [CLS], only, so that the encoder can leave out the others in
            its last layer.
        probabilities: `"softmax"` where the outputs are logits over exclusive classes in the last axis (needed for
            R-Drop and label smoothing), else None.
    """

    Options = Options
    selects = "accuracy"
    has_labels = False
    first_only = False
    probabilities = None

    def __init__(self, task, tokenizer):
        self.task = task
        self.tokenizer = tokenizer
        self._known_labels = None if task.labels is None else frozenset(task.labels)
        try:
            self.options = self.Options(**task.options)
        except pydantic.ValidationError as error:
            raise UserError(explain_nested(error, f"task {task.name}, options", self.Options)) from None

    # --- reading -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def read(self, path, report):
        """The examples of a file, in its order.

        Args:
            path: the file.
            report: function that takes a sentence about something that is left out.

        Raises:
            UserError: the file cannot be used at all, or holds an unknown label.
        """

    def example(self, text, second=None):
        """An example made of one text, or two, for trying a model out.

        Raises:
            UserError: tasks of this kind need more than texts, or another number of them.
        """
        raise UserError(f"a task of kind {self.task.kind} needs a file, not a text on the command line.")

    def labels_of(self, examples):
        """The labels that occur in examples, in a fixed order; only where `has_labels`."""
        raise NotImplementedError(f"{type(self).__name__} has no labels")

    # --- from examples to the model ----------------------------------------------------------------------------------

    @abstractmethod
    def features(self, example, index):
        """The features of an example; `index` is what their `example` becomes."""

    @abstractmethod
    def head(self, config):
        """The Keras layer on top of the encoder.

        Args:
            config: `ModelConfig` of the encoder.
        """

    @abstractmethod
    def loss(self):
        """A `keras.losses.Loss` without reduction inside `call`: (targets, outputs) -> (batch,)."""

    def encoder(self, builder):
        """The encoder below the head, as a Keras model.

        Args:
            builder: of `build_transformer_model(..., return_keras_model=False)`.
        """
        return builder.first_encoder if self.first_only else builder.encoder

    def model(self, encoder, head):
        """A Keras model with the inputs of the features."""
        return keras.Model(encoder.inputs, head(encoder.output, mask=encoder.inputs[0] != 0))

    def inputs(self, features, length):
        """Arrays by input name, padded with 0 to `length` in the last axis."""
        names = features[0].inputs
        return {name: np.stack([_padded(f.inputs[name], length) for f in features]) for name in names}

    def targets(self, features, length):
        """The targets of features as one array."""
        return np.stack([np.asarray(feature.target) for feature in features])

    # --- from outputs to predictions ---------------------------------------------------------------------------------

    def summary(self, feature, output):
        """What has to be kept of the model's output for a feature; outputs of many features would fill the memory."""
        return output

    @abstractmethod
    def decode(self, examples, summaries):
        """Predictions, one for each example.

        Args:
            examples: list of `Example`.
            summaries: for each example the list of (feature, summary).
        """

    @abstractmethod
    def score(self, examples, predictions):
        """The official scores, a dict from name to number between 0 and 1; examples without an answer do not count."""

    def record(self, example, prediction):
        """A prediction as a JSON value for people and programs, one line of a predictions file."""
        return {"id": example.key, **prediction}

    @abstractmethod
    def submission(self, examples, predictions):
        """The text of the file to be handed in."""

    def gold(self, example):
        """The prediction that is right, for tests of scores and submission files."""
        return example.answer

    # --- for subclasses ----------------------------------------------------------------------------------------------

    def check_texts(self, second, is_pair):
        """Stop if one text was given for a pair, or two for a single text."""
        if is_pair != (second is not None):
            raise UserError(f"task {self.task.name} takes {'two texts' if is_pair else 'one text'}.")

    def check_labels(self, labels, place):
        """Stop at a label that the task does not have; any will do as long as it has none."""
        if self._known_labels is None:
            return
        unknown = sorted(label for label in labels if label not in self._known_labels)
        if unknown:
            known = ", ".join(self.task.labels[:20]) + (", …" if len(self.task.labels) > 20 else "")
            raise UserError(f"{place}: the label {unknown[0]!r} is none of those of {self.task.name}: {known}.")

    def read_all(self, paths, folder, report):
        """The examples of several files, one after the other."""
        return [example for path in paths for example in self.read(Path(folder, path), report)]


def _padded(array, length):
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, length - array.shape[-1])])
