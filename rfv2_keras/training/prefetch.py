"""Batches of the next steps, made while the current one is computed."""

import time
from concurrent.futures import ThreadPoolExecutor


class Prefetch:
    """Calls `make(step)` for the coming steps in threads, and says how long the loop had to wait.

    A batch is a pure function of its step, so nothing has to be remembered for a resumed run.

    Args:
        make: function step -> batch.
        steps: range of steps that will be asked for, in order.
        ahead: number of batches made in advance.
        threads: number of threads that make them.
    """

    def __init__(self, make, steps, ahead=4, threads=2):
        self.make = make
        self.steps = steps
        self.ahead = ahead
        self.waited = 0.0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batch")
        self._pending = {}

    def __call__(self, step):
        """The batch of a step."""
        for coming in range(step, min(step + self.ahead + 1, self.steps.stop)):
            if coming not in self._pending:
                self._pending[coming] = self._pool.submit(self.make, coming)
        begin = time.monotonic()
        batch = self._pending.pop(step).result()
        self.waited += time.monotonic() - begin
        return batch

    def close(self):
        """Stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
