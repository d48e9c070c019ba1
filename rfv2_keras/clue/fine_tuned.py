"""Fine-tuned models on disk: a model directory whose `heads/NAME` holds the task and the weights of its head.

model/
  config.json, vocab.txt, model.weights.h5     the encoder, which every command reads
  heads/tnews/task.json                        the task with its labels
  heads/tnews/head.npz                         weights of the head by path
"""

import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from rfv2_keras.builder import build_transformer_model
from rfv2_keras.checkpoints import ModelDirectory, save_model_directory
from rfv2_keras.checkpoints.atomic import atomic_file
from rfv2_keras.clue.kinds import Kind, kind_of
from rfv2_keras.clue.task import Task
from rfv2_keras.config import read_json_object
from rfv2_keras.errors import UserError
from rfv2_keras.models.base import Transformer
from rfv2_keras.text import Tokenizer

HEADS = "heads"
TASK_FILE = "task.json"
WEIGHTS_FILE = "head.npz"


@dataclass(frozen=True)
class FineTuned:
    """A model that was fine-tuned on a task.

    Attributes:
        kind: the `Kind`, which knows task and tokenizer.
        model: the Keras model with its head.
        builder: of the encoder, whose layers `model` is made of.
    """

    kind: Kind
    model: keras.Model
    builder: Transformer

    @classmethod
    def read(cls, path, task=None, dtype=None):
        """Load a fine-tuned model.

        Args:
            path: the model directory, or a run directory that holds it as `model`.
            task: name of the task; None if the model has one head only.
            dtype: Keras dtype policy of the encoder; None for the global one.

        Raises:
            UserError: there is no such model, no such head, or its files are damaged.
        """
        path = Path(path)
        if not (path / HEADS).is_dir() and (path / "model" / HEADS).is_dir():
            path = path / "model"
        folder = path / HEADS / (task or _only_head(path))
        if not (folder / TASK_FILE).is_file():
            raise UserError(f"{path}: has no head for task {task!r}; there are {', '.join(heads_of(path)) or 'none'}.")
        directory = ModelDirectory.read(path)
        found = Task.from_values(read_json_object(folder / TASK_FILE), str(folder / TASK_FILE))
        kind = kind_of(found, Tokenizer(directory.vocab))
        builder = build_transformer_model(path, dtype=dtype, return_keras_model=False)
        head = kind.head(directory.config)
        model = kind.model(kind.encoder(builder), head)
        _load_head(head, folder / WEIGHTS_FILE)
        return cls(kind, model, builder)


def heads_of(path):
    """The names of the tasks that a model directory has heads for."""
    return sorted(file.parent.name for file in Path(path, HEADS).glob(f"*/{TASK_FILE}"))


def save_fine_tuned(path, encoder, config, vocab, heads):
    """Write an encoder with heads.

    Args:
        path: the model directory.
        encoder: the Keras model of the encoder.
        config: its `ModelConfig`.
        vocab: path of the vocabulary.
        heads: list of pairs (`Task`, head layer).
    """
    save_model_directory(encoder, config, vocab, path)
    for task, head in heads:
        folder = Path(path, HEADS, task.name)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {weight.path: keras.ops.convert_to_numpy(weight.value) for weight in head.weights}
        with atomic_file(folder / WEIGHTS_FILE) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        with atomic_file(folder / TASK_FILE) as temporary:
            text = json.dumps(task.model_dump(), ensure_ascii=False, indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")


def _only_head(path):
    names = heads_of(path)
    if not names:
        raise UserError(f"{path}: is no fine-tuned model, it has no {HEADS}/; `rfv2 finetune` writes one.")
    if len(names) > 1:
        raise UserError(f"{path}: has heads for several tasks, name one with --task: {', '.join(names)}.")
    return names[0]


def _load_head(head, path):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: the weights of the head cannot be read ({error}).") from None
    for weight in head.weights:
        array = arrays.get(weight.path)
        if array is None or array.shape != tuple(weight.shape):
            received = "nothing" if array is None else f"shape {array.shape}"
            raise UserError(f"{path}: {weight.path} must have shape {tuple(weight.shape)}, found {received}.")
        weight.assign(array)
