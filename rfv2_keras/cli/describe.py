"""`rfv2 describe`."""

from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def describe(
    config: Annotated[str, typer.Argument(metavar="CONFIG_OR_DIR", help="Model config (JSON), or folder of a model.")],
    model: Annotated[str | None, typer.Option(help="Architecture, where the config names none.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows, for the memory of training.")] = 32,
    length: Annotated[int, typer.Option(min=1, help="Tokens of a row, for the memory of training.")] = 512,
):
    """Show what a model consists of: its parts, their parameters, and about how much memory it takes."""
    import_tensorflow_quietly()
    from rfv2_keras.checkpoints import ModelDirectory, foreign_config, is_model_directory
    from rfv2_keras.config import ModelConfig
    from rfv2_keras.models.description import describe_model

    if is_model_directory(config):
        values = ModelDirectory.read(config).config
    else:
        values = foreign_config(config, model) or ModelConfig.read(config, model)
    print(describe_model(values, batch, length))
