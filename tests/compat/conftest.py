"""A small model directory whose vocabulary consists of the characters of a few texts."""

import keras
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_model_directory

TEXTS = [
    "今天天气很好，我们去公园散步。",
    "晚上下雨了，他们回家吃饭。",
    "球队赢了比赛，球迷很高兴。",
    "股票上涨，公司发布新产品。",
]
SHAPE = {
    "model_type": "roformer_v2",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


@pytest.fixture(scope="session")
def texts():
    return TEXTS


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """The model directory, with initial weights."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", "##好", "公司"]
    tokens = special + sorted({character for text in TEXTS for character in text})
    vocab = {token: index for index, token in enumerate(tokens)}
    keras.utils.set_random_seed(0)
    builder = build_transformer_model(vocab_size=len(vocab), return_keras_model=False, **SHAPE)
    folder = tmp_path_factory.mktemp("compat") / "model"
    save_model_directory(builder, builder.config, vocab, folder)
    return folder
