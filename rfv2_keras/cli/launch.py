"""`rfv2 launch`."""

import sys
from typing import Annotated

import typer


def launch(
    command: Annotated[list[str], typer.Argument(help="An rfv2 command, such as pretrain CONFIG.")],
    processes: Annotated[int, typer.Option(min=1, help="How many processes.")],
    gpus: Annotated[bool, typer.Option("--gpus", help="Process i sees GPU i only.")] = False,
):
    """Run a command in several processes of this machine that train together."""
    from rfv2_keras.training.launch import launch as run

    raise typer.Exit(run([sys.executable, "-m", "rfv2_keras.cli", *command], processes, gpus))
