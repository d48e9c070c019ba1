"""Curves of runs as a picture."""

import json
from pathlib import Path

from rfv2_keras.errors import UserError

# (title of the panel, keys that it shows: solid line for the first, dashed for the second)
PANELS = (
    ("loss per target", ("loss", "heldout/loss")),
    ("accuracy on masked tokens", ("accuracy", "heldout/accuracy")),
    ("learning rate", ("learning_rate",)),
    ("tokens per second", ("tokens_per_second",)),
)


def plot_runs(folders, picture):
    """Draw the curves of one or several runs into a PNG.

    Args:
        folders: run directories, each with a `metrics.jsonl`.
        picture: path of the PNG.

    Raises:
        UserError: a folder has no metrics.
    """
    import matplotlib.figure  # the object interface: no display, no global state

    runs = {str(folder): read_metrics(folder) for folder in folders}
    figure = matplotlib.figure.Figure(figsize=(11, 7), layout="constrained")
    axes = figure.subplots(2, 2).flat
    for axis, (title, keys) in zip(axes, PANELS, strict=True):
        for number, (name, lines) in enumerate(runs.items()):
            for key, style in zip(keys, ("-", "--"), strict=False):
                points = [(line["step"], line[key]) for line in lines if isinstance(line.get(key), (int, float))]
                if points:
                    label = Path(name).name + (" (held out)" if "/" in key else "")
                    axis.plot(*zip(*points, strict=True), style, color=f"C{number}", label=label)
        axis.set_title(title)
        axis.set_xlabel("update")
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend()
    figure.savefig(picture, dpi=110)


def read_metrics(folder):
    """The lines of a run's `metrics.jsonl` as dicts."""
    path = Path(folder) / "metrics.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); is {folder} a run directory?") from None
    return [json.loads(line) for line in lines if line]
