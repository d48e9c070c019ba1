"""Measures everything that docs/benchmarks.md shows, one JSON file per table.

    python scripts/evidence/speed.py FOLDER [--only TABLE ...] [--python roformer=/path/to/python]
    python scripts/evidence/step_profile.py FOLDER
    python scripts/evidence/speed_page.py FOLDER > tables.md

About 70 minutes on two cores that do nothing else. A table whose file is there already is left out, so that an
interrupted run goes on where it stopped.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from rfv2_keras.benchmark.suite import named_config

PEERS = "--peer keras-hub --peer pytorch --peer transformers-bert"
BFLOAT16 = "--dtype bfloat16"
COMPILED = "--jit false --jit true"  # peers without and with XLA or torch.compile
TABLES = {
    # name: (arguments of `rfv2 benchmark`, rounds, seconds of a turn)
    "train_small_128": (
        f"peers train --config small --batch 16 --length 128 {BFLOAT16} {COMPILED} --peer keras-hub --peer pytorch",
        3,
        1.5,
    ),
    "train_small_float32": (
        "peers train --config small --batch 16 --length 128 --dtype float32 "
        f"{COMPILED} --peer keras-hub --peer pytorch",
        3,
        1.5,
    ),
    "train_small_512": (f"peers train --config small --batch 4 --length 512 {BFLOAT16} {COMPILED} {PEERS}", 3, 1.5),
    "train_base_128": (f"peers train --config base --batch 8 --length 128 {BFLOAT16} {COMPILED} {PEERS}", 3, 0.5),
    "train_base_float32": (
        f"peers train --config base --batch 8 --length 128 --dtype float32 {COMPILED} {PEERS}",
        3,
        0.5,
    ),
    "train_bert": (
        f"peers train --config small --batch 16 --length 128 {COMPILED} --no-peak --peer transformers-bert",
        2,
        1.5,
    ),
    "train_roformer": (
        f"peers train --config small --batch 16 --length 128 {BFLOAT16} --jit false --no-peak --peer roformer "
        "--peer transformers-roformer --peer bert4torch",
        2,
        1.5,
    ),
    "infer_small_128": (f"peers infer --config small --batch 16 --length 128 {BFLOAT16} {COMPILED} {PEERS}", 3, 1.0),
    "infer_small_float32": (
        f"peers infer --config small --batch 16 --length 128 --dtype float32 {COMPILED} {PEERS}",
        3,
        1.0,
    ),
    "infer_small_512": (
        f"peers infer --config small --batch 4 --length 512 {BFLOAT16} {COMPILED} --no-peak {PEERS}",
        3,
        1.0,
    ),
    "infer_base_128": (f"peers infer --config base --batch 16 --length 128 {COMPILED} {PEERS}", 3, 1.0),
    "xla": (
        "train --config small --batch 16 --length 128 --dtype float32 --dtype bfloat16 --jit false --jit true",
        3,
        1.5,
    ),
    "bert": (
        f"train --config roformer_v2_base --config bert_base --batch 8 --length 128 --batch 2 --length 512 {BFLOAT16}",
        2,
        0.5,
    ),
    "gau": (
        "train --config roformer_v2_base --config gau_alpha_base --batch 2 --length 512 --batch 1 --length 1024 "
        f"{BFLOAT16}",
        3,
        0.5,
    ),
    "gau_attention": (
        "train --config roformer_v2_base --config gau_alpha_base --batch 2 --length 512 --batch 1 --length 1024 "
        f"{BFLOAT16} --checkpointing attention --no-peak",
        2,
        0.5,
    ),
    "gau_least": (
        f"train --config roformer_v2_base --config gau_alpha_base --batch 1 --length 8 {BFLOAT16} --no-peak",
        1,
        0.5,
    ),
    "memory": (
        f"peers train --config base --batch 8 --length 512 {BFLOAT16} --jit false --peer pytorch "
        "--peer transformers-bert --checkpointing none --checkpointing attention --no-peak",
        2,
        0.1,
    ),
    "memory_compiled": (
        f"peers train --config base --batch 8 --length 512 {BFLOAT16} --jit true --peer pytorch "
        "--peer transformers-bert --checkpointing attention --checkpointing layers --no-peak",
        2,
        0.1,
    ),
    "length_train": (
        "train --config small --batch 32 --length 128 --batch 8 --length 512 --batch 4 --length 1024 --batch 2 "
        f"--length 2048 {BFLOAT16} --no-peak",
        2,
        0.5,
    ),
    "length_infer": (
        "infer --config small --batch 64 --length 128 --batch 16 --length 512 --batch 4 --length 2048 --batch 1 "
        f"--length 8192 {BFLOAT16} --no-peak",
        2,
        0.5,
    ),
    "batch": (
        f"infer --config small --batch 1 --batch 4 --batch 16 --batch 64 --length 128 {BFLOAT16} --no-peak",
        3,
        0.5,
    ),
    "size": (
        f"infer --config tiny --config small --config base --config large --batch 4 --length 128 {BFLOAT16}",
        3,
        0.5,
    ),
    "vocabulary": (
        "train --config FOLDER/configs/tokens_12000.json --config FOLDER/configs/tokens_25000.json "
        f"--config FOLDER/configs/tokens_50000.json --batch 16 --length 128 {BFLOAT16} --no-peak",
        3,
        0.5,
    ),
    "optimizer": (
        f"train --config small --batch 4 --length 128 {BFLOAT16} --optimizer adamw --optimizer lamb --no-peak",
        3,
        1.0,
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--python", action="append", default=[], help="PEER=PYTHON")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    write_vocabulary_configs(arguments.folder / "configs")
    began = time.monotonic()
    for name in arguments.only:
        out = arguments.folder / f"{name}.json"
        if out.exists():
            continue
        command, rounds, seconds = TABLES[name]
        command = command.replace("FOLDER", str(arguments.folder))
        options = ["--rounds", str(rounds), "--seconds", str(seconds), "--out", str(out)]
        for pair in arguments.python:
            if f"--peer {pair.partition('=')[0]} " in f"{command} ":
                options += ["--python", pair]
        print(f"--- {name}, {(time.monotonic() - began) / 60:.1f} minutes so far", flush=True)
        subprocess.run([sys.executable, "-m", "rfv2_keras.cli", "benchmark", *command.split(), *options], check=False)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")


def write_vocabulary_configs(folder):
    """small with tables of different sizes."""
    folder.mkdir(exist_ok=True)
    _, config = named_config("small")
    for size in (12000, 25000, 50000):
        text = json.dumps({**config, "vocab_size": size})
        (folder / f"tokens_{size}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
