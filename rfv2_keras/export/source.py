"""What is exported: a Keras model with named inputs and one named output, and what a caller has to know about it."""

from dataclasses import dataclass, field
from pathlib import Path

import keras

from rfv2_keras.builder import build_transformer_model
from rfv2_keras.checkpoints import ModelDirectory
from rfv2_keras.clue.fine_tuned import FineTuned, heads_of
from rfv2_keras.errors import UserError


@dataclass(frozen=True)
class Source:
    """A model to be exported.

    Attributes:
        model: Keras model whose inputs have names and whose output is a dict with one item.
        vocab: path of the vocabulary, or None.
        facts: what `signature.json` says besides inputs and outputs.
    """

    model: keras.Model
    vocab: Path | None
    facts: dict = field(default_factory=dict)

    @classmethod
    def read(cls, path, output="encoder", task=None):
        """Load what `output` names from a model directory.

        Args:
            path: the model directory; with a task also the run directory that holds it as `model`.
            output: `"encoder"` (hidden states), `"mlm"` (logits over the vocabulary) or `"task"` (what the head of a
                fine-tuned model gives).
            task: name of the task, for `"task"` with several heads.

        Raises:
            UserError: there is no such directory, or nothing in it that gives this output.
        """
        if not Path(path).is_dir():
            raise UserError(f"{path}: there is no such directory.")
        if output == "task":
            return cls._fine_tuned(path, task)
        if task is not None:
            raise UserError(f"--task is for --output task, received --output {output}.")
        directory = ModelDirectory.read(path)
        model = build_transformer_model(path, with_mlm="linear" if output == "mlm" else False, dtype="float32")
        name = "logits" if output == "mlm" else "hidden"
        return cls(_with_names(model, name), directory.vocab, {"model_type": directory.config.model_type})

    @classmethod
    def _fine_tuned(cls, path, task):
        path = Path(path)
        if not heads_of(path) and heads_of(path / "model"):
            path = path / "model"
        found = FineTuned.read(path, task, dtype="float32")
        kind = found.kind
        facts = {"task": kind.task.name, "kind": kind.task.kind, "labels": kind.task.labels, "maxlen": kind.task.maxlen}
        transitions = _transitions(found.model)
        if transitions is not None:
            facts.update(scheme=kind.options.scheme, transitions=transitions)
        return cls(_with_names(found.model, "scores"), ModelDirectory.read(path).vocab, facts)


def _with_names(model, name):
    if len(model.outputs) != 1:
        raise UserError(f"only models with one output can be exported, received {len(model.outputs)} outputs.")
    return keras.Model(model.inputs, {name: model.outputs[0]})


def _transitions(model):
    """The transitions of a conditional random field, as lists, which Viterbi decoding needs besides the scores."""
    from rfv2_keras.layers import ConditionalRandomField

    fields = [layer for layer in model._flatten_layers() if isinstance(layer, ConditionalRandomField)]
    return keras.ops.convert_to_numpy(fields[0].transitions).tolist() if fields else None
