"""The processes of a Slurm step, from Slurm's variables: one task per device.

TensorFlow's `SlurmClusterResolver` is not used: it sorts nodes by name (n10 before n2) while Slurm numbers tasks in the
order of the node list, cannot have tasks without a GPU, refuses tasks that see only their own, and hides the other GPUs
too late, after TensorFlow has looked at them.
"""

import re
from typing import NamedTuple

from rfv2_keras.errors import UserError

# Jobs that share a node take different ports: 500 groups of 16, below the ports that systems hand out by themselves.
FIRST_PORT, GROUPS, GROUP = 20000, 500, 16

_NODE = re.compile(r"([^,\[\]]*)(?:\[([^\]]+)\])?")
_TASKS = re.compile(r"(\d+)(?:\(x(\d+)\))?")


class SlurmTask(NamedTuple):
    """This process in its step."""

    rank: int
    local_rank: int  # among the tasks of its node
    workers: list  # "host:port" of every task, by rank


def is_slurm_step(environment):
    """Whether `srun` started this process as one of several."""
    return int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1


def read_slurm_task(environment):
    """Who this process is and where the others listen.

    Args:
        environment: mapping of environment variables; `SLURM_PROCID`, `SLURM_LOCALID`, `SLURM_NODEID`,
            `SLURM_STEP_NODELIST`, `SLURM_STEP_TASKS_PER_NODE` and, if there, `SLURM_JOB_ID` are read.

    Returns:
        `SlurmTask`.

    Raises:
        UserError: a variable is missing or unreadable, or tasks are not dealt to the nodes in blocks.
    """
    rank, local_rank, node = (
        _read(environment, name, int) for name in ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID")
    )
    hosts = _read(environment, "SLURM_STEP_NODELIST", expand_nodes)
    tasks = _read(environment, "SLURM_STEP_TASKS_PER_NODE", expand_tasks)
    if len(hosts) != len(tasks):
        raise UserError(
            f"SLURM_STEP_NODELIST names {len(hosts)} nodes, but SLURM_STEP_TASKS_PER_NODE has {len(tasks)} counts."
        )
    if sum(tasks[:node]) + local_rank != rank:
        raise UserError(
            f"Slurm dealt task {rank} to place {local_rank} of node {node}, but tasks must follow each other node by "
            "node: srun --distribution=block."
        )
    port = FIRST_PORT + int(environment.get("SLURM_JOB_ID", "0")) % GROUPS * GROUP
    workers = [f"{host}:{port + i}" for host, count in zip(hosts, tasks, strict=True) for i in range(count)]
    return SlurmTask(rank, local_rank, workers)


def expand_nodes(text):
    """Slurm's list of nodes in full: `n[1-2,07-08],login` -> n1, n2, n07, n08, login.

    Raises:
        ValueError: it is not such a list.
    """
    nodes, end = [], 0
    while end < len(text):
        match = _NODE.match(text, end)
        name, ranges = match.groups()
        end = match.end() + 1
        if not match[0] or text[match.end() : end] not in ("", ","):
            raise ValueError(text)
        for part in ranges.split(",") if ranges else [""]:
            first, _, last = part.partition("-")
            numbers = range(int(first), int(last or first) + 1) if part else [None]
            nodes += [name if number is None else f"{name}{number:0{len(first)}}" for number in numbers]
    return nodes


def expand_tasks(text):
    """Slurm's counts of tasks in full: `2(x3),1` -> 2, 2, 2, 1.

    Raises:
        ValueError: it is not such a list.
    """
    counts = []
    for part in text.split(","):
        match = _TASKS.fullmatch(part)
        if match is None:
            raise ValueError(text)
        counts += [int(match[1])] * int(match[2] or 1)
    return counts


def _read(environment, name, convert):
    try:
        return convert(environment[name])
    except KeyError:
        raise UserError(f"{name} is not set, although SLURM_STEP_NUM_TASKS is.") from None
    except ValueError:
        raise UserError(f"{name} cannot be read, received {environment[name]!r}.") from None
