"""`rfv2 serve` as a process of its own, for scripts that ask it."""

import contextlib
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from typing import NamedTuple

SECONDS_TO_START = 180


class Server(NamedTuple):
    """A running server."""

    process: subprocess.Popen
    url: str

    def memory(self):
        """Resident memory in MB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) / 1024


@contextlib.contextmanager
def serving(command, model, *options):
    """Start `rfv2 serve MODEL` at a free port, wait until it is ready, and end it with SIGTERM.

    Args:
        command: the `rfv2` command.
        model: the directory.
        options: further arguments.

    Yields:
        `Server`.

    Raises:
        RuntimeError: it does not start, or does not end with status 0.
    """
    arguments = [command, "serve", str(model), "--port", "0", *map(str, options)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        address = re.search(r"http://\S+", line)
        if address is None:
            raise RuntimeError(f"{' '.join(arguments)}: does not say where it listens, but {line!r}.")
        server = Server(process, f"{address[0]}/")
        _wait_until_ready(server)
        yield server
        process.send_signal(signal.SIGTERM)
        if process.wait(timeout=60) != 0:
            raise RuntimeError(f"{' '.join(arguments)}: ends with status {process.returncode}.")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_ready(server):
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and server.process.poll() is None:
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{server.url}health"):
            return
        time.sleep(0.2)
    raise RuntimeError(f"{server.url}: was not ready within {SECONDS_TO_START} seconds.")
