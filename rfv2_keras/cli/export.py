"""`rfv2 export`."""

from pathlib import Path
from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL_DIR", help="Model directory, or that of a fine-tuned model.")],
    target: Annotated[str, typer.Argument(help="New folder for the exported model.")],
    to: Annotated[str, typer.Option(help="saved-model, onnx or tflite.")],
    output: Annotated[
        str | None, typer.Option(help="encoder, mlm or task; default: task where --task is given, else encoder.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Task whose head is exported.")] = None,
    quantize: Annotated[str | None, typer.Option(help="int8: weights in 8 bits.")] = None,
):
    """Write a model that runs without this package; token ids go in."""
    import_tensorflow_quietly()
    from rfv2_keras.export import export_model

    output = output or ("task" if task else "encoder")
    signature = export_model(model, target, to, output, task, quantize)
    size = sum(file.stat().st_size for file in Path(target).rglob("*") if file.is_file())
    names = ", ".join(one["name"] for one in signature["inputs"])
    print(f"{target}: {size:,} bytes · {names} → {signature['outputs'][0]['name']}")
