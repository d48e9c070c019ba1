"""The whitening experiment runs on real pairs and writes a page whose numbers are those of its grids."""

import os
import subprocess
import sys

import keras
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_model_directory

SHAPE = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
FILES = ("STS-B.train", "STS-B.test", "PAWSX.test")


@pytest.fixture(scope="module")
def run(data, root, tmp_path_factory):
    """The folder that the script has written, and what it printed."""
    folder = tmp_path_factory.mktemp("whitening")
    keras.utils.set_random_seed(0)
    builder = build_transformer_model(model="roformer_v2", vocab_size=12000, return_keras_model=False, **SHAPE)
    save_model_directory(builder, builder.config, data / "vocab" / "roformer_v2_char_vocab.txt", folder / "model")
    for name in FILES:
        task = name.partition(".")[0]
        (folder / "sts" / task).mkdir(parents=True, exist_ok=True)
        (folder / "sts" / task / f"{name}.data").write_bytes((data / "sts" / task / f"{name}.data").read_bytes())
    command = [
        *(sys.executable, root / "scripts" / "experiments" / "whitening.py", "model", "--data", "sts", "--out", "out"),
        *("--pairs", "40", "--seeds", "2", "--epochs", "2", "--batch", "16", "--maxlen", "32"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout


def test_page_and_pictures(run):
    folder, printed = run
    assert {path.name for path in folder.iterdir()} == {
        "whitening.md",
        "whitening_raw.png",
        "whitening_fine_tuned.png",
    }
    page = (folder / "whitening.md").read_text(encoding="utf-8")
    assert "--seeds 2 --epochs 2" in page
    assert "A trial with 40 pairs" in page
    assert page.count("The article's") == 5  # four verdicts and a section
    assert "SimBERT, trained to compare" in page
    line = next(line for line in printed.splitlines() if line.startswith("raw: STS-B"))
    row = next(line for line in page.splitlines() if line.startswith("| pretrained |  |"))
    assert line.split()[2].rstrip(",") == row.split("|")[-2].strip()  # the same number in both places


def test_fine_tuning_changes_the_numbers_and_each_seed_differently(run):
    _, printed = run
    raw, first, second = (
        next(line.partition("STS-B ")[2] for line in printed.splitlines() if line.startswith(f"{title}: STS-B"))
        for title in ("raw", "fine-tuned, seed 0", "fine-tuned, seed 1")
    )
    assert len({raw, first, second}) == 3
