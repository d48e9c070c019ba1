"""The one thread that uses the model: it collects the requests of a few milliseconds and answers them together."""

import logging
import queue
import threading
import time
from concurrent.futures import Future
from typing import NamedTuple

from rfv2_keras.errors import UserError
from rfv2_keras.inference.batching import LENGTHS
from rfv2_keras.serving.operations import Operation

logger = logging.getLogger("rfv2_keras")

WARM_LENGTHS = [size for size in LENGTHS if size <= 128]
WARM_SECONDS = 30.0
TRACED_SHAPES = 3  # after so many shapes that differ in both sizes TensorFlow traces a model no more; this must be done


class QueueFull(Exception):
    """As many requests wait as may."""


class Job(NamedTuple):
    """A request on its way: the questions, and the future list of answers."""

    operation: Operation
    questions: list
    future: Future


class BatchWorker:
    """Answers requests in batches of questions.

    Args:
        limits: `Limits`.
        on_batch: function (name of the operation, number of questions) that is told of every batch.
    """

    def __init__(self, limits, on_batch=lambda name, questions: None):
        self._limits = limits
        self._on_batch = on_batch
        self._jobs = queue.Queue(limits.max_queue)
        self._stopping = threading.Event()
        self._thread = None
        self._is_warm = False

    @property
    def is_ready(self):
        """Whether requests are answered without waiting for anything but others."""
        return self._is_warm and self._thread.is_alive()

    @property
    def waiting(self):
        """Requests in the queue."""
        return self._jobs.qsize()

    def start(self, operations):
        """Start the thread, which first runs each operation on some lengths so that no client waits for that."""
        self._thread = threading.Thread(target=self._run, args=(operations,), name="model", daemon=True)
        self._thread.start()

    def stop(self):
        """Answer what waits, then end the thread."""
        self._stopping.set()
        self._thread.join()

    def submit(self, operation, questions):
        """Put a request into the queue.

        Returns:
            A future: the list of answers, or a `UserError` about one of the questions.

        Raises:
            QueueFull: too many requests wait already.
        """
        job = Job(operation, questions, Future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise QueueFull from None
        return job.future

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self, operations):
        self._warm(operations)
        self._is_warm = True
        while not (self._stopping.is_set() and self._jobs.empty()):
            jobs = self._collect()
            by_operation = {}
            for job in jobs:
                if job.future.set_running_or_notify_cancel():  # False: its client no longer waits
                    by_operation.setdefault(job.operation, []).append(job)
            for operation, group in by_operation.items():
                self._answer(operation, group)

    def _collect(self):
        """Jobs with about `max_batch` questions, or those that come within `max_wait` seconds of the first."""
        try:
            jobs = [self._jobs.get(timeout=0.1)]
        except queue.Empty:
            return []
        deadline = time.monotonic() + self._limits.max_wait
        count = len(jobs[0].questions)
        while count < self._limits.max_batch:
            try:
                # What waits already is taken even when the time is over.
                jobs.append(self._jobs.get(timeout=max(deadline - time.monotonic(), 0)))
            except queue.Empty:
                break
            count += len(jobs[-1].questions)
        return jobs

    def _answer(self, operation, jobs):
        """Answer jobs of one operation together."""
        accepted = []
        for job in jobs:
            try:
                accepted.append((job, [operation.prepare(question) for question in job.questions]))
            except UserError as error:
                job.future.set_exception(error)
            except Exception as error:
                _fail(job, error)
        if not accepted:
            return
        self._on_batch(operation.name, sum(len(prepared) for _, prepared in accepted))
        try:
            answers = operation.answer([question for _, prepared in accepted for question in prepared])
        except Exception as error:
            if len(accepted) == 1:
                _fail(accepted[0][0], error)
                return
            for job, _ in accepted:  # one request must not spoil those that came with it
                self._answer(operation, [job])
            return
        begin = 0
        for job, prepared in accepted:
            job.future.set_result(answers[begin : begin + len(prepared)])
            begin += len(prepared)

    def _warm(self, operations):
        """Run every operation on short and longer texts, alone and together; most of them for a limited time."""
        deadline = time.monotonic() + WARM_SECONDS
        for number, (count, length) in enumerate(warm_shapes(self._limits.max_batch)):
            for operation in operations:
                is_late = number >= TRACED_SHAPES and time.monotonic() > deadline
                if is_late or self._stopping.is_set():
                    return
                try:
                    operation.answer([operation.prepare(operation.sample(length))] * count)
                except UserError:
                    pass  # the model reads no texts of this length
                except Exception:
                    logger.exception("Warming up %s with %d texts of %d tokens failed.", operation.name, count, length)


def warm_shapes(max_batch):
    """Pairs (texts, tokens of each) that operations are run on before the first client."""
    first = [(1, 8), (2, 16), (max_batch, 32)]
    return first + [(count, length) for count in (1, max_batch) for length in WARM_LENGTHS]


def _fail(job, error):
    logger.error("A request of %d questions failed.", len(job.questions), exc_info=error)
    job.future.set_exception(error)
