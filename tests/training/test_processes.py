"""Which processes a run has, as the environment says."""

import json

import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.training.processes import SingleProcess, join_processes


def test_alone_without_variables(monkeypatch):
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    processes = join_processes()
    assert isinstance(processes, SingleProcess)
    assert (processes.rank, processes.count) == (0, 1)


def test_cluster_of_one_is_alone(monkeypatch):
    cluster = {"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    assert isinstance(join_processes(), SingleProcess)


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"index": 1}}', '{"cluster": 3, "task": {"index": 0}}'],
)
def test_broken_description_gets_one_sentence(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match="TF_CONFIG must hold"):
        join_processes()
