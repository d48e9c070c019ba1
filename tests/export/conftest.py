"""A small model directory, a fine-tuned one with two heads, and a process that runs exports without the package."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from rfv2_keras import Tokenizer, build_transformer_model
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.clue.fine_tuned import save_fine_tuned
from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.task import Task
from rfv2_keras.config import ModelConfig

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气很好我们去公园散步晚上下雨了他回家吃饭"]
SHAPE = {
    "model_type": "roformer_v2",
    "vocab_size": len(TOKENS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
TASKS = {
    "topics": {"name": "topics", "kind": "classification", "files": {}, "labels": ["a", "b", "c"]},
    "entities": {
        "name": "entities",
        "kind": "span_labelling",
        "files": {},
        "labels": ["org"],
        "options": {"head": "crf"},
    },
}


@pytest.fixture(scope="session")
def vocab():
    return {token: index for index, token in enumerate(TOKENS)}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, vocab):
    """A model directory with initial weights, whose config has dropout."""
    keras.utils.set_random_seed(0)
    config = ModelConfig.read(SHAPE)
    folder = tmp_path_factory.mktemp("export") / "model"
    save_model_directory(build_transformer_model(config), config, vocab, folder)
    return folder


@pytest.fixture(scope="session")
def fine_tuned(tmp_path_factory, vocab, model_folder):
    """A model directory with the heads `topics` and `entities`, the latter with a CRF."""
    keras.utils.set_random_seed(1)
    config = ModelConfig.read(SHAPE)
    encoder = build_transformer_model(model_folder)
    heads = []
    for values in TASKS.values():
        task = Task.from_values(values, "test")
        head = kind_of(task, Tokenizer(vocab)).head(config)
        kind_of(task, Tokenizer(vocab)).model(encoder, head)  # builds it
        heads.append((task, head))
    folder = tmp_path_factory.mktemp("export") / "fine_tuned"
    save_fine_tuned(folder, encoder, config, vocab, heads)
    return folder


@pytest.fixture(scope="session")
def inputs(vocab):
    """Two sentences of different length, so that one is padded."""
    token_ids, segment_ids = Tokenizer(vocab).encode_batch(["今天天气很好，我们去公园", "下雨了"])
    return {"Input_Token": token_ids, "Input_Segment": segment_ids}


@pytest.fixture(scope="session")
def run_without_package(tmp_path_factory):
    """Function (folder of exports, inputs) -> outputs by name of the export."""

    def run(folder, inputs):
        files = tmp_path_factory.mktemp("run")
        np.savez(files / "inputs.npz", **inputs)
        script = Path(__file__).with_name("without_package.py")
        command = [sys.executable, script, folder, files / "inputs.npz", files / "outputs.npz"]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        finished = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=files)
        assert finished.returncode == 0, finished.stderr
        return dict(np.load(files / "outputs.npz"))

    return run
