"""How far bfloat16 gradients are from those of float32, with and without the last layer at target positions only.

    python scripts/evidence/gradient_precision.py RUN_DIRECTORY RECORDS [--batches 16]

Loads the trained weights of a run and computes the gradient of the masked-LM loss for batches of the records in four
ways: with all hidden states, of which those at the targets are picked at the end, and with the last layer at the
targets only, both in float32 and in mixed_bfloat16. Prints ‖g − g₀‖ / ‖g₀‖ against float32 with all hidden states for
every kind of weight, over all layers and batches.
"""

import argparse
import collections
import json
import re
from pathlib import Path

import numpy as np

WAYS = {
    "float32, all positions": ("float32", False),
    "float32, targets": ("float32", True),
    "bfloat16, all positions": ("mixed_bfloat16", False),
    "bfloat16, targets": ("mixed_bfloat16", True),
}
REFERENCE, *COMPARED = WAYS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("records")
    parser.add_argument("--batches", type=int, default=16)
    arguments = parser.parse_args()
    from rfv2_keras.data.batches import Batches
    from rfv2_keras.data.records import Records
    from rfv2_keras.training.gradients import GradientFunction
    from rfv2_keras.training.objective import masked_lm_inputs, masked_lm_objective

    config = json.loads((arguments.run / "config.json").read_text(encoding="utf-8"))
    batches = Batches(Records(arguments.records), config["training"]["batch"], maxlen=config["data"]["maxlen"])
    models = {name: model_of(arguments.run / "model", *way) for name, way in WAYS.items()}
    gradients = {
        name: GradientFunction(model, masked_lm_objective, jit_compile=False) for name, model in models.items()
    }
    kinds = [kind(variable.path) for variable in models[REFERENCE].trainable_variables]
    errors = {name: collections.Counter() for name in COMPARED}  # squares, by kind of weight
    sizes = collections.Counter()
    for step in range(arguments.batches):
        batch = batches.batch(seed=1, step=step)
        found = {}
        for name, compute in gradients.items():
            _, values = compute([masked_lm_inputs(models[name], batch)], 1.0)
            found[name] = [value.numpy() for value in values]
        for name in COMPARED:
            add_squares(errors[name], kinds, [a - b for a, b in zip(found[name], found[REFERENCE], strict=True)])
        add_squares(sizes, kinds, found[REFERENCE])
    print(table(errors, sizes))


def model_of(folder, dtype, at_targets):
    """The masked language model in a model directory, with logits at targets, found in one way or the other."""
    import keras

    from rfv2_keras import build_transformer_model
    from rfv2_keras.layers import GatherPositions

    model = build_transformer_model(folder, with_mlm="linear", target_positions=at_targets, dtype=dtype)
    if at_targets:
        return model
    targets = keras.Input((None,), dtype="int32", name="Input-Target-Position")
    return keras.Model([*model.inputs, targets], GatherPositions(dtype="float32")(model.output, targets))


def kind(path):
    """`"Transformer-3-FeedForward/i0_dense/kernel"` -> `"FeedForward/i0_dense"`."""
    return re.sub(r"^Transformer-\d+-", "", path).rpartition("/")[0]


def add_squares(total, kinds, arrays):
    for name, array in zip(kinds, arrays, strict=True):
        square = float(np.sum(array**2, dtype="float64"))
        total[name] += square
        total["all"] += square


def table(errors, sizes):
    lines = [f"| weights | {' | '.join(COMPARED)} |", "|-" * (len(COMPARED) + 1) + "|"]
    for name in sizes:
        values = ((errors[way][name] / sizes[name]) ** 0.5 for way in COMPARED)
        lines.append(f"| {name} | {' | '.join(f'{value:.2g}' for value in values)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
