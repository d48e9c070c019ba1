"""What the pages in docs/experiments have in common: tables, verdicts, and how the numbers came about."""

import os
import shlex
import statistics
import sys
import textwrap
import time
from pathlib import Path

from rfv2_keras import __version__
from rfv2_keras.training.machine import read_machine


def mean_and_error(values):
    """The mean of at least two numbers and its standard error, deviation / sqrt(n)."""
    return statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5


def plus_minus(values, digits=2):
    """The mean and, of several numbers, their standard deviation: "71.20 ± 0.35"."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def verdict(difference, error):
    """What to say of a claim that a difference is larger than 0, given its standard error.

    "reproduced" or "not reproduced" if the difference lies more than two standard errors on one side, else "unclear".
    """
    if abs(difference) <= 2 * error:
        return "unclear"
    return "reproduced" if difference > 0 else "not reproduced"


def paragraph(text, bullet=False):
    """Prose in lines of at most 120 characters, however it stands in the source; with `bullet` an item of a list."""
    text = ("* " if bullet else "") + " ".join(text.split())
    indent = "  " if bullet else ""
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def markdown_table(header, rows):
    """A table; all cells are put out with `str`."""
    lines = [header, ["-"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def origin(seconds):
    """The lines that say by what command, when, how long, with what versions and on what machine."""
    machine = read_machine(dict(os.environ))
    command = shlex.join(["python", *sys.argv])
    versions = (
        f"rfv2_keras {__version__}, Keras {machine.keras}, TensorFlow {machine.tensorflow}, NumPy {machine.numpy}, "
        f"Python {machine.python}"
    )
    hardware = f"{machine.cpu or 'unknown processor'}, {machine.cores} cores, {len(machine.gpus)} GPUs"
    return "\n".join(
        (
            f"    {command}\n",
            f"* date: {time.strftime('%Y-%m-%d')}; {seconds / 60:.1f} minutes",
            f"* versions: {versions}",
            f"* machine: {hardware}",
        )
    )


def write_page(path, title, *parts):
    """Write a Markdown page of a title and parts, which are paragraphs, lists or tables."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n\n".join((f"# {title}", *parts)) + "\n", encoding="utf-8")
    print(path)
