"""Trains the same config with 1, 2, 4 and 8 processes on this machine and compares weights and losses.

    python scripts/evidence/processes.py RUN_CONFIG.json --out FOLDER --processes 1 2 4 8

The global batch is the same for any number of processes, so the losses of every update and the final weights agree to
float32 rounding. Dropout must be off in the config: its masks depend on how rows are spread.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

from rfv2_keras.training.plot import read_metrics


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    print("| processes | largest difference of a weight | of the loss of an update | seconds |\n|-|-|-|-|")
    reference = None
    for count in arguments.processes:
        folder = arguments.out / str(count)
        began = time.monotonic()
        train(arguments, count, folder)
        weights, losses = weights_of(folder), [line["loss"] for line in read_metrics(folder) if "loss" in line]
        reference = reference or (weights, losses)
        of_weights = max(np.abs(value - reference[0][path]).max() for path, value in weights.items())
        of_losses = np.abs(np.array(losses) - np.array(reference[1])).max()
        print(f"| {count} | {of_weights:.1e} | {of_losses:.1e} | {time.monotonic() - began:.0f} |", flush=True)


def train(arguments, count, folder):
    values = [*arguments.overrides, f"output.directory={folder}", "training.log_every=1"]
    launch = ["launch", "--processes", str(count)] if count > 1 else []
    command = [sys.executable, "-m", "rfv2_keras.cli", *launch, "pretrain", arguments.config]
    command += [part for value in values for part in ("--set", value)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


def weights_of(folder):
    """The trained model's weights by path."""
    arrays = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(folder / "model" / "model.weights.h5") as file:
        file["weights"].visititems(add)
    return arrays


if __name__ == "__main__":
    main()
