"""Do float32 and mixed_bfloat16 learn the same? Pairs of runs, with runs that differ by rounding alone beside them.

    python scripts/evidence/equal_learning.py RUN_CONFIG.json FOLDER --seeds 0 1 2 --set data.heldout=... [--set ...]

For every seed the config is trained three times: in float32 without XLA, in float32 with it, in mixed_bfloat16 without
it. The first two compute the same in the same precision and add up in another order: what lies between them is how far
rounding alone carries two runs apart, and the yardstick for the third. Prints Markdown tables of the differences in
held-out and training loss and draws them into FOLDER/differences.png. A run that is there already is not repeated.
"""

import argparse
import sys
from pathlib import Path

from precision import train

from rfv2_keras.training.plot import read_metrics

# name of a run: (precision.dtype_policy, xla.jit_compile); the first is what the others are compared with
RUNS = {"float32": ("float32", "false"), "float32-xla": ("float32", "true"), "bfloat16": ("mixed_bfloat16", "false")}
REFERENCE, *COMPARED = RUNS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    curves = {}
    for seed in arguments.seeds:
        for name, (policy, xla) in RUNS.items():
            folder = arguments.folder / f"{name}-{seed}"
            if not (folder / "model").exists():
                print(f"{folder.name} ...", file=sys.stderr, flush=True)
                values = [f"training.seed={seed}", f"precision.dtype_policy={policy}", f"xla.jit_compile={xla}"]
                train(arguments.config, [*arguments.overrides, *values, f"output.directory={folder}"])
            curves[name, seed] = read_metrics(folder)
    print(f"held-out loss\n\n{heldout_table(curves, arguments.seeds)}\n")
    print(f"loss in training\n\n{training_table(curves, arguments.seeds)}")
    draw(curves, arguments.seeds, arguments.folder / "differences.png")


def differences(curves, name, seed, key):
    """{update: relative difference from the reference}."""
    losses, expected = (
        {line["step"]: line[key] for line in curves[run, seed] if key in line} for run in (name, REFERENCE)
    )
    return {step: losses[step] / expected[step] - 1 for step in expected}


def heldout_table(curves, seeds):
    """Every evaluation of every run."""
    steps = [line["step"] for line in curves[REFERENCE, seeds[0]] if "heldout/loss" in line]
    lines = [f"| seed | run | {' | '.join(f'{step:,}' for step in steps)} |", "|-" * (len(steps) + 2) + "|"]
    for seed in seeds:
        losses = [f"{line['heldout/loss']:.4f}" for line in curves[REFERENCE, seed] if "heldout/loss" in line]
        lines.append(f"| {seed} | {REFERENCE} | {' | '.join(losses)} |")
        for name in COMPARED:
            values = differences(curves, name, seed, "heldout/loss").values()
            lines.append(f"| {seed} | {name} | {' | '.join(f'{value:+.2%}' for value in values)} |")
    return "\n".join(lines)


def training_table(curves, seeds):
    """Mean and largest difference over the lines of the log."""
    lines = ["| seed | run | mean | largest |", "|-|-|-|-|"]
    for seed in seeds:
        for name in COMPARED:
            values = list(differences(curves, name, seed, "loss").values())
            lines.append(f"| {seed} | {name} | {sum(values) / len(values):+.2%} | {max(map(abs, values)):.2%} |")
    return "\n".join(lines)


def draw(curves, seeds, picture):
    """A panel for each kind of run, a line for each seed."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(11, 3.8), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(COMPARED), sharey=True), COMPARED, strict=True):
        for seed in seeds:
            values = differences(curves, name, seed, "heldout/loss")
            axis.plot(list(values), [100 * value for value in values.values()], ".-", label=f"seed {seed}")
        axis.axhspan(-1, 1, color="gray", alpha=0.15)
        axis.set_title(f"{name} against {REFERENCE}")
        axis.set_xlabel("update")
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small", ncols=3)
    figure.axes[0].set_ylabel("difference in held-out loss, %")
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
