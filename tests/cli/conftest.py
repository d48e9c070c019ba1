"""A small corpus, its records and a run config, and the command as a function."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rfv2_keras.cli.main import app
from rfv2_keras.text import learn_vocab, save_vocab

TEXTS = [f"第{number}天，天气很好，我们去公园散步。晚上下雨了，我们回家吃饭。" for number in range(60)]
SHAPE = {
    "model_type": "roformer_v2",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@dataclass
class Material:
    """Files that commands read: a corpus, its vocabulary, a model config that fits, a run config."""

    folder: Path
    corpus: Path
    vocab: Path
    vocab_size: int
    model: Path
    run: Path

    @classmethod
    def write(cls, folder):
        vocab = learn_vocab(TEXTS, 200)
        names = ("corpus.txt", "vocab.txt", "model.json", "run.json")
        corpus, vocab_file, model, run = (folder / name for name in names)
        material = cls(folder, corpus, vocab_file, len(vocab), model, run)
        corpus.write_text("\n\n".join(TEXTS), encoding="utf-8")
        save_vocab(vocab_file, vocab)
        model.write_text(json.dumps({**SHAPE, "vocab_size": len(vocab)}))
        run.write_text(json.dumps(material.run_config()))
        return material

    def run_config(self):
        return {
            "model": {"config": str(self.model)},
            "data": {"records": str(self.folder / "records")},
            "schedule": {"points": {"2": 1.0, "4": 0.0}},
            "training": {"batch": 4, "steps": 4, "log_every": 1, "checkpoint_every": 2},
            "output": {"directory": str(self.folder / "run"), "tensorboard": False},
        }


@pytest.fixture(scope="session")
def rfv2():
    """Function (arguments) -> result with exit_code, stdout and stderr; the command runs in this process."""
    runner = CliRunner()

    def run(*arguments):
        result = runner.invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="session")
def process(root):
    """Function (arguments) -> finished process of the command, as a user starts it."""

    def run(*arguments):
        program = "from rfv2_keras.cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": str(root)},
        )

    return run


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """Files for commands; nothing has been run on them."""
    return Material.write(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory, rfv2):
    """The same files after `rfv2 prepare` and `rfv2 pretrain`."""
    material = Material.write(tmp_path_factory.mktemp("pretrained"))
    options = ("--vocab", material.vocab, "--out", material.folder / "records", "--maxlen", 32, "--workers", 1)
    records = rfv2("prepare", material.corpus, *options)
    assert records.exit_code == 0, records.output
    trained = rfv2("pretrain", material.run)
    assert trained.exit_code == 0, trained.output
    return material
