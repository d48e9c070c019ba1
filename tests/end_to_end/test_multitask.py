"""`rfv2 multitask` as a user runs it: processes, interruptions, prediction, pictures."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest


@pytest.fixture
def multitask_config(tmp_path, records, small_model):
    """Function that writes a run config over two made-up tasks and masked language modelling; returns its path."""
    tokens = (records / "vocab.txt").read_text(encoding="utf-8").split()[5:]
    draw = random.Random(0)
    for part, count in (("train", 80), ("dev", 20)):
        texts = ["".join(draw.choices(tokens, k=draw.randint(4, 12))) for _ in range(count)]
        lines = [{"sentence": tokens[i % 3] + text, "label": str(i % 3)} for i, text in enumerate(texts)]
        (tmp_path / f"first-{part}.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
        pairs = [f"{text}\t{text[::-1]}\t{i % 6}\n" for i, text in enumerate(texts)]
        (tmp_path / f"pairs-{part}.data").write_text("".join(pairs))

    def task(name, kind, suffix):
        files = {"train": [f"{name}-train.{suffix}"], "dev": [f"{name}-dev.{suffix}"]}
        return {"name": name, "kind": kind, "files": files, "maxlen": 32}

    def write(name, dropout=0.0, **training):
        config = {
            "model": {"config": {**small_model, "hidden_dropout_prob": dropout}},
            "data": {"folder": str(tmp_path), "vocab": str(records / "vocab.txt"), "buckets": [32]},
            "tasks": [
                {"task": task("first", "classification", "json"), "weight": 2.0},
                {"task": task("pairs", "regression", "data")},
                {"kind": "mlm", "records": str(records), "heldout": str(records), "batch": 4},
            ],
            "combination": {"name": "normalized"},
            "optimizer": {"learning_rate": 0.002},
            "schedule": {"points": {"5": 1.0, "20": 0.1}},
            "training": {"batch": 8, "accumulation": 4, "steps": 12, "log_every": 4, "checkpoint_every": 4, **training},
            "output": {"directory": str(tmp_path / name), "tensorboard": False},
        }
        path = tmp_path / f"{name}.config.json"
        path.write_text(json.dumps(config))
        return path

    return write


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_equal_one(tmp_path, rfv2, multitask_config, weights_of):
    """12 updates with XLA over three kinds, dropout off: the same encoder, heads and log from 1 and from 2 processes.

    Then everything that a user does with the result: scoring, predicting, drawing.
    """
    xla = ("--set", "xla.jit_compile=true")
    rfv2("multitask", multitask_config("one", evaluate_every=12), *xla)
    rfv2("launch", "--processes", 2, "multitask", multitask_config("two"), *xla)
    one, two = weights_of(tmp_path / "one"), weights_of(tmp_path / "two")
    for path, values in one.items():
        np.testing.assert_allclose(values, two[path], atol=1e-6, err_msg=path)
    for task in ("first", "pairs"):
        heads = [np.load(tmp_path / run / "model" / "heads" / task / "head.npz") for run in ("one", "two")]
        for name in heads[0].files:
            np.testing.assert_allclose(heads[0][name], heads[1][name], atol=1e-6, err_msg=f"{task} {name}")
    first, *_, scores = lines(tmp_path / "one")
    second = lines(tmp_path / "two")[0]
    keys = [f"task/{task}/{key}" for task in ("first", "pairs", "mlm") for key in ("loss", "gradient_norm", "cosine")]
    assert [first[key] for key in keys] == pytest.approx([second[key] for key in keys], rel=1e-3, abs=1e-4)
    assert 0.0 < first["task/mlm/accuracy"] < 1.0
    assert {"task/first/score", "task/pairs/score", "task/mlm/score", "dev/mlm/loss", "dev/mean"} < set(scores)

    dev = tmp_path / "first-dev.json"
    scored = rfv2("evaluate", tmp_path / "one", dev, "--task", "first", "--dtype", "float32").stdout.split()
    assert float(scored[1]) == pytest.approx(scores["dev/first/accuracy"], abs=1e-4)
    predicted = rfv2("predict", tmp_path / "one", "今天", "明天", "--task", "pairs", "--dtype", "float32").stdout
    assert isinstance(json.loads(predicted)["score"], float)
    rfv2("plot", tmp_path / "one", "--out", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 50_000


def test_killed_run_ends_with_the_same_bits(tmp_path, rfv2, multitask_config, weights_of):
    """`kill -9` at a random moment after the first checkpoint; the same command then goes on to the same weights."""
    rfv2("multitask", multitask_config("whole", dropout=0.1))
    config, draw = multitask_config("killed", dropout=0.1), random.Random(int(time.time()))
    command = [sys.executable, "-m", "rfv2_keras.cli", "multitask", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for(tmp_path / "killed" / "checkpoints" / "step-00000004")
    time.sleep(draw.random() * 0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    result = rfv2("multitask", config)
    assert "Resuming after update" in result.stdout
    whole, killed = weights_of(tmp_path / "whole"), weights_of(tmp_path / "killed")
    for path, values in whole.items():
        np.testing.assert_array_equal(values, killed[path], err_msg=f"{path}; {result.stdout}")
    assert [line["step"] for line in lines(tmp_path / "killed")] == [4, 8, 12], "no line twice, none missing"


def _wait_for(path, seconds=180):
    """Return as soon as a path exists."""
    begin = time.monotonic()
    while not path.exists():
        assert time.monotonic() - begin < seconds, f"{path} did not appear"
        time.sleep(0.05)


def test_mistake_is_one_line(rfv2, multitask_config):
    result = rfv2("multitask", multitask_config("bad"), "--set", "combination.name=average", check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("rfv2: error: ")
    assert result.stderr.count("\n") == 1
    assert "combination.name" in result.stderr
