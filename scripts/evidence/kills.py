"""Kills a short pretraining run again and again and compares its end with that of a run that was left alone.

    python scripts/evidence/kills.py RUN_CONFIG.json --kills 20 --out FOLDER

Half of the kills come at random moments; the other half while a checkpoint is being written: the script watches for the
temporary name and kills within 30 ms of its appearance. The config should write checkpoints often
(`training.checkpoint_every` of 1 or 2). Exit status 0 if the weights have the same SHA-256.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    whole, killed = arguments.out / "whole", arguments.out / "killed"
    began = time.monotonic()
    run(arguments, whole).wait()
    seconds = time.monotonic() - began
    print(f"left alone: {seconds:.0f} s, weights {digest(whole)[:16]}", flush=True)
    draw = random.Random(arguments.seed)
    counts = {"at a random moment": 0, "while a checkpoint was written": 0}
    for number in range(arguments.kills):
        # Later than the start-up, so that every life does some updates.
        wanted = number % 2 == 1
        during = kill_one_life(run(arguments, killed), killed, draw, wanted, seconds)
        if during is None:
            print(f"kill {number + 1}: the run had ended already", flush=True)
            break
        counts["while a checkpoint was written" if during else "at a random moment"] += 1
        unfinished = [path.name for path in (killed / "checkpoints").glob("*.tmp")]
        print(
            f"kill {number + 1}: last complete step {last_step(killed)}, unfinished {unfinished or 'none'}", flush=True
        )
    run(arguments, killed).wait()
    print(f"{counts}; weights {digest(killed)[:16]}")
    same = digest(whole) == digest(killed)
    print("the same SHA-256" if same else "DIFFERENT weights")
    return 0 if same else 1


def run(arguments, folder):
    """Start `rfv2 pretrain`."""
    values = [*arguments.overrides, f"output.directory={folder}"]
    command = [sys.executable, "-m", "rfv2_keras.cli", "pretrain", arguments.config]
    command += [part for value in values for part in ("--set", value)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"})


def kill_one_life(process, folder, draw, during_write, seconds):
    """Kill a run; whether that was during the writing of a checkpoint, or None if it had ended before."""
    before = last_step(folder)
    while last_step(folder) == before and process.poll() is None:  # until it has written one checkpoint
        time.sleep(0.01)
    if during_write:
        while process.poll() is None and not list((folder / "checkpoints").glob("*.tmp")):
            time.sleep(0.0005)
        time.sleep(draw.random() * 0.03)
    else:
        time.sleep(draw.random() * seconds / 20)
    if process.poll() is not None:
        return None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return bool(list((folder / "checkpoints").glob("*.tmp")))


def last_step(folder):
    steps = [path.name for path in (folder / "checkpoints").glob("step-*") if path.suffix != ".tmp"]
    return max(steps, default=None)


def digest(folder):
    """SHA-256 over the trained model's weights, by path; HDF5 files hold times, their bytes are not compared."""
    total = hashlib.sha256()

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            total.update(name.encode())
            total.update(np.ascontiguousarray(item[()]).tobytes())

    with h5py.File(folder / "model" / "model.weights.h5") as file:
        file["weights"].visititems(add)
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    if steps != sorted(set(steps)):
        raise SystemExit(f"{folder}: metrics.jsonl has steps twice or out of order")
    return total.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
