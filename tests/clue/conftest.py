"""A small model with the real vocabulary, and the files of CLUE cut short."""

import json

import keras
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.task import Task
from rfv2_keras.config import ModelConfig
from rfv2_keras.text import Tokenizer

SHAPE = {
    "model_type": "roformer_v2",
    "vocab_size": 12000,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


@pytest.fixture(scope="session")
def vocab(data):
    """Path of the released vocabulary of RoFormerV2."""
    return data / "vocab" / "roformer_v2_char_vocab.txt"


@pytest.fixture(scope="session")
def tokenizer(vocab):
    return Tokenizer(vocab)


@pytest.fixture(scope="session")
def clue_data(data):
    """The folder with the files of all tasks."""
    return data / "clue"


@pytest.fixture
def make_kind(tokenizer):
    """Function that makes the kind of a built-in task, with values replaced as on the command line."""
    return lambda name, *overrides: kind_of(Task.read(name, overrides), tokenizer)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, vocab):
    """A model directory: two layers with initial weights."""
    folder = tmp_path_factory.mktemp("model") / "small"
    keras.utils.set_random_seed(0)
    config = ModelConfig.read(SHAPE)
    save_model_directory(build_transformer_model(config), config, vocab, folder)
    return folder


@pytest.fixture(scope="session")
def small_builder():
    """Function (kind, dtype) -> the builder of a small encoder with initial weights, without segments."""

    def build(kind, dtype=None):
        keras.utils.set_random_seed(1)
        config = ModelConfig.read({**SHAPE, "vocab_size": len(kind.tokenizer.token_dict), "type_vocab_size": 0})
        return build_transformer_model(config, dtype=dtype, return_keras_model=False)

    return build


@pytest.fixture(scope="session")
def small_model(small_builder):
    """Function (kind, dtype) -> the model of a kind on that encoder."""

    def build(kind, dtype=None):
        builder = small_builder(kind, dtype)
        return kind.model(kind.encoder(builder), kind.head(builder.config))

    return build


@pytest.fixture(scope="session")
def short_data(tmp_path_factory, clue_data):
    """The files of all tasks with few examples each, in the same layout."""
    folder = tmp_path_factory.mktemp("short")
    for file in clue_data.glob("*/*.json"):
        target = folder / file.parent.name / file.name
        target.parent.mkdir(exist_ok=True)
        target.write_text(_shortened(file), encoding="utf-8")
    return folder


def _shortened(file):
    text = file.read_text(encoding="utf-8")
    if file.parent.name == "c3":
        return json.dumps(json.loads(text)[:4], ensure_ascii=False)
    if file.parent.name == "cmrc2018":
        content = json.loads(text)
        return json.dumps({**content, "data": content["data"][:2]}, ensure_ascii=False)
    if "answer" in file.name:
        return text
    return "\n".join(text.split("\n")[: 3 if file.parent.name == "chid" else 12])
