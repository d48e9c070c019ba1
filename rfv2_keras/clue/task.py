"""A task as data: files, fields, labels, lengths, training settings, submission files."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from rfv2_keras.config import Section, explain_nested, read_json_object
from rfv2_keras.errors import UserError

BUILT_IN = Path(__file__).parent / "tasks"
ORDER = ("iflytek", "tnews", "afqmc", "cmnli", "ocnli", "wsc", "csl", "cmrc2018", "c3", "chid", "cluener")


def checked_names(names):
    """Names of built-in tasks in the order given; `["all"]` are all of them.

    Raises:
        UserError: a name that is none, or no name.
    """
    names = list(ORDER) if list(names) == ["all"] else list(names)
    unknown = [name for name in names if name not in ORDER]
    if unknown or not names:
        raise UserError(f"--tasks must be all, or some of {','.join(ORDER)}, received {','.join(unknown) or 'none'}.")
    return names


_Positive = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, lt=1)]


class Files(Section):
    """Where the examples are, below the data folder."""

    train: list[str] = Field([], description="labelled files that are learned from")
    dev: list[str] = Field([], description="labelled files that are scored after every epoch")
    test: dict[str, str] = Field({}, description="name of the submission file -> file that it answers")


class TaskTraining(Section):
    """How a task is fine-tuned."""

    batch: _Positive = Field(32, description="examples of a batch")
    accumulation: _Positive = Field(1, description="batches of one update")
    epochs: _Positive = 10
    optimizer: Literal["adafactor", "adamw"] = "adafactor"
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="adamw only")
    warmup: _Share = Field(0.0, description="share of the updates in which the learning rate rises from 0")
    decay: bool = Field(False, description="whether the learning rate falls to 0 in a straight line afterwards")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="factor of the learning rate from each layer to the one below it"
    )
    lora_rank: _Positive | None = Field(None, description="train low-rank additions and the head only; null: all")
    dropout: _Share | None = Field(None, description="rate in the encoder; null: what its config says")
    label_smoothing: _Share = 0.0
    r_drop: Annotated[float, Field(ge=0)] = Field(0.0, description="weight of the divergence of two dropout masks")
    fgm: Annotated[float, Field(ge=0)] = Field(0.0, description="size of the adversarial step on token embeddings")
    patience: _Positive | None = Field(None, description="stop after so many epochs without a better dev score")


class Task(Section):
    """One task.

    Attributes:
        name: how it is called in run directories and on the command line.
        kind: one of `rfv2_keras.clue.kinds.KINDS`.
        files: where its examples are.
        options: settings of the kind, which checks them.
        labels: list of labels, or None where the training data says which there are.
        maxlen: largest number of tokens of a row.
        training: how it is fine-tuned.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    kind: str
    files: Files
    options: dict[str, Any] = Field({}, description="settings of the kind, which checks them")
    labels: list[str] | None = None
    maxlen: Annotated[int, Field(ge=8)] = 128
    training: TaskTraining = TaskTraining()

    @classmethod
    def read(cls, source, overrides=()):
        """A task of CLUE by name, or a task from a JSON file.

        Args:
            source: `"tnews"`, ..., or the path of a file that ends in .json.
            overrides: strings such as `"training.epochs=3"`.

        Raises:
            UserError: no such task or file, an unknown key, a wrong value.
        """
        path = Path(source)
        if path.suffix != ".json":
            path = BUILT_IN / f"{source}.json"
            if not path.is_file():
                raise UserError(f"a task must be one of {', '.join(ORDER)}, or a JSON file, received {str(source)!r}.")
        return cls.from_values(read_json_object(path), str(source), overrides)

    @classmethod
    def from_values(cls, values, place, overrides=()):
        """A task from a dict; `place` is what messages call it."""
        from rfv2_keras.training.config import apply_override

        values = json.loads(json.dumps(values))
        for override in overrides:
            apply_override(values, override)
        try:
            return cls(**values)
        except pydantic.ValidationError as error:
            raise UserError(explain_nested(error, place, cls)) from None

    def with_labels(self, labels):
        """The same task with these labels."""
        return self.model_copy(update={"labels": list(labels)})
