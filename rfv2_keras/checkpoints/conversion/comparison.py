"""Outputs of two models on the same random inputs, with padding and segments."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from rfv2_keras.checkpoints.conversion import peer_outputs

NOT_INSTALLED = 3
_SECONDS = 1800
# Lengths of the rows of a batch. All have 16 tokens or more, below which implementations of GAU-α differ.
_LENGTHS = (40, 33, 24, 17)


@dataclass(frozen=True)
class Difference:
    """How far two models are from each other, or why that is not known.

    Attributes:
        library: whose outputs ours were compared with.
        largest: field ("hidden", "logits", "pooled") -> largest absolute difference at tokens that are no padding.
        relative: the largest difference in units of the largest value of its field.
        versions: of the library and what it stands on.
        problem: why there was no comparison, None if there was one.
        note: what was left out of the comparison.
    """

    library: str
    largest: dict
    relative: float = 0.0
    versions: str = ""
    problem: str | None = None
    note: str = ""

    def __str__(self):
        if self.problem:
            return f"outputs not compared with {self.library}: {self.problem}"
        fields = ", ".join(f"{field} {value:.1e}" for field, value in self.largest.items())
        return f"largest difference from {self.library} ({self.versions}): {fields}{self.note}"


def random_inputs(config, seed=0):
    """Token and segment ids of four rows of different length for a model."""
    random = np.random.default_rng(seed)
    longest = min(_LENGTHS[0], config.max_position_embeddings)
    tokens = random.integers(1, config.token_table_size, (len(_LENGTHS), longest), dtype=np.int32)
    segments = random.integers(0, max(config.type_vocab_size, 1), tokens.shape, dtype=np.int32)
    for row, length in enumerate(_LENGTHS):
        tokens[row, length:] = 0
    return {"token": tokens, "segment": segments}


def our_outputs(model, config, inputs):
    """The outputs of a model of ours, under the names of `Difference`."""
    branch = "GatedAttentionUnit" if config.model_type == "gau_alpha" else "FeedForward"
    post = config.norm_placement == "post"
    last = f"Transformer-{config.num_hidden_layers - 1}-{branch}-Norm" if post else "Output-Norm"
    names = {"hidden": (last,), "logits": ("MLM-Activation", "Output-MLM-Activation"), "pooled": ("Pooler-Dense",)}
    layers = {layer.name: layer for layer in model.layers}
    outputs = {field: layers[name].output for field, found in names.items() for name in found if name in layers}
    parts = [inputs["token"], inputs["segment"]][: len(model.inputs)]
    values = keras.Model(model.inputs, outputs)(parts, training=False)
    return {field: keras.ops.convert_to_numpy(value) for field, value in values.items()}


def difference(ours, theirs, inputs, library, versions="", note=""):
    """The `Difference` of two sets of outputs at tokens that are no padding."""
    rows = np.asarray(theirs.get("rows", np.ones(len(inputs["token"]), bool)))
    valid = (inputs["token"] != 0)[rows]
    largest, relative = {}, 0.0
    for field in (field for field in ours if field in theirs):
        own, other = ours[field][rows], np.asarray(theirs[field], "float32")[rows]
        own, other = (own, other) if field == "pooled" else (own[valid], other[valid])
        largest[field] = float(np.max(np.abs(own - other)))
        relative = float(np.maximum(relative, largest[field] / np.max(np.abs(own))))  # NaN stays NaN
    if not all(rows):
        note += f"; {np.count_nonzero(rows)} of {len(rows)} rows, those without padding"
    return Difference(library, largest, relative, versions, None, note)


def compare_with_library(ours, inputs, library, folder, python=None):
    """Run a library on a folder of its own in a child process, and compare its outputs with ours.

    Args:
        ours: of `our_outputs`.
        inputs: of `random_inputs`.
        library: a key of `peer_outputs.MODULES`.
        folder: what the library reads.
        python: interpreter that has the library; None for this one.

    Returns:
        A `Difference`.
    """
    with tempfile.TemporaryDirectory() as temporary:
        given, results = Path(temporary, "inputs.npz"), Path(temporary, "outputs.npz")
        np.savez(given, **inputs)
        command = [python or sys.executable, peer_outputs.__file__, library, folder, given, results]
        try:
            child = subprocess.run(
                [str(part) for part in command], capture_output=True, text=True, errors="replace", timeout=_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Difference(library, {}, problem=f"it could not be run ({error})")
        if child.returncode == NOT_INSTALLED:
            return Difference(library, {}, problem="it is not installed")
        if child.returncode or not results.is_file():
            last = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
            return Difference(library, {}, problem=f"it failed ({last})")
        with np.load(results) as theirs:
            return difference(ours, theirs, inputs, library, str(theirs["versions"]))
