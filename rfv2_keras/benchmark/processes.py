"""Live processes that take turns."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")
CONTENDERS = Path(__file__).with_name("contenders")


class ContenderFailed(Exception):
    """A process ended; the text says why."""


class Contender:
    """A process that does a job in turns.

    Args:
        job: `Job`.

    Attributes:
        job: the job.
        ready: what the process said after its warm-up: seconds, memory, versions, device.
        turns: what it said after every turn: steps, seconds, processor use of others, memory.
    """

    def __init__(self, job):
        self.job = job
        self.turns = []
        self._messages = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - lives as long as the process
        python = job.python or sys.executable
        self._process = subprocess.Popen(
            [python, str(WORKER), str(CONTENDERS / f"{job.library}.py"), json.dumps(job.as_dict())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
            env={"TF_FORCE_GPU_ALLOW_GROWTH": "true", **os.environ},  # else the first to start takes the whole GPU
        )
        self.ready = self._answer()

    def turn(self, seconds):
        """Let it work for a while, and wait.

        Raises:
            ContenderFailed: it ended instead.
        """
        try:
            self._process.stdin.write(f"{seconds}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ContenderFailed(self._last_message()) from None
        began = time.monotonic()
        self.turns.append({"began": began, **self._answer()})

    def close(self):
        """End the process."""
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._messages.close()

    def _answer(self):
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": self._last_message()}
        if "error" in answer:
            self.close()
            raise ContenderFailed(answer["error"])
        return answer

    def _last_message(self):
        """Why a process ended that could not say so itself."""
        status = self._process.wait()
        self._messages.seek(0)
        lines = [line.strip() for line in self._messages if line.strip()]
        return f"exit status {status}" + (f": {lines[-1][:300]}" if lines else "")


def take_turns(jobs, rounds, seconds, say):
    """Run jobs in turns: A B C, C B A, A B C, …

    Each process is started, and warms up, while the others wait. One that fails is left out from then on.

    Args:
        jobs: list of `Job`.
        rounds: how many turns each has.
        seconds: how long a turn lasts; at least one step is done.
        say: function that takes a sentence: progress.

    Returns:
        (list of `Contender` in the order of the jobs, all ended; dict of name -> reason for the jobs that failed).
    """
    contenders, failures = [], {}
    try:
        for number, job in enumerate(jobs, 1):
            say(f"start {number} of {len(jobs)}: {job.name}")
            try:
                contenders.append(Contender(job))
            except (ContenderFailed, OSError) as error:
                failures[job.name] = str(error)
                say(f"  failed: {error}")
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for contender in contenders[:: -1 if number % 2 else 1]:
                if contender.job.name in failures:
                    continue
                try:
                    contender.turn(seconds)
                except ContenderFailed as error:
                    failures[contender.job.name] = str(error)
                    say(f"  {contender.job.name} failed: {error}")
    finally:
        for contender in contenders:
            if contender.job.name not in failures:
                contender.close()
    return [c for c in contenders if c.job.name not in failures], failures
