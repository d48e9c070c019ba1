"""A small corpus, its records and a run config for the real commands."""

import json
import os
import random
import subprocess
import sys

import pytest

WORDS = (
    "今天 天气 很好 我们 一起 去 公园 散步 看见 许多 花 和 树 孩子 在 草地 上 跑 老人 坐 着 说话 明天 可能 下雨".split()
)


@pytest.fixture(scope="session")
def rfv2():
    """Function that runs an rfv2 command and returns the finished process; `check=False` lets it fail."""

    def run(*arguments, check=True, **options):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        command = [sys.executable, "-m", "rfv2_keras.cli", *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, **options)
        if check and result.returncode:
            pytest.fail(
                f"rfv2 {' '.join(map(str, arguments))} ended with {result.returncode}:\n{result.stderr[-3000:]}"
            )
        return result

    return run


@pytest.fixture(scope="session")
def records(tmp_path_factory, rfv2):
    """Records of 400 made-up documents."""
    folder = tmp_path_factory.mktemp("corpus")
    draw = random.Random(0)
    lines = ["".join(draw.choices(WORDS, k=draw.randint(5, 30))) + "。" for _ in range(400)]
    (folder / "corpus.json").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(WORDS) + "。"))]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    rfv2(
        "prepare", folder / "corpus.json", "--vocab", folder / "vocab.txt", "--out", folder / "records", "--maxlen", 32
    )
    return folder / "records"


@pytest.fixture(scope="session")
def small_model(records):
    """A model config of one layer for these records, without dropout."""
    return {
        "model_type": "roformer_v2",
        "vocab_size": json.loads((records / "index.json").read_text())["vocab_size"],
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


@pytest.fixture
def run_config(tmp_path, records, small_model):
    """Function that writes a run config and returns its path; the run directory is `tmp_path / name`."""

    def write(name, **sections):
        config = {
            "model": {"config": {**small_model}},
            "data": {"records": str(records)},
            "optimizer": {"learning_rate": 0.02},
            "schedule": {"points": {"5": 1.0, "20": 0.1}},
            "training": {"batch": 16, "steps": 20, "log_every": 5, "checkpoint_every": 4},
            "xla": {},
            "output": {"directory": str(tmp_path / name), "tensorboard": False},
        }
        for section, values in sections.items():
            config[section].update(values)
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(config))
        return path

    return write


@pytest.fixture
def weights_of():
    """Function run directory -> dict of the trained model's weights by path."""
    import h5py

    def read(run):
        arrays = {}
        with h5py.File(run / "model" / "model.weights.h5") as file:
            file["weights"].visititems(
                lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        return arrays

    return read
