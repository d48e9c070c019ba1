"""`"precision": {"dtype_policy": "auto"}` becomes what `rfv2 doctor` recommends, and the run says which and why."""

import io
import os

import pytest

from rfv2_keras.training import PretrainConfig
from rfv2_keras.training.doctor import recommend
from rfv2_keras.training.machine import read_machine
from rfv2_keras.training.pretrain import PretrainingRun
from rfv2_keras.training.processes import SingleProcess
from rfv2_keras.training.run import TrainingRun


class BareRun(TrainingRun):
    """A run without anything to train."""

    announce = PretrainingRun.announce
    loop = PretrainingRun.loop
    evaluation = PretrainingRun.evaluation
    save_model = PretrainingRun.save_model


def bare_run(folder, policy):
    config = {
        "model": {"config": "none.json"},
        "data": {"records": "none"},
        "schedule": {"points": {"1": 1.0}},
        "training": {"steps": 1},
        "precision": {"dtype_policy": policy},
        "output": {"directory": str(folder)},
    }
    stream = io.StringIO()
    return BareRun(PretrainConfig.read(config), SingleProcess(), stream), stream.getvalue()


def test_auto_is_what_doctor_recommends(tmp_path):
    run, said = bare_run(tmp_path, "auto")
    advice = recommend(read_machine(os.environ))
    assert run.config.precision.dtype_policy == advice.dtype_policy
    assert run.jit_compile() == advice.jit_compile
    assert said == f"precision.dtype_policy auto is {advice.dtype_policy} here: {advice.reason}.\n"


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_what_is_given_stays(tmp_path, policy):
    run, said = bare_run(tmp_path, policy)
    assert run.config.precision.dtype_policy == policy
    assert said == ""
