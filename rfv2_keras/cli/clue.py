"""`rfv2 clue`."""

import sys
from typing import Annotated

import typer

from rfv2_keras.cli.finetune import XLA, Architecture, Data, Dtype, Model, Set, chosen_dtype
from rfv2_keras.cli.quiet import import_tensorflow_quietly


def clue(
    model: Model,
    data: Data,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder of the run directories.")],
    tasks: Annotated[str, typer.Option(help="all, or names with commas between, such as tnews,c3.")] = "all",
    set_: Set = None,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds; the table has mean ± deviation.")] = 1,
    dtype: Dtype = "auto",
    xla: XLA = False,
    architecture: Architecture = None,
):
    """Fine-tune on tasks of CLUE: a table beside published results, and an archive to submit."""
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
