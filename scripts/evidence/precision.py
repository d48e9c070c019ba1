"""Trains one config in float32, mixed_bfloat16 and mixed_float16, each with and without XLA, and compares.

    python scripts/evidence/precision.py RUN_CONFIG.json --out FOLDER --set data.heldout=...

Prints a Markdown table with the held-out loss at the end, its difference from float32 without XLA, and tokens per
second (the median over the lines of the log after the first fifth of the run), and writes FOLDER/curves.png. Runs are
done one after the other, so their speeds are comparable only on a machine that does nothing else.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from rfv2_keras.training.plot import plot_runs, read_metrics

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    folders = {}
    for policy in POLICIES:
        for xla in (False, True):
            folder = arguments.out / f"{policy}{'-xla' if xla else ''}"
            values = [
                *arguments.overrides,
                f"precision.dtype_policy={policy}",
                f"xla.jit_compile={'true' if xla else 'false'}",
                f"output.directory={folder}",
            ]
            print(f"{policy}, XLA {'on' if xla else 'off'} ...", file=sys.stderr, flush=True)
            train(arguments.config, values)
            folders[policy, xla] = folder
    plot_runs(folders.values(), arguments.out / "curves.png")
    print(table({key: read_metrics(folder) for key, folder in folders.items()}))


def train(config, values):
    """`rfv2 pretrain` with values such as `"training.seed=1"` in the place of those of the config."""
    options = [part for value in values for part in ("--set", value)]
    command = [sys.executable, "-m", "rfv2_keras.cli", "pretrain", config, *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"})


def table(runs):
    """The rows of the table, one for each (policy, xla)."""
    lines = ["| precision | XLA | held-out loss | difference | tokens/s | skipped updates |", "|-|-|-|-|-|-|"]
    reference = heldout_loss(runs["float32", False])
    for (policy, xla), metrics in runs.items():
        loss = heldout_loss(metrics)
        training = [line for line in metrics if "tokens_per_second" in line]
        speed = statistics.median(line["tokens_per_second"] for line in training[len(training) // 5 :])
        lines.append(
            f"| {policy} | {'on' if xla else 'off'} | {loss:.4f} | {loss / reference - 1:+.2%} | {speed:,.0f} | "
            f"{training[-1]['skipped_updates']} |"
        )
    return "\n".join(lines)


def heldout_loss(metrics):
    return [line["heldout/loss"] for line in metrics if "heldout/loss" in line][-1]


if __name__ == "__main__":
    main()
