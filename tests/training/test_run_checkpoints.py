"""Checkpoints are whole, verified, and the last good one survives every mishap."""

import json
import resource
import signal

import keras
import numpy as np
import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import Lamb
from rfv2_keras.training.run_checkpoints import OPTIMIZER, STATE, WEIGHTS, RunCheckpoints


@pytest.fixture
def trained(make_model):
    """A model and optimizer whose state is not the initial one."""
    model, optimizer = make_model(), Lamb(0.01)
    optimizer.build(model.trainable_variables)
    for _ in range(3):
        optimizer.apply([keras.ops.ones_like(v) for v in model.trainable_variables])
    return model, optimizer


def values(model, optimizer):
    return [np.asarray(v) for v in (*model.weights, *optimizer.variables)]


def test_round_trip_is_bit_exact(tmp_path, trained, make_model):
    checkpoints = RunCheckpoints(tmp_path, 2, print)
    checkpoints.save(3, *trained, {"best_step": None, "note": 1})
    model, optimizer = make_model(seed=1), Lamb(0.01)
    optimizer.build(model.trainable_variables)
    state = checkpoints.restore_latest(model, optimizer)
    assert state["step"] == 3
    assert state["note"] == 1
    for one, other in zip(values(*trained), values(model, optimizer), strict=True):
        np.testing.assert_array_equal(one, other)


def test_latest_and_best_are_kept(tmp_path, trained):
    checkpoints = RunCheckpoints(tmp_path, 2, print)
    for step in (1, 2, 3, 4):
        checkpoints.save(step, *trained, {"best_step": 1})
    assert checkpoints.steps() == [1, 3, 4]


def _flip_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", [WEIGHTS, OPTIMIZER])
@pytest.mark.parametrize("damage", [_flip_byte, lambda path: path.unlink()], ids=["flipped byte", "missing file"])
def test_damaged_checkpoint_is_named_and_the_one_before_taken(tmp_path, trained, name, damage):
    said = []
    checkpoints = RunCheckpoints(tmp_path, 2, said.append)
    for step in (1, 2):
        checkpoints.save(step, *trained, {"best_step": None})
    damage(tmp_path / "step-00000002" / name)
    assert checkpoints.restore_latest(*trained)["step"] == 1
    assert len(said) == 1
    assert "step-00000002" in said[0]
    assert name in said[0]


def test_no_sound_checkpoint_is_an_error(tmp_path, trained):
    checkpoints = RunCheckpoints(tmp_path, 2, print)
    checkpoints.save(1, *trained, {"best_step": None})
    (tmp_path / "step-00000001" / STATE).write_text("{")
    with pytest.raises(UserError, match="none of the 1 checkpoints is sound"):
        checkpoints.restore_latest(*trained)


def test_unfinished_write_is_not_a_checkpoint(tmp_path, trained):
    (tmp_path / "step-00000009.tmp").mkdir()
    checkpoints = RunCheckpoints(tmp_path, 2, print)
    assert checkpoints.restore_latest(*trained) is None
    checkpoints.save(10, *trained, {"best_step": None})
    assert checkpoints.steps() == [10]
    assert not list(tmp_path.glob("*.tmp"))


def test_disk_that_takes_no_more_stops_with_a_sentence(tmp_path, trained):
    """The system refuses to let files grow beyond 10 kB: the write fails, the earlier checkpoint stays usable."""
    checkpoints = RunCheckpoints(tmp_path, 2, print)
    checkpoints.save(1, *trained, {"best_step": None})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(UserError, match="cannot be written"):
            checkpoints.save(2, *trained, {"best_step": None})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert checkpoints.restore_latest(*trained)["step"] == 1
    assert json.loads((tmp_path / "step-00000001" / STATE).read_text())["step"] == 1
