"""`rfv2 config`."""

import json
from typing import Annotated, Literal

import typer

config_commands = typer.Typer(help="Look at configs.", no_args_is_help=True, rich_markup_mode=None)


@config_commands.callback()
def _group():
    """Look at configs."""  # a callback keeps `schema` a subcommand although it is the only one


@config_commands.command()
def schema(
    stage: Annotated[Literal["pretrain", "multitask"], typer.Argument(help="Which run configs.")] = "pretrain",
):
    """Print the JSON Schema of run configs: every key with its type, default and meaning."""
    from rfv2_keras.multitask.config import MultitaskConfig
    from rfv2_keras.training.config import PretrainConfig

    config = MultitaskConfig if stage == "multitask" else PretrainConfig
    print(json.dumps(config.model_json_schema(), indent=2, ensure_ascii=False))
