"""`rfv2`: the subcommands together, and what becomes of errors.

Nothing heavy is imported before a subcommand runs, so that `rfv2 --help` answers at once.
"""

import sys
from typing import Annotated

import typer

from rfv2_keras import __version__
from rfv2_keras.cli.benchmark import benchmark_commands
from rfv2_keras.cli.clue import clue_commands
from rfv2_keras.cli.config import config_commands
from rfv2_keras.cli.convert import convert
from rfv2_keras.cli.describe import describe
from rfv2_keras.cli.doctor import doctor
from rfv2_keras.cli.embed import embed
from rfv2_keras.cli.export import export
from rfv2_keras.cli.fill_mask import fill_mask
from rfv2_keras.cli.finetune import evaluate, finetune, predict
from rfv2_keras.cli.launch import launch
from rfv2_keras.cli.multitask import multitask
from rfv2_keras.cli.plot import plot
from rfv2_keras.cli.prepare import prepare
from rfv2_keras.cli.presets import list_presets
from rfv2_keras.cli.pretrain import pretrain
from rfv2_keras.cli.score import score
from rfv2_keras.cli.serve import serve
from rfv2_keras.cli.sts import sts
from rfv2_keras.cli.whiten import whiten
from rfv2_keras.errors import UserError


class Commands(typer.core.TyperGroup):
    """Says in one line on standard error what the user did wrong, or that they interrupted the command.

    Exit status: 0 done, 2 a mistake of the user, 130 interrupted, 1 (with a traceback) a mistake of ours.
    """

    def invoke(self, context):
        try:
            return super().invoke(context)
        except UserError as error:
            raise _stop(f"error: {' '.join(str(error).split())}", 2) from None
        except KeyboardInterrupt:
            raise _stop("interrupted", 130) from None


def _stop(line, status):
    print(f"rfv2: {line}", file=sys.stderr)
    return typer.Exit(status)


app = typer.Typer(
    cls=Commands,
    help="RoFormerV2 and GAU-α on Keras 3.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("prepare")(prepare)
app.command("pretrain")(pretrain)
app.command("multitask")(multitask)
# What follows the launched command belongs to it: `rfv2 launch --processes 2 pretrain CONFIG --no-resume`.
app.command("launch", context_settings={"allow_interspersed_args": False})(launch)
app.command("plot")(plot)
app.command("finetune")(finetune)
app.command("evaluate")(evaluate)
app.command("predict")(predict)
app.command("fill-mask")(fill_mask)
app.command("score")(score)
app.command("serve")(serve)
app.add_typer(clue_commands, name="clue")
app.command("embed")(embed)
app.command("export")(export)
app.command("whiten")(whiten)
app.command("sts")(sts)
app.command("presets")(list_presets)
app.command("convert")(convert)
app.command("describe")(describe)
app.command("doctor")(doctor)
app.add_typer(benchmark_commands, name="benchmark")
app.add_typer(config_commands, name="config")


def _print_version(wanted: bool):
    if wanted:
        print(f"rfv2 {__version__}")
        raise typer.Exit


@app.callback()
def common_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
):
    """RoFormerV2 and GAU-α on Keras 3."""


def main():
    """Entry point of the `rfv2` command."""
    app(prog_name="rfv2")
