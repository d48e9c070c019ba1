"""Tiny models of every architecture with an MLM head, and a vocabulary of the characters of a few sentences."""

import keras
import pytest
from typer.testing import CliRunner

from rfv2_keras import ModelConfig
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.cli.main import app
from rfv2_keras.inference import MaskedLanguageModel
from rfv2_keras.models import ARCHITECTURES

SENTENCES = [
    "今天天气不错",
    "他在公园里散步，看到很多人在跳舞。",
    "语言模型",
    "好",
    "下雨了，我们回家吃饭，然后看了一部很长很长的电影，直到很晚才睡觉。",
]
SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32, "num_attention_heads": 2}


@pytest.fixture(scope="session")
def sentences():
    return list(SENTENCES)


@pytest.fixture(scope="session")
def vocab():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ing", "##ing", *sorted(set("".join(SENTENCES)))]
    return {token: index for index, token in enumerate(tokens)}


@pytest.fixture(scope="session")
def builder(vocab):
    """Function (architecture, further arguments) -> builder of a model with the same random weights each time."""

    def build(architecture, with_mlm=True, **arguments):
        keras.utils.set_random_seed(7)
        # Large weights, so that the probabilities of tokens differ.
        values = {**SHAPE, "vocab_size": len(vocab), "model_type": architecture, "initializer_range": 0.5}
        values["max_position_embeddings"] = 64
        if architecture == "gau_alpha":
            values.pop("num_attention_heads")
            values["attention_key_size"] = 8
        return ARCHITECTURES[architecture](ModelConfig.read(values), with_mlm=with_mlm, **arguments)

    return build


@pytest.fixture(scope="session")
def model_directory(builder, vocab, tmp_path_factory):
    """Function (architecture) -> a model directory with its MLM head."""
    folder, made = tmp_path_factory.mktemp("models"), {}

    def directory(architecture):
        if architecture not in made:
            built = builder(architecture)
            save_model_directory(built, built.config, vocab, folder / architecture)
            made[architecture] = folder / architecture
        return made[architecture]

    return directory


@pytest.fixture(scope="session")
def language_model(model_directory):
    """Function (architecture) -> `MaskedLanguageModel`."""
    made = {}

    def read(architecture):
        if architecture not in made:
            made[architecture] = MaskedLanguageModel.from_directory(model_directory(architecture))
        return made[architecture]

    return read


@pytest.fixture(scope="session", params=ARCHITECTURES)
def architecture(request):
    return request.param


@pytest.fixture(scope="session")
def rfv2():
    """Function (arguments) -> result with exit_code, stdout and stderr; the command runs in this process."""

    def run(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
