"""Doing independent work in several processes, with progress on the way."""

import multiprocessing
import os
import signal
import traceback
from multiprocessing.connection import wait

from rfv2_keras.errors import UserError


def run_in_processes(make, arguments, items, workers, progress):
    """Apply a function to items in worker processes; results come as they are finished.

    The function is `make(*arguments)`, made once in each process and called as `function(item, progress)`, where
    `progress(bytes)` may be called any number of times. Processes are spawned, so everything must be picklable, and a
    script that calls this needs the usual `if __name__ == "__main__":`. With one worker it all happens in this process.

    A worker notices the end of this process by its closed pipe and ends, too, however this process ended.

    Arguments:
        make: function or class.
        arguments: tuple.
        items: list.
        workers: int; None for one per core that this process may use.
        progress: function of a number of bytes, called in this process.

    Yields:
        Pairs (item, result).

    Raises:
        UserError, OSError: raised by the function.
        UserError: a worker was killed.
    """
    workers = min(workers or _available_cores(), len(items))
    if workers <= 1:
        if items:
            function = make(*arguments)
            yield from ((item, function(item, progress)) for item in items)
        return
    context = multiprocessing.get_context("spawn")
    processes, waiting = {}, iter(items)
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            processes[ours] = context.Process(target=_work, args=(theirs, make, arguments), daemon=True)
            processes[ours].start()
            theirs.close()
        yield from _results(processes, waiting, progress)
    finally:
        for connection, process in processes.items():
            connection.close()
            process.terminate()
            process.join()


def _available_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _results(processes, waiting, progress):
    """Hand out the items and collect what the workers send: pairs of a kind of message and its content."""
    at_work = {}  # connection: item
    idle = set(processes)
    while True:
        for connection in list(idle):
            for item in waiting:
                connection.send(item)
                at_work[connection] = item
                idle.discard(connection)
                break
        if not at_work:
            return
        for connection in wait(list(at_work)):
            try:
                kind, content = connection.recv()
            except EOFError:
                raise _killed(processes[connection], at_work[connection]) from None
            if kind == "progress":
                progress(content)
            elif kind == "error":
                raise content
            else:
                idle.add(connection)
                yield at_work.pop(connection), content


def _killed(process, item):
    process.join()
    return UserError(
        f"a worker process ended with exit code {process.exitcode} while it worked on part {item}, perhaps for lack of "
        "memory; run the same command again to continue, with fewer workers if memory is short"
    )


def _work(connection, make, arguments):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends the workers
    try:
        function = make(*arguments)
        while True:
            item = connection.recv()
            result = function(item, lambda size: connection.send(("progress", size)))
            connection.send(("result", result))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
    except (UserError, OSError) as error:
        connection.send(("error", error))
    except Exception:
        connection.send(("error", RuntimeError(f"in a worker process:\n{traceback.format_exc()}")))
