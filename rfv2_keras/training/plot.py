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
# (title of the panel, last part of the keys task/NAME/... that it shows, a line for each task)
TASK_PANELS = (
    ("loss of each task", "loss"),
    ("dev score of each task", "score"),
    ("gradient norm of each task", "gradient_norm"),
    ("cosine to the mean gradient", "cosine"),
    ("share of micro-batches", "share"),
    ("weight in the combination", "weight"),
)
STYLES = ("-", "--", ":", "-.")
MOST_NAMES = 24  # a legend of more tasks would hide the curves
MOST_RUNS = 3  # more of them share one legend below the panels


def plot_runs(folders, picture):
    """Draw the curves of one or several runs into a PNG; multi-task runs have panels with a line for each task.

    Args:
        folders: run directories, each with a `metrics.jsonl`.
        picture: path of the PNG.

    Raises:
        UserError: a folder has no metrics.
    """
    import matplotlib.figure  # the object interface: no display, no global state

    runs = {str(folder): read_metrics(folder) for folder in folders}
    tasks = list(dict.fromkeys(name for lines in runs.values() for name in tasks_of(lines)))
    logged = {key for lines in runs.values() for line in lines for key in line}
    panels = [panel for panel in PANELS if logged.intersection(panel[1])]
    rows = -(-(len(panels) + len(TASK_PANELS) * bool(tasks)) // 2)
    figure = matplotlib.figure.Figure(figsize=(11, 3.5 * max(rows, 1)), layout="constrained")
    axes = iter(figure.subplots(max(rows, 1), 2).flat)
    for title, keys in panels:
        _draw_runs(next(axes), title, keys, runs, with_legend=len(runs) <= MOST_RUNS)
    for title, key in TASK_PANELS if tasks else ():
        _draw_tasks(next(axes), title, key, runs, tasks)
    for axis in axes:
        axis.set_axis_off()
    if len(runs) > MOST_RUNS:
        _draw_common_legend(figure, runs)
    figure.savefig(picture, dpi=110)


def read_metrics(folder):
    """The lines of a run's `metrics.jsonl` as dicts."""
    path = Path(folder) / "metrics.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); is {folder} a run directory?") from None
    return [json.loads(line) for line in lines if line]


def tasks_of(lines):
    """The names of the tasks that lines have numbers of, in alphabetical order."""
    return sorted({key.split("/")[1] for line in lines for key in line if key.startswith("task/")})


def _draw_runs(axis, title, keys, runs, with_legend):
    for number, (name, lines) in enumerate(runs.items()):
        for key, style in zip(keys, STYLES, strict=False):
            label = Path(name).name + (" (held out)" if "/" in key else "")
            _draw(axis, lines, key, style, f"C{number}", label)
    _finish(axis, title, with_legend)


def _draw_common_legend(figure, runs):
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=f"C{number}", label=Path(name).name) for number, name in enumerate(runs)]
    handles.append(Line2D([], [], color="gray", linestyle=STYLES[1], label="held out"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def _draw_tasks(axis, title, key, runs, tasks):
    """A colour for each task, a style for each run."""
    import matplotlib

    colors = matplotlib.colormaps["turbo"]
    for number, (folder, lines) in enumerate(runs.items()):
        for index, task in enumerate(tasks):
            label = task if len(runs) == 1 else f"{task} ({Path(folder).name})"
            color = f"C{index}" if len(tasks) <= 10 else colors(index / (len(tasks) - 1))
            _draw(axis, lines, f"task/{task}/{key}", STYLES[number % len(STYLES)], color, label)
    _finish(axis, title)


def _draw(axis, lines, key, style, color, label):
    points = [(line["step"], line[key]) for line in lines if isinstance(line.get(key), (int, float))]
    if points:
        axis.plot(*zip(*points, strict=True), style, color=color, label=label, marker="." if len(points) == 1 else None)


def _finish(axis, title, with_legend=True):
    axis.set_title(title)
    axis.set_xlabel("update")
    axis.grid(alpha=0.3)
    if with_legend and 0 < len(axis.lines) <= MOST_NAMES:
        axis.legend(fontsize="x-small" if len(axis.lines) > 6 else None)
