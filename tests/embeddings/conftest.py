"""Tiny models of every architecture, with a vocabulary of the characters of a few sentences."""

import keras
import pytest

from rfv2_keras import ModelConfig, Tokenizer
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.models import ARCHITECTURES

SENTENCES = [
    "今天天气不错",
    "他在公园里散步，看到很多人在跳舞。",
    "语言模型",
    "一个男人在弹吉他",
    "",
    "好",
    "下雨了，我们回家吃饭，然后看了一部很长很长的电影，直到很晚才睡觉。",
]
SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32, "num_attention_heads": 2}


@pytest.fixture(scope="session")
def sentences():
    return list(SENTENCES)


@pytest.fixture(scope="session")
def vocab():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(SENTENCES)))]
    return {token: index for index, token in enumerate(tokens)}


@pytest.fixture(scope="session")
def tokenizer(vocab):
    return Tokenizer(vocab)


@pytest.fixture(scope="session")
def tiny(vocab):
    """Function (architecture, further arguments) -> builder of a model with the same random weights each time."""

    def build(architecture, config=None, **arguments):
        keras.utils.set_random_seed(7)
        values = {**SHAPE, "vocab_size": len(vocab), "model_type": architecture, **(config or {})}
        if architecture == "gau_alpha":
            values.pop("num_attention_heads")
            values["attention_key_size"] = 8
        return ARCHITECTURES[architecture](ModelConfig.read(values), **arguments)

    return build


@pytest.fixture(scope="session")
def model_directory(tiny, vocab, tmp_path_factory):
    """A model directory with a random RoFormerV2."""
    folder = tmp_path_factory.mktemp("embeddings") / "model"
    builder = tiny("roformer_v2")
    save_model_directory(builder, builder.config, vocab, folder)
    return folder
