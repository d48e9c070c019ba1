"""`rfv2 convert`."""

import sys
from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def convert(
    source: Annotated[str, typer.Argument(help="Folder with a model, in any format that can be read.")],
    target: Annotated[str, typer.Argument(help="Folder to write; it must not exist yet.")],
    to: Annotated[str, typer.Option(help="keras, bert4keras, huggingface or keras-hub.")],
    layout: Annotated[
        str | None, typer.Option(help="Library of --to huggingface: transformers, roformer, gau-alpha or bert4torch.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Architecture, where the source names none.")] = None,
    python: Annotated[
        str | None, typer.Option(help="Interpreter with the libraries to compare with; this one if not given.")
    ] = None,
    compare: Annotated[bool, typer.Option(help="Compare outputs with the libraries of source and target.")] = True,
):
    """Write a model in the format of another library, and check that it computes the same."""
    import_tensorflow_quietly()
    from rfv2_keras.checkpoints.conversion.convert import convert as run

    print(run(source, target, to, layout, model, python, compare, lambda text: print(text, file=sys.stderr)))
