"""Tasks of a Slurm step form one cluster: two real processes with the variables that Slurm would set."""

import os
import socket
import subprocess
import sys

import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.training.processes import SingleProcess, join_processes
from rfv2_keras.training.slurm import read_slurm_task

PROGRAM = """
import tensorflow as tf
from rfv2_keras.training.processes import join_processes
processes = join_processes()
print(processes.rank, processes.count, processes.sum(tf.constant([1.0, 10.0 ** processes.rank])).numpy().tolist())
"""


def variables(rank, job):
    return {
        "SLURM_JOB_ID": str(job),
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "SLURM_STEP_TASKS_PER_NODE": "2",
        "SLURM_PROCID": str(rank),
        "SLURM_NODEID": "0",
        "SLURM_LOCALID": str(rank),
    }


def free_job():
    """Number of a job whose ports are free."""
    for job in range(500):
        addresses = [worker.split(":") for worker in read_slurm_task(variables(0, job)).workers]
        if all(_is_free(host, int(port)) for host, port in addresses):
            return job
    raise AssertionError("no port is free")


def _is_free(host, port):
    with socket.socket() as one:
        try:
            one.bind((host, port))
        except OSError:
            return False
        return True


def test_two_tasks_sum_up():
    job = free_job()
    tasks = []
    try:
        for rank in range(2):
            environment = {**os.environ, **variables(rank, job), "TF_CPP_MIN_LOG_LEVEL": "2"}
            environment.pop("TF_CONFIG", None)
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            tasks.append(subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, **pipes))
        for rank, task in enumerate(tasks):
            output, errors = task.communicate(timeout=240)
            assert task.returncode == 0, errors[-2000:]
            assert output.splitlines()[-1] == f"{rank} 2 [2.0, 11.0]"
    finally:
        for task in tasks:
            task.kill()
            task.wait()


def test_a_step_of_one_task_is_alone(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for name, value in {**variables(0, 0), "SLURM_STEP_NUM_TASKS": "1"}.items():
        monkeypatch.setenv(name, value)
    assert isinstance(join_processes(), SingleProcess)


def test_tasks_dealt_out_in_turn_are_refused(monkeypatch):
    """Before anything is connected, so that nothing can hang."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for name, value in {**variables(0, 0), "SLURM_PROCID": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="distribution=block"):
        join_processes()
