"""`rfv2 clue`."""

import sys
from typing import Annotated

import typer

from rfv2_keras.cli.finetune import XLA, Architecture, Dtype, Set, chosen_dtype
from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.clue.download import BASE_URL
from rfv2_keras.errors import UserError

Tasks = Annotated[str, typer.Option(help="all, or names with commas between, such as tnews,c3.")]

clue_commands = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]})


@clue_commands.callback(invoke_without_command=True)
def clue(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Option(help="Model directory, or folder of a released bert4keras model; needed.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Folder that holds the files of the tasks, such as tnews/train.json; needed.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Folder of the run directories; needed.")] = None,
    tasks: Tasks = "all",
    set_: Set = None,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds; the table has mean ± deviation.")] = 1,
    dtype: Dtype = "auto",
    xla: XLA = False,
    architecture: Architecture = None,
):
    """Fine-tune on tasks of CLUE: a table beside published results, and an archive to submit.

    `rfv2 clue download` fetches the files of the tasks.
    """
    if context.invoked_subcommand is not None:
        _check_that_no_option_is_lost(context)
        return
    missing = [name for name, value in (("--model", model), ("--data", data), ("--out", out)) if value is None]
    if missing:
        raise UserError(f"`rfv2 clue` needs {' and '.join(missing)}; `rfv2 clue --help` says what they are.")
    import_tensorflow_quietly()
    from rfv2_keras.clue.suite import ARCHIVE, TABLE, run_suite

    run_suite(
        tasks.split(","),
        model,
        data,
        out,
        range(seed, seed + seeds),
        set_ or [],
        dtype=chosen_dtype(dtype),
        jit_compile=xla,
        model_type=architecture,
        stream=sys.stdout,
    )
    with open(f"{out}/{TABLE}", encoding="utf-8") as file:
        print(f"\n{file.read()}\n{out}/{TABLE}, {out}/{ARCHIVE}")


@clue_commands.command()
def download(
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the data, `--data` of other commands.")],
    tasks: Tasks = "all",
    base_url: Annotated[
        str, typer.Option(help="What comes before /tnews_public.zip; file:///FOLDER for archives that you have.")
    ] = BASE_URL,
):
    """Fetch the public files of the tasks; the same command continues interrupted work."""
    from rfv2_keras.clue.download import download_tasks

    download_tasks(tasks.split(","), out, base_url)


def _check_that_no_option_is_lost(context):
    given = [name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"]
    if given:
        option = f"--{given[0].rstrip('_').replace('_', '-')}"
        command = context.invoked_subcommand
        raise UserError(
            f"{option} stands before {command}, where it has no effect: `rfv2 clue {command} {option} ...`."
        )
