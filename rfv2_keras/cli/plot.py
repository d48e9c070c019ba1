"""`rfv2 plot`."""

from typing import Annotated

import typer


def plot(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run directories; several share the picture.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The PNG to write.")] = "curves.png",
):
    """Draw loss, accuracy, learning rate and speed of runs into a PNG."""
    from rfv2_keras.training.plot import plot_runs

    plot_runs(runs, out)
    print(out)
