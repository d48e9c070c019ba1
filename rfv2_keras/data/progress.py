"""A progress bar in bytes, which also serves log files."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

LOG_SECONDS = 30


class ByteProgress:
    """Shows how many bytes of a job are done, with MB/s and the time left; on standard error.

    On a terminal it is a bar; elsewhere (a log file) a line every `LOG_SECONDS`.

    Arguments:
        title: str.
        total: int, bytes.
        enabled: bool, False to show nothing but warnings.
    """

    def __init__(self, title, total, enabled=True):
        self._title, self._total, self._enabled = title, total, enabled
        self._console = Console(file=sys.stderr)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(
            TextColumn("{task.description}"),
            *columns,
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

    def advance(self, size):
        """Count `size` more bytes as done."""
        self._done += size
        self._bar.update(self._task, advance=size)
        now = time.monotonic()
        if self._enabled and not self._console.is_terminal and now - self._logged > LOG_SECONDS:
            self._logged = now
            rate = self._done / (now - self._begin)
            left = (self._total - self._done) / rate / 60 if rate else float("inf")
            self.print(
                f"{self._title}: {self._done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB, {rate / 1e6:.1f} MB/s, "
                f"{left:.0f} min left"
            )

    def print(self, line):
        """Write a line above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
