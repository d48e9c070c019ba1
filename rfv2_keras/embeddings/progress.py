"""A progress bar that counts pieces of work, which also serves log files."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG_SECONDS = 30


class TextProgress:
    """Shows how many of a job's pieces are done, and the time left; on standard error.

    On a terminal it is a bar; elsewhere (a log file) a line every `LOG_SECONDS`.

    Args:
        title: what the pieces are.
        total: how many there are.
        enabled: False to show nothing.
    """

    def __init__(self, title, total, enabled=True):
        self._title, self._total, self._done = title, total, 0
        console = Console(file=sys.stderr)
        self._in_lines = enabled and not console.is_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not enabled or self._in_lines)
        self._task = self._bar.add_task(title, total=total)
        self._begin = self._logged = time.monotonic()

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *exception):
        self._bar.stop()

    def advance(self, pieces=1):
        """Count further pieces as done."""
        self._done += pieces
        self._bar.update(self._task, advance=pieces)
        now = time.monotonic()
        if self._in_lines and now - self._logged > LOG_SECONDS:
            self._logged = now
            left = (now - self._begin) / self._done * (self._total - self._done) / 60
            print(f"{self._title}: {self._done:,} of {self._total:,}, {left:.0f} min left", file=sys.stderr, flush=True)
