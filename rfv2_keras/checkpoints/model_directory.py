"""Model directories: `config.json`, `vocab.txt`, `model.weights.h5`; training writes them, every command reads them."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rfv2_keras.checkpoints.atomic import sync
from rfv2_keras.checkpoints.keras_hub import is_keras_hub_folder
from rfv2_keras.checkpoints.keras_weights import save_keras_weights
from rfv2_keras.checkpoints.plausible_size import check_plausible_size
from rfv2_keras.config import ModelConfig
from rfv2_keras.errors import UserError
from rfv2_keras.text.vocabulary import load_vocab, save_vocab

CONFIG_FILE = "config.json"
VOCAB_FILE = "vocab.txt"
WEIGHTS_FILE = "model.weights.h5"


@dataclass(frozen=True)
class ModelDirectory:
    """A model directory that was read and found consistent.

    Attributes:
        config: the `ModelConfig`.
        vocab: path of the vocabulary, or None where the directory has none.
        weights: path of the weights.
    """

    config: ModelConfig
    vocab: Path | None
    weights: Path

    @classmethod
    def read(cls, path):
        """Read the config of a model directory and check that the other files are there and belong to it.

        Raises:
            UserError: a file is missing, the config is wrong, or the vocabulary has another size than the config says.
        """
        path = Path(path)
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            if not (path / name).is_file():
                raise UserError(f"{path}: is no model directory, it has no {name}.")
        config = ModelConfig.read(path / CONFIG_FILE)
        check_plausible_size(config, [path / WEIGHTS_FILE], path)
        vocab = path / VOCAB_FILE
        if not vocab.is_file():
            return cls(config, None, path / WEIGHTS_FILE)
        _check_size(vocab, _tokens_in(vocab), config.vocab_size)
        return cls(config, vocab, path / WEIGHTS_FILE)


def is_model_directory(path):
    """Whether a path is a folder with weights of ours."""
    return Path(path, WEIGHTS_FILE).is_file() and not is_keras_hub_folder(path)


def save_model_directory(model, config, vocab, path):
    """Write a model directory.

    A new directory appears with all its files or not at all. In an existing one the three files are written completely
    under other names first and then renamed; other files in it stay.

    Args:
        model: a Keras model, or what `build_transformer_model(..., return_keras_model=False)` returned.
        config: its `ModelConfig`.
        vocab: dict from token to id, path of a vocabulary file, or None to write none.
        path: the directory.

    Raises:
        UserError: the vocabulary does not have as many tokens as the model.
    """
    path, model = Path(path), getattr(model, "model", model)
    if vocab is not None:
        tokens = max(vocab.values(), default=-1) + 1 if isinstance(vocab, dict) else _tokens_in(vocab)
        _check_size(path / VOCAB_FILE if isinstance(vocab, dict) else vocab, tokens, config.token_table_size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as temporary:
        unfinished = Path(temporary, "model")
        unfinished.mkdir()
        config.write(unfinished / CONFIG_FILE)
        if isinstance(vocab, dict):
            save_vocab(unfinished / VOCAB_FILE, vocab)
        elif vocab is not None:
            shutil.copyfile(vocab, unfinished / VOCAB_FILE)
        save_keras_weights(model, unfinished / WEIGHTS_FILE)
        files = sorted(unfinished.iterdir())
        for file in files:
            sync(file)
        if not path.exists():
            unfinished.rename(path)
        else:
            for file in files:
                file.replace(path / file.name)
        sync(path)


def _tokens_in(vocab):
    """Number of lines of a vocabulary file, blank ones at its end aside."""
    load_vocab(vocab)  # stops with a sentence at a file that is none
    return len(Path(vocab).read_text(encoding="utf-8").rstrip().split("\n"))


def _check_size(place, tokens, size):
    if tokens != size:
        raise UserError(f"{place}: the vocabulary has {tokens} tokens, but vocab_size of the model is {size}.")
