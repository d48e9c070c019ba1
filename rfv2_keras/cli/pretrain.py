"""`rfv2 pretrain`."""

import sys
from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def pretrain(
    config: Annotated[str, typer.Argument(help="Run config, a JSON file (`rfv2 config schema` lists the keys).")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a value, such as optimizer.learning_rate=1e-3."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue from the latest checkpoint of the run directory.")] = True,
):
    """Pretrain a masked language model and write a run directory."""
    import_tensorflow_quietly()
    from rfv2_keras.training import PretrainConfig
    from rfv2_keras.training import pretrain as run

    run(PretrainConfig.read(config, overrides=set_ or []), resume=resume, stream=sys.stdout)
