"""`rfv2 finetune`, `rfv2 evaluate`, `rfv2 predict`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.errors import UserError

TaskName = Annotated[str, typer.Option("--task", help="Task of CLUE (tnews, c3, ...), or a JSON file with one.")]
Model = Annotated[str, typer.Option(help="Model directory, or folder of a released bert4keras model.")]
Data = Annotated[str, typer.Option(help="Folder that the files of the task lie in, such as tnews/train.json.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a value, such as training.epochs=3.")
]
Dtype = Annotated[str, typer.Option(help="float32, mixed_bfloat16, mixed_float16, or auto: what suits the machine.")]
XLA = Annotated[bool, typer.Option("--xla/--no-xla", help="Compile the training step, once per length.")]
Architecture = Annotated[
    str | None, typer.Option(help="Architecture of the model, where its config and checkpoint do not show it.")
]
FineTunedModel = Annotated[str, typer.Argument(metavar="MODEL", help="What `rfv2 finetune` wrote: run or model.")]
OneTask = Annotated[str | None, typer.Option("--task", help="Which head, if the model has several.")]


def finetune(
    task: TaskName,
    model: Model,
    data: Data,
    out: Annotated[str, typer.Option("--out", "-o", help="Run directory.")],
    set_: Set = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the head, the order and dropout.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Runs with this and the following seeds; mean ± deviation.")] = 1,
    dtype: Dtype = "auto",
    xla: XLA = False,
    architecture: Architecture = None,
):
    """Fine-tune a model on a task, score it, and write predictions and the files to submit."""
    import_tensorflow_quietly()
    from rfv2_keras.clue.seeds import finetune_seeds
    from rfv2_keras.clue.task import Task

    results = finetune_seeds(
        Task.read(task, set_ or []),
        model,
        data,
        out,
        range(seed, seed + seeds),
        dtype=chosen_dtype(dtype),
        jit_compile=xla,
        model_type=architecture,
        stream=sys.stdout,
    )
    best = " · ".join(f"{name} {text}" for name, text in results["shown"].items())
    print(f"{results['task']}: {best or 'no dev files to score'} · {out}")


def evaluate(
    model: FineTunedModel,
    data: Annotated[str, typer.Argument(metavar="FILE", help="Labelled file in the format of the task.")],
    task: OneTask = None,
    dtype: Dtype = "auto",
):
    """Score a fine-tuned model on a labelled file."""
    import_tensorflow_quietly()
    from rfv2_keras.clue.fine_tuned import FineTuned
    from rfv2_keras.clue.prediction import Predictor

    tuned = FineTuned.read(model, task, chosen_dtype(dtype))
    examples = tuned.kind.read(data, _complain)
    scores = tuned.kind.score(examples, Predictor(tuned.kind, tuned.model, stream=sys.stderr)(examples))
    if not scores:
        raise UserError(f"{data}: holds no example with an answer, so there is nothing to score.")
    for name, value in scores.items():
        print(f"{name:<20} {value:.4f}")


def predict(
    model: FineTunedModel,
    text: Annotated[
        str, typer.Argument(metavar="FILE_OR_TEXT", help="File in the format of the task, or one text itself.")
    ],
    second: Annotated[str | None, typer.Argument(metavar="SECOND_TEXT", help="Second text of a pair.")] = None,
    task: OneTask = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="File for the predictions; default: print them.")
    ] = None,
    dtype: Dtype = "auto",
):
    """Predict with a fine-tuned model: JSON lines in, JSON lines out, or one text on the command line."""
    import_tensorflow_quietly()
    from rfv2_keras.clue.fine_tuned import FineTuned
    from rfv2_keras.clue.prediction import Predictor
    from rfv2_keras.clue.reading.files import to_json_lines

    tuned = FineTuned.read(model, task, chosen_dtype(dtype))
    if Path(text).is_file() and second is None:
        examples = tuned.kind.read(text, _complain)
    else:
        examples = [tuned.kind.example(text, second)]
    predictions = Predictor(tuned.kind, tuned.model, stream=sys.stderr)(examples)
    pairs = zip(examples, predictions, strict=True)
    lines = to_json_lines(tuned.kind.record(*pair) for pair in pairs)
    if out is None:
        print(lines, end="")
        return
    Path(out).write_text(lines, encoding="utf-8")
    print(f"{out}: {len(examples):,} predictions")


def chosen_dtype(dtype):
    """The dtype policy that an option asks for."""
    from rfv2_keras.training.doctor import recommend
    from rfv2_keras.training.machine import read_machine

    known = ("float32", "mixed_bfloat16", "mixed_float16")
    if dtype == "auto":
        return recommend(read_machine(os.environ)).dtype_policy
    if dtype not in known:
        raise UserError(f"--dtype must be auto or one of {', '.join(known)}, received {dtype!r}.")
    return dtype


def _complain(sentence):
    print(sentence, file=sys.stderr)
