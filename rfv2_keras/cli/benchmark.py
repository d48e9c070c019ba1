"""`rfv2 benchmark`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.errors import UserError

benchmark_commands = typer.Typer(no_args_is_help=True, help="Measure how fast parts of a run are.")

Configs = Annotated[
    list[str], typer.Option("--config", help="Model config (JSON), a size (small, base, …), or such as gau_alpha_base.")
]
Batches = Annotated[list[int], typer.Option("--batch", min=1, help="Rows; several are several contenders.")]
Lengths = Annotated[list[int], typer.Option("--length", min=1, help="Tokens of a row; paired with --batch.")]
Dtypes = Annotated[list[str], typer.Option("--dtype", help="float32, bfloat16 or float16.")]
Jits = Annotated[list[str], typer.Option("--jit", help="XLA: auto, true or false.")]
Rounds = Annotated[int, typer.Option(min=1, help="Turns of each contender.")]
Seconds = Annotated[float, typer.Option(min=0.0, help="Length of a turn; at least one step is done.")]
Optimizers = Annotated[list[str], typer.Option("--optimizer", help="adamw or lamb.")]
Checkpointing = Annotated[
    list[str],
    typer.Option(
        "--checkpointing", help="What is computed twice to save memory: none, attention, layers, or what config says."
    ),
]
Peak = Annotated[bool, typer.Option(help="Measure matrix products in the same run.")]
Out = Annotated[str | None, typer.Option("--out", "-o", help="Write everything that was measured to a JSON file.")]


@benchmark_commands.command("train")
def benchmark_train(
    config: Configs = ["small"],  # noqa: B006 - typer takes lists
    batch: Batches = [16],  # noqa: B006
    length: Lengths = [128],  # noqa: B006
    dtype: Dtypes = ["float32"],  # noqa: B006
    jit: Jits = ["auto"],  # noqa: B006
    optimizer: Optimizers = ["adamw"],  # noqa: B006
    checkpointing: Checkpointing = ["config"],  # noqa: B006
    rounds: Rounds = 5,
    seconds: Seconds = 2.0,
    peak: Peak = True,
    out: Out = None,
):
    """Time updates of masked-language-model training; contenders take turns."""
    _run_own("train", config, batch, length, dtype, jit, optimizer, checkpointing, rounds, seconds, peak, out)


@benchmark_commands.command("infer")
def benchmark_infer(
    config: Configs = ["small"],  # noqa: B006
    batch: Batches = [16],  # noqa: B006
    length: Lengths = [128],  # noqa: B006
    dtype: Dtypes = ["float32"],  # noqa: B006
    jit: Jits = ["auto"],  # noqa: B006
    rounds: Rounds = 5,
    seconds: Seconds = 2.0,
    peak: Peak = True,
    out: Out = None,
):
    """Time the encoder; contenders take turns."""
    _run_own("infer", config, batch, length, dtype, jit, ["adamw"], ["config"], rounds, seconds, peak, out)


@benchmark_commands.command("peers")
def benchmark_peers(
    task: Annotated[Literal["train", "infer"], typer.Argument()] = "train",
    config: Annotated[str, typer.Option(help="As in `train`.")] = "small",
    batch: Batches = [16],  # noqa: B006
    length: Lengths = [128],  # noqa: B006
    dtype: Dtypes = ["float32", "bfloat16"],  # noqa: B006
    jit: Annotated[list[str], typer.Option("--jit", help="Peers compiled (true), not (false), or both ways.")] = [  # noqa: B006
        "false",
        "true",
    ],
    peer: Annotated[list[str] | None, typer.Option(help="Only this peer; default: all.")] = None,
    python: Annotated[
        list[str] | None, typer.Option(metavar="PEER=PYTHON", help="Interpreter of a peer installed elsewhere.")
    ] = None,
    optimizer: Annotated[Literal["adamw", "lamb"], typer.Option()] = "adamw",
    checkpointing: Checkpointing = ["config"],  # noqa: B006
    rounds: Rounds = 5,
    seconds: Seconds = 2.0,
    peak: Peak = True,
    out: Out = None,
):
    """Compare with other libraries on this machine, each plain and compiled, in a process of its own.

    Compared is with what is installed (extra `bench`) of KerasHub, transformers, roformer and bert4torch, and with a
    plain PyTorch model. One that is not installed, or fails, is named with the reason.
    """
    _check("--jit", jit, ("true", "false"))
    _prepare(dtype)
    from rfv2_keras.benchmark.suite import CHECKPOINTING, PEERS, peer_jobs

    _check("--checkpointing", checkpointing, CHECKPOINTING)
    pythons = dict(_pair(text) for text in python or [])
    jits = [choice == "true" for choice in jit]
    jobs = peer_jobs(task, config, batch, length, dtype, jits, peer or list(PEERS), pythons, optimizer, checkpointing)
    _run(jobs, dtype, rounds, seconds, peak, out)


@benchmark_commands.command("input")
def benchmark_input(
    config: Annotated[str, typer.Argument(help="Run config of pretraining.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the config.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each side is measured.")] = 10.0,
):
    """Compare how fast batches are made with how fast training uses them."""
    import_tensorflow_quietly()
    from rfv2_keras.training import PretrainConfig
    from rfv2_keras.training.input_benchmark import benchmark_input as run

    result = run(PretrainConfig.read(config, overrides=set_ or []), seconds)
    print(f"batches made by one thread   {result['batches_per_second']:10.2f} per second")
    print(f"updates with batches at hand {result['updates_per_second']:10.2f} per second")
    print(f"ratio                        {result['ratio']:10.2f}")


@benchmark_commands.callback()
def benchmark():
    """Measure how fast parts of a run are."""


def _run_own(task, config, batch, length, dtype, jit, optimizer, checkpointing, rounds, seconds, peak, out):
    choices = {"auto": None, "true": True, "false": False}
    _check("--jit", jit, choices)
    _check("--optimizer", optimizer, ("adamw", "lamb"))
    _prepare(dtype)
    from rfv2_keras.benchmark.suite import CHECKPOINTING, own_jobs

    _check("--checkpointing", checkpointing, CHECKPOINTING)
    jobs = own_jobs(task, config, batch, length, dtype, [choices[choice] for choice in jit], optimizer, checkpointing)
    _run(jobs, dtype, rounds, seconds, peak, out)


def _prepare(dtypes):
    from rfv2_keras.benchmark.suite import DTYPES

    _check("--dtype", dtypes, DTYPES)
    import_tensorflow_quietly()


def _check(option, values, known):
    for value in values:
        if value not in known:
            raise UserError(f"{option} must be one of {', '.join(known)}; received: {value!r}.")


def _pair(text):
    name, sign, python = text.partition("=")
    if not sign:
        raise UserError(f"--python takes PEER=PYTHON; received: {text!r}.")
    return name, python


def _run(jobs, dtypes, rounds, seconds, peak, out):
    from importlib.util import find_spec

    from rfv2_keras.benchmark.processes import take_turns
    from rfv2_keras.benchmark.report import summarize, table
    from rfv2_keras.benchmark.suite import peak_jobs

    if peak:
        jobs = [*peak_jobs(list(dict.fromkeys(dtypes)), find_spec("torch") is not None), *jobs]
    contenders, failures = take_turns(jobs, rounds, seconds, lambda line: print(line, file=sys.stderr, flush=True))
    summary = summarize(contenders, failures, rounds, seconds)
    print(table(summary))
    if out is not None:
        Path(out).write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
