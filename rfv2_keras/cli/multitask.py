"""`rfv2 multitask`."""

import sys
from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def multitask(
    config: Annotated[
        str, typer.Argument(help="Run config, a JSON file (`rfv2 config schema multitask` lists the keys).")
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a value, such as combination.name=mgda."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue from the latest checkpoint of the run directory.")] = True,
):
    """Train one encoder on many tasks and write a run directory with the heads of all of them."""
    import_tensorflow_quietly()
    from rfv2_keras.multitask.config import MultitaskConfig
    from rfv2_keras.multitask.run import train_multitask

    train_multitask(MultitaskConfig.read(config, overrides=set_ or []), resume=resume, stream=sys.stdout)
