"""`rfv2 pretrain` as a user runs it: processes, interruptions, resuming."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.training import PretrainConfig, pretrain


def test_two_processes_equal_one(tmp_path, rfv2, run_config, weights_of):
    """20 updates with XLA, dropout off: 2 processes × 2 micro-batches end with the weights of 1 × 1 to 1e-5."""
    xla = {"jit_compile": True}
    rfv2("pretrain", run_config("one", xla=xla))
    rfv2("launch", "--processes", 2, "pretrain", run_config("two", training={"accumulation": 2}, xla=xla))
    one, two = weights_of(tmp_path / "one"), weights_of(tmp_path / "two")
    assert one.keys() == two.keys()
    for path, values in one.items():
        np.testing.assert_allclose(values, two[path], atol=1e-5, err_msg=path)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "one" / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] - 0.1, "the model learns at all"


def test_killed_run_ends_with_the_same_bits(tmp_path, rfv2, run_config, weights_of):
    """`kill -9` at random moments, the same command each time: the bits of the run that was left alone."""
    dropout = {"config": {**json.loads(run_config("x").read_text())["model"]["config"], "hidden_dropout_prob": 0.1}}
    rfv2("pretrain", run_config("whole", model=dropout))
    config, draw = run_config("killed", model=dropout), random.Random(int(time.time()))
    command = [sys.executable, "-m", "rfv2_keras.cli", "pretrain", str(config)]
    started = time.monotonic()
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(4 + draw.random() * 8)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert time.monotonic() - started < 60
    result = rfv2("pretrain", config)
    whole, killed = weights_of(tmp_path / "whole"), weights_of(tmp_path / "killed")
    for path, values in whole.items():
        np.testing.assert_array_equal(values, killed[path], err_msg=f"{path}; {result.stdout}")
    steps = [json.loads(line)["step"] for line in (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [5, 10, 15, 20], "no line twice, none missing"


def test_process_that_dies_stops_the_others(run_config):
    """One of two processes is killed: the command ends within a minute, says which, and that it can be continued."""
    config = run_config("dying", training={"steps": 100_000, "checkpoint_every": 100_000, "log_every": 1})
    command = [sys.executable, "-m", "rfv2_keras.cli", "launch", "--processes", "2", "pretrain", str(config)]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in launcher.stdout:
        if line.startswith("step 1/"):
            break
    children = subprocess.run(["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True).stdout.split()
    assert len(children) == 2
    os.kill(int(children[1]), signal.SIGKILL)
    begin = time.monotonic()
    _, errors = launcher.communicate(timeout=60)
    assert time.monotonic() - begin < 60
    assert launcher.returncode not in (0, None)
    assert "was killed by SIGKILL" in errors or "another process is gone" in errors
    assert "continues from the last checkpoint" in errors


BAD = [
    ({"training": {"batch": 15, "accumulation": 4}}, "must divide training.batch"),
    ({"model": {"overrides": {"vocab_size": 20}}}, "the records hold token ids up to"),
    ({"model": {"init_from": "nowhere.ckpt"}}, "nowhere.ckpt"),
    ({"data": {"records": "nowhere"}}, "no records were found there"),
    ({"data": {"maxlen": 16}}, "prepared for rows of 32 tokens"),
    ({"training": {"alpha_warmup": 5}}, 'needs a model config with residual="alpha_warmup"'),
]


@pytest.mark.parametrize(("sections", "message"), BAD, ids=[message[:25] for _, message in BAD])
def test_run_that_cannot_work_says_why(run_config, sections, message):
    """One sentence before anything is computed; tests/cli show what the command makes of it."""
    with pytest.raises(UserError) as caught:
        pretrain(PretrainConfig.read(run_config("bad", **sections)), stream=None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_continuing_with_another_vocabulary_is_refused(tmp_path, run_config, records):
    """A vocabulary of the right size but with other tokens would give every id another meaning."""
    tokens = (records / "vocab.txt").read_text().split("\n")
    tokens[6], tokens[7] = tokens[7], tokens[6]
    (tmp_path / "bert_model.ckpt.index").touch()
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    config = run_config("continued", model={"init_from": str(tmp_path / "bert_model.ckpt")})
    with pytest.raises(UserError, match=r"vocab.txt: the model of model.init_from has another vocabulary"):
        pretrain(PretrainConfig.read(config), stream=None)
