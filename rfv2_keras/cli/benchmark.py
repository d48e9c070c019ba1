"""`rfv2 benchmark`."""

from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly

benchmark_commands = typer.Typer(no_args_is_help=True, help="Measure how fast parts of a run are.")


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
