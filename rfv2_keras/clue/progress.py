"""Progress of `fit` and of predicting as lines, on a terminal and in a log file alike."""

import time

import keras

SECONDS_BETWEEN_LINES = 10.0


class StepLines:
    """Prints now and then how far a number of steps has come.

    Args:
        what: what is being done.
        steps: how many steps there are.
        stream: where lines go; None for nowhere.
    """

    def __init__(self, what, steps, stream):
        self.what = what
        self.steps = steps
        self.stream = stream
        self.begin = self.printed = time.monotonic()

    def __call__(self, done, numbers=""):
        """Say that so many steps are done."""
        now = time.monotonic()
        if self.stream is None or now - self.printed < SECONDS_BETWEEN_LINES:
            return
        self.printed = now
        left = (now - self.begin) / done * (self.steps - done)
        print(f"{self.what} · step {done}/{self.steps}{numbers} · {left:.0f} s left", file=self.stream, flush=True)


class TrainingLines(keras.callbacks.Callback):
    """`StepLines` for `fit`, with the mean loss since the beginning of the epoch."""

    def __init__(self, steps, stream):
        super().__init__()
        self.lines = StepLines("training", steps, stream)
        self.done = 0

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        self.lines(self.done, f" · loss {logs['loss']:.4f}" if logs else "")
