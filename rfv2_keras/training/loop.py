"""The training loop: gradients, sum over processes, update; nothing else happens to weights.

    one process per device, plain Keras variables, no strategy scope
    gradients(micro-batches)   sums over targets                          tf.function, with or without XLA
    processes.sum(flat)        one all-reduce per update                  only with several processes
    update(sums)               divide, clip once, optimizer.apply         tf.function, XLA

The batch of a step is a pure function of the step, and so are dropout seeds: a resumed run needs the weights, the
optimizer and a step number, and ends with the bits of the run that was not interrupted.
"""

import hashlib
import math
import time

import numpy as np
import tensorflow as tf

from rfv2_keras.errors import UserError
from rfv2_keras.training.objective import masked_lm_report
from rfv2_keras.training.prefetch import Prefetch


class TrainingLoop:
    """Trains a model for a number of updates.

    Args:
        gradients: `GradientFunction`, or what has its methods.
        update: `Update`.
        micro_batches: function step -> list of dicts of numpy arrays: this process's share of the update.
        processes: `SingleProcess` or `WorkerProcesses`.
        slots: largest possible number of targets of a micro-batch; the loss is divided by it before it is
            differentiated, which keeps 16-bit gradients in range.
        metrics: `MetricsLog`, or None in all processes but the first.
        chance_loss: the loss of a model that knows nothing, ln(vocabulary); a loss that stays there is reported. None
            where there is no such loss.
        warn: function that takes a sentence.
        report: function from the sums of statistics between two lines of the log to the numbers to be logged, `loss`
            among them.
    """

    def __init__(
        self, gradients, update, micro_batches, processes, slots, metrics, chance_loss, warn, report=masked_lm_report
    ):
        self.gradients = gradients
        self.update = update
        self.micro_batches = micro_batches
        self.processes = processes
        self.slots = slots
        self.metrics = metrics
        self.chance_loss = chance_loss
        self.warn = warn
        self.report = report
        self.model = update.model
        self._flatten = tf.function(_flatten, jit_compile=True)
        self._unflatten = tf.function(self._split, jit_compile=True)

    def run(self, start, stop, log_every, events=()):
        """Do the updates from `start` to `stop`.

        Args:
            start, stop: updates done already, and to be done in all.
            log_every: updates between two lines of the log.
            events: pairs (interval, function of the number of updates done); called after every `interval` updates
                and after the last one.

        Raises:
            UserError: the loss or a gradient is not finite and loss scaling cannot help.
        """
        self.require_equal_weights()
        prefetch = Prefetch(self.micro_batches, range(start, stop))
        window = _Window()
        try:
            for step in range(start, stop):
                batches = prefetch(step)
                statistics, norm = self._one_update(batches)
                window.add(batches, statistics, norm)
                done = step + 1
                if done % log_every == 0 or done == stop:
                    values = self.report(window.sums())
                    self._log(done, window, prefetch, values)
                    self._check(done, window, values["loss"])
                    window, prefetch.waited = _Window(), 0.0
                for interval, event in events:
                    if done % interval == 0 or done == stop:
                        event(done)
                        window.pause()
        finally:
            prefetch.close()

    def require_equal_weights(self):
        """Compare a checksum of the weights over all processes.

        Raises:
            RuntimeError: they differ, which must not happen.
        """
        if self.processes.count == 1:
            return
        digest = hashlib.sha256()
        for weight in self.model.weights:
            digest.update(np.ascontiguousarray(weight.numpy()))
        # One byte per number: the sum over up to 65,536 processes is exact in float32.
        own = np.frombuffer(digest.digest(), np.uint8).astype("float32")
        mean = self.processes.sum(tf.constant(own)).numpy() / self.processes.count
        spread = self.processes.sum(tf.constant((own - mean) ** 2)).numpy()
        if np.any(spread > 0):
            raise RuntimeError("The processes hold different weights; their update functions have drifted apart.")

    def _one_update(self, batches):
        scale = self.update.loss_scale.scale / self.slots
        statistics, gradients = self.gradients(batches, scale)
        if self.processes.count > 1:
            total = self.processes.sum(self._flatten(statistics, gradients))
            statistics, gradients = self._unflatten(total, statistics)
        return statistics, self.update(statistics, gradients, scale)

    def _split(self, flat, statistics):
        shapes = self.gradients.shapes
        sizes = [statistics.shape[0], *(math.prod(shape) for shape in shapes)]
        statistics, *pieces = tf.split(flat, sizes)
        return statistics, [tf.reshape(piece, shape) for piece, shape in zip(pieces, shapes, strict=True)]

    def _log(self, done, window, prefetch, values):
        seconds = window.seconds()
        values = {
            **values,
            "learning_rate": float(self.update.optimizer.learning_rate),
            "gradient_norm": window.norm(),
            "tokens_per_second": window.tokens * self.processes.count / seconds,
            "input_wait": prefetch.waited / seconds,
            "loss_scale": float(self.update.loss_scale.scale),
            "skipped_updates": int(self.update.loss_scale.skipped),
            "compiled_shapes": self.gradients.compiled_shapes,
        }
        if self.metrics is None:
            return
        self.metrics.write(done, values)
        shown = {
            **{name: f"{values[name]:.4f}" for name in ("loss", "accuracy") if name in values},
            "lr": f"{values['learning_rate']:.2e}",
            "tokens/s": f"{values['tokens_per_second']:,.0f}",
            "input wait": f"{values['input_wait']:.0%}",
        }
        if self.update.loss_scale.dynamic:
            shown["loss scale"] = f"{values['loss_scale']:g} ({values['skipped_updates']} skipped)"
        self.metrics.show(done, shown)

    def _check(self, done, window, loss):
        """Stop at numbers that cannot get better; point at a loss that does not move."""
        bad = window.bad_updates()
        # An update that overflows now and then is what a loss scale is for; one without a loss scale is not.
        if bad and (not self.update.loss_scale.in_use or len(bad) == len(window.norms)):
            step = done - len(window.norms) + bad[0]
            culprit = self.gradients.first_non_finite_layer(self.micro_batches(step)[0])
            culprit = culprit or "a gradient, while the forward pass is finite,"
            raise UserError(
                f"Training stopped at update {step + 1}: {culprit} is not finite; the weights "
                "before it are in the last checkpoint (a lower learning rate, "
                "optimizer.clip_norm, or float32 help most often)."
            )
        stuck = done >= 500 and self.chance_loss is not None and abs(loss / self.chance_loss - 1.0) < 0.01
        if stuck and self.metrics is not None:
            self.warn(
                f"After {done} updates the loss is still that of guessing, ln(vocabulary) = {self.chance_loss:.2f}: "
                "look at the learning rate, the warm-up, and repeated or shuffled text in the corpus."
            )


class _Window:
    """Sums between two lines of the log."""

    def __init__(self):
        self._began = time.monotonic()
        self._statistics = []
        self.norms = []
        self._paused = 0.0
        self._last = self._began
        self.tokens = 0

    def add(self, batches, statistics, norm):
        # Tensors are kept, not numbers: reading a number would wait for the device in every step.
        self._statistics.append(statistics)
        self.norms.append(norm)
        self.tokens += sum(int(np.prod(b["Input-Token"].shape)) for b in batches)
        self._last = time.monotonic()

    def pause(self):
        """Do not count the time since the last update: it went into an event."""
        now = time.monotonic()
        self._paused += now - self._last
        self._last = now

    def sums(self):
        return np.sum([s.numpy() for s in self._statistics], axis=0, dtype=np.float64).tolist()

    def norm(self):
        """The last gradient norm."""
        return float(self.norms[-1])

    def bad_updates(self):
        """Places in the window of updates whose loss or gradient was not finite."""
        pairs = zip(self._statistics, self.norms, strict=True)
        return [i for i, (sums, norm) in enumerate(pairs) if not (np.isfinite(sums[0]) and np.isfinite(norm))]

    def seconds(self):
        return max(time.monotonic() - self._began - self._paused, 1e-9)


def _flatten(statistics, gradients):
    return tf.concat([statistics, *(tf.reshape(g, (-1,)) for g in gradients)], axis=0)
