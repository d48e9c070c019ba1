"""Slurm's variables give every task the same list of workers, and each task its own place in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.errors import UserError
from rfv2_keras.training.slurm import expand_nodes, expand_tasks, is_slurm_step, read_slurm_task

NAMES = st.text("ab-", min_size=1, max_size=5)
NUMBERS = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 12), st.integers(1, 3)), max_size=3)


def variables(rank, nodes="gpu[9-11]", tasks="2(x2),1", places=((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)), **others):
    """The variables of one task; the tasks of the step are dealt out as `places` (node, place on it) says."""
    node, local = places[rank]
    return {
        "SLURM_JOB_ID": "7",
        "SLURM_STEP_NUM_TASKS": str(len(places)),
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": tasks,
        "SLURM_PROCID": str(rank),
        "SLURM_NODEID": str(node),
        "SLURM_LOCALID": str(local),
        **others,
    }


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, NUMBERS), min_size=1, max_size=4))
def test_node_lists(parts):
    """Lists of names with ranges of numbers, with leading zeros or not, in the order in which they are written."""
    texts, expected = [], []
    for name, ranges in parts:
        spans = [(f"{first:0{width}}", f"{first + more:0{width}}") for first, more, width in ranges]
        inner = ",".join(first if first == last else f"{first}-{last}" for first, last in spans)
        texts.append(f"{name}[{inner}]" if inner else name)
        expected += [
            f"{name}{number:0{len(first)}}" for first, last in spans for number in range(int(first), int(last) + 1)
        ] or [name]
    assert expand_nodes(",".join(texts)) == expected


def test_node_lists_as_tensorflow_reads_them():
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as reference

    for text in ("n[1-2],m5,o[3-4,6,7-9]", "gpu[008-011]", "10.0.0.1", "a-b[1],c"):
        assert expand_nodes(text) == reference.expand_hostlist(text)
    for text in ("3(x2),2,1", "1", "8(x12)"):
        assert expand_tasks(text) == reference.expand_tasks_per_node(text)


def test_every_task_finds_its_place():
    """Slurm's order of nodes is kept (gpu9 before gpu10), and all tasks agree."""
    tasks = [read_slurm_task(variables(rank)) for rank in range(5)]
    port = int(tasks[0].workers[0].partition(":")[2])
    hosts = [("gpu9", 0), ("gpu9", 1), ("gpu10", 0), ("gpu10", 1), ("gpu11", 0)]
    assert [task.rank for task in tasks] == list(range(5))
    assert [task.local_rank for task in tasks] == [0, 1, 0, 1, 0]
    for task in tasks:
        assert task.workers == [f"{host}:{port + i}" for host, i in hosts]


@settings(deadline=None)
@given(st.integers(0, 10**8))
def test_ports(job):
    """Jobs that follow each other on a node do not meet, and ports stay below those of outgoing connections."""
    ports = [
        int(read_slurm_task(variables(0, SLURM_JOB_ID=str(number))).workers[0].partition(":")[2])
        for number in (job, job + 1)
    ]
    assert abs(ports[0] - ports[1]) >= 16
    assert all(20000 <= port < 32768 - 16 for port in ports)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SLURM_NODEID": "1"}, "distribution=block"),
        ({"SLURM_LOCALID": "1"}, "distribution=block"),
        ({"SLURM_STEP_NODELIST": "gpu[9-11"}, "SLURM_STEP_NODELIST cannot be read"),
        ({"SLURM_STEP_NODELIST": "rack[1-2]gpu[1-2]"}, "SLURM_STEP_NODELIST cannot be read"),
        ({"SLURM_STEP_NODELIST": "gpu[a-b]"}, "SLURM_STEP_NODELIST cannot be read"),
        ({"SLURM_STEP_TASKS_PER_NODE": "two"}, "SLURM_STEP_TASKS_PER_NODE cannot be read"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2"}, "names 3 nodes"),
        ({"SLURM_PROCID": ""}, "SLURM_PROCID cannot be read"),
    ],
)
def test_what_cannot_be_gets_one_sentence(changes, message):
    with pytest.raises(UserError, match=message):
        read_slurm_task(variables(0, **changes))


def test_missing_variable():
    environment = variables(0)
    del environment["SLURM_STEP_NODELIST"]
    with pytest.raises(UserError, match="SLURM_STEP_NODELIST is not set"):
        read_slurm_task(environment)


def test_steps_of_one_task_are_no_cluster():
    """Neither a shell of an allocation, where only the job's variables are set, nor a step of one task."""
    assert not is_slurm_step({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8"})
    assert not is_slurm_step({"SLURM_STEP_NUM_TASKS": "1"})
    assert is_slurm_step(variables(0))
