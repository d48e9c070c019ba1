"""What a run says about itself: a progress line, metrics.jsonl, TensorBoard."""

import json
import math
import sys
import time
from pathlib import Path


class MetricsLog:
    """Writes the numbers of a run.

    Args:
        folder: run directory.
        steps: updates of the whole run, for the progress line.
        tensorboard: whether to write event files too.
        resumed_at: step that the run continues from; later lines of an interrupted run are removed.
        stream: where the progress line goes; None for nowhere.
    """

    def __init__(self, folder, steps, tensorboard=True, resumed_at=0, stream=sys.stdout):
        self.folder = Path(folder)
        self.steps = steps
        self.stream = stream
        self._keep_until(resumed_at)
        self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 - open as long as the run
        self._writer = _event_writer(self.folder / "tensorboard") if tensorboard else None
        self._started = time.monotonic()
        self._first = resumed_at

    @property
    def path(self):
        """The file with one JSON object per line."""
        return self.folder / "metrics.jsonl"

    def write(self, step, values):
        """Log numbers at a step; keys with a slash, such as `heldout/loss`, form groups in TensorBoard."""
        values = {key: _plain(value) for key, value in values.items()}
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        if self._writer is not None:
            self._writer(step, values)

    def show(self, step, values):
        """Print the progress line: where the run stands, the numbers, and how long it will take."""
        if self.stream is None:
            return
        elapsed = time.monotonic() - self._started
        remaining = elapsed / max(step - self._first, 1) * (self.steps - step)
        parts = [f"step {step}/{self.steps}", *(f"{name} {text}" for name, text in values.items())]
        print(" · ".join(parts) + f" · {_clock(remaining)} left", file=self.stream, flush=True)

    def close(self):
        """Close the files."""
        self._file.close()

    def _keep_until(self, step):
        """Drop what an interrupted run logged after its last checkpoint."""
        if not self.path.is_file():
            return
        lines = []
        for line in self.path.read_text(encoding="utf-8").split("\n"):
            try:
                if json.loads(line)["step"] <= step:
                    lines.append(line + "\n")
            except (ValueError, KeyError):
                continue  # the last line of a killed process may be cut
        self.path.write_text("".join(lines), encoding="utf-8")


def _event_writer(folder):
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder))

    def write(step, values):
        with writer.as_default():
            for key, value in values.items():
                if isinstance(value, (int, float)):
                    tf.summary.scalar(key, value, step=step)
        writer.flush()

    return write


def _plain(value):
    """A JSON value: not-a-number and infinities are not JSON."""
    if isinstance(value, (str, int)) or value is None:
        return value
    value = float(value)
    return value if math.isfinite(value) else str(value)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
