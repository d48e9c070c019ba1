"""Starts the processes of a run on one machine and watches over them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

GRACE_SECONDS = 10.0


def launch(command, processes, gpus=False, poll_seconds=0.2):
    """Run a command once per process, as the workers of one cluster on this machine.

    Every child gets `TF_CONFIG`. When a child fails, the others are stopped: they could only wait for it.

    Args:
        command: list of program and arguments.
        processes: number of children.
        gpus: whether child i sees GPU i only.
        poll_seconds: how often children are looked at.

    Returns:
        The exit status: 0, or that of the first child that failed.
    """
    ports = _free_ports(processes)
    workers = [f"127.0.0.1:{port}" for port in ports]
    children = []
    try:
        for index in range(processes):
            children.append(subprocess.Popen(command, env=_environment(workers, index, gpus)))
        return _wait(children, poll_seconds)
    except KeyboardInterrupt:
        return 130
    finally:
        _stop(children)


def _environment(workers, index, gpus):
    environment = dict(os.environ)
    environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
    if gpus:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")  # the GPUs that this job was given, if someone has chosen
        environment["CUDA_VISIBLE_DEVICES"] = visible.split(",")[index] if visible else str(index)
    return environment


def _wait(children, poll_seconds):
    """Until all children have ended well or one has not."""
    while True:
        codes = [child.poll() for child in children]
        failed = next((i for i, code in enumerate(codes) if code not in (None, 0)), None)
        if failed is not None:
            print(
                f"rfv2: process {failed} {_ending(codes[failed])}; the other {len(children) - 1} are being stopped. "
                "The same command continues from the last checkpoint.",
                file=sys.stderr,
                flush=True,
            )
            return codes[failed] if codes[failed] > 0 else 128 - codes[failed]
        if all(code == 0 for code in codes):
            return 0
        time.sleep(poll_seconds)


def _ending(code):
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def _stop(children):
    """Ask the remaining children to end, then end them."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _free_ports(count):
    """Ports of the loopback interface that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
