"""Progress bars on standard error, which also serve log files."""

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

LOG_SECONDS = 30


class WorkProgress:
    """Shows how much of a job is done and the time left.

    On a terminal it is a bar; elsewhere (a log file) a line every `LOG_SECONDS`.

    Arguments:
        title: str.
        total: int, all there is to do.
        enabled: bool, False to show nothing but warnings.
    """

    def __init__(self, title, total, enabled=True):
        self._title, self._total, self._enabled = title, total, enabled
        self._console = Console(file=sys.stderr)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *self._columns(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (enabled and self._console.is_terminal),
        )
        self._task = self._bar.add_task(title, total=total)
        self._done = 0
        self._begin = self._logged = time.monotonic()

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *exception):
        self._bar.stop()

    def advance(self, amount=1):
        """Count `amount` more as done."""
        self._done += amount
        self._bar.update(self._task, advance=amount)
        now = time.monotonic()
        if self._enabled and not self._console.is_terminal and now - self._logged > LOG_SECONDS:
            self._logged = now
            rate = self._done / (now - self._begin)
            left = (self._total - self._done) / rate / 60 if rate else float("inf")
            self.print(f"{self._title}: {self._text(rate)}, {left:.0f} min left")

    def print(self, line):
        """Write a line above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _columns(self):
        """What the bar shows between the bar itself and the time left."""
        raise NotImplementedError(f"{type(self).__name__} must say what its bar shows")

    def _text(self, rate):
        """What a line says is done, `rate` being the amount of a second."""
        raise NotImplementedError(f"{type(self).__name__} must say what its lines show")


class ByteProgress(WorkProgress):
    """Counts bytes and shows MB/s."""

    def _columns(self):
        return DownloadColumn(), TransferSpeedColumn()

    def _text(self, rate):
        return f"{self._done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB, {rate / 1e6:.1f} MB/s"


class PieceProgress(WorkProgress):
    """Counts pieces of work, such as sentences."""

    def _columns(self):
        return (MofNCompleteColumn(),)

    def _text(self, rate):
        return f"{self._done:,} of {self._total:,}"
