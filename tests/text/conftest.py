"""Golden numbers of the tokenizer: the whole set where it lies beside the repository, else the part kept here."""

import json
from pathlib import Path

import pytest

from rfv2_keras.text import Tokenizer, load_vocab

KEPT_HERE = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden_folder(root):
    whole = root.parent / "shared" / "golden" / "tokenizer"
    return whole if whole.is_dir() else KEPT_HERE


@pytest.fixture(scope="session")
def load_golden(golden_folder):
    """A function from a name to the content of that JSON file."""
    return lambda name: json.loads((golden_folder / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def token_dict():
    return load_vocab(KEPT_HERE / "vocab.txt")


@pytest.fixture(scope="session")
def tokenizer(token_dict):
    return Tokenizer(token_dict)


@pytest.fixture(scope="session")
def cased_tokenizer(token_dict):
    return Tokenizer(token_dict, do_lower_case=False)
