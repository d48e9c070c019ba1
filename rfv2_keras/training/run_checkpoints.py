"""Checkpoints of a run: written whole or not at all, verified before they are used."""

import io
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np

from rfv2_keras.checkpoints.atomic import sync
from rfv2_keras.checkpoints.keras_weights import BY_PATH
from rfv2_keras.data.files import file_sha256
from rfv2_keras.errors import UserError

STATE = "state.json"
WEIGHTS = "model.weights.h5"
OPTIMIZER = "optimizer.weights.h5"


class RunCheckpoints:
    """The folder `checkpoints/` of a run.

    Each checkpoint is a folder `step-00001000` with `model.weights.h5` (weights by path, which every command can load),
    `optimizer.weights.h5` and `state.json`. It is written under a temporary name, synced, and renamed, so that a name
    without `.tmp` is always complete.
    `state.json` holds the SHA-256 of the other files; a checkpoint that does not match is named and passed over.

    Args:
        folder: where checkpoints lie.
        keep: number of latest checkpoints to keep; the best one is kept besides.
        warn: function that takes a sentence.
    """

    def __init__(self, folder, keep, warn):
        self.folder = Path(folder)
        self.keep = keep
        self.warn = warn

    def save(self, step, model, optimizer, state):
        """Write a checkpoint and delete the oldest.

        Args:
            step: number of updates done.
            model, optimizer: Keras objects.
            state: dict of JSON values that a resumed run needs; `state["best_step"]` is kept.

        Raises:
            UserError: the disk is full or not writable; earlier checkpoints stay as they are.
        """
        final = self._path(step)
        temporary = final.with_suffix(".tmp")
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            _write_hdf5(temporary / WEIGHTS, {f"{BY_PATH}/{v.path}": v for v in model.weights})
            _write_hdf5(temporary / OPTIMIZER, _optimizer_variables(optimizer))
            digests = {name: file_sha256(temporary / name) for name in (WEIGHTS, OPTIMIZER)}
            text = json.dumps({**state, "step": step, "sha256": digests}, indent=2)
            (temporary / STATE).write_text(text, encoding="utf-8")
            for path in (*temporary.iterdir(), temporary):
                sync(path)
            shutil.rmtree(final, ignore_errors=True)
            os.replace(temporary, final)
            sync(self.folder)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise UserError(
                f"{final}: the checkpoint cannot be written ({error.strerror or error}); earlier ones are unharmed."
            ) from None
        self._delete_old(state.get("best_step"))

    def restore_latest(self, model, optimizer):
        """Load the latest sound checkpoint into model and optimizer.

        Returns:
            Its state, or None if there is no checkpoint at all.

        Raises:
            UserError: there are checkpoints, but none is sound.
        """
        steps = self.steps()
        for step in reversed(steps):
            path = self._path(step)
            defect = _defect(path)
            if defect is None:
                state = json.loads((path / STATE).read_text(encoding="utf-8"))
                with h5py.File(path / WEIGHTS, "r") as file:
                    for weight in model.weights:
                        weight.assign(_array(file, weight, path))
                with h5py.File(path / OPTIMIZER, "r") as file:
                    optimizer.load_own_variables({name: file[name][()] for name in file})
                return state
            self.warn(f"{path}: {defect}; trying the checkpoint before it.")
        if steps:
            raise UserError(f"{self.folder}: none of the {len(steps)} checkpoints is sound.")
        return None

    def steps(self):
        """The steps of all complete checkpoints, rising."""
        names = [path.name for path in self.folder.glob("step-*") if path.suffix != ".tmp"]
        return sorted(int(name.removeprefix("step-")) for name in names)

    def _path(self, step):
        return self.folder / f"step-{step:08d}"

    def _delete_old(self, best_step):
        for path in self.folder.glob("step-*.tmp"):
            shutil.rmtree(path, ignore_errors=True)
        for step in self.steps()[: -self.keep]:
            if step != best_step:
                shutil.rmtree(self._path(step), ignore_errors=True)


def _defect(path):
    """What is wrong with a checkpoint, or None."""
    try:
        digests = json.loads((path / STATE).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError):
        return f"{STATE} is missing or broken"
    for name, digest in digests.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if file_sha256(path / name) != digest:
            return f"{name} does not match its SHA-256"
    return None


def _array(file, weight, place):
    """The values of a weight in a checkpoint."""
    name = f"{BY_PATH}/{weight.path}"
    if name not in file or file[name].shape != tuple(weight.shape):
        found = f"shape {file[name].shape}" if name in file else "nothing"
        raise UserError(
            f"{place}: the checkpoint is of another model, it holds {found} for {weight.path} of shape "
            f"{tuple(weight.shape)}; choose another run directory."
        )
    return file[name][()]


def _optimizer_variables(optimizer):
    store = {}
    optimizer.save_own_variables(store)
    return store


def _write_hdf5(path, arrays):
    """Write named arrays. The file is built in memory: the HDF5 library crashes the process if the disk is full."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, array in arrays.items():
            file[name] = np.asarray(array)
    path.write_bytes(buffer.getbuffer())
