"""Folders of other libraries that hold a config together with its weights."""

from pathlib import Path

from rfv2_keras.checkpoints.keras_hub import VOCAB_FILE as KERAS_HUB_VOCAB
from rfv2_keras.checkpoints.keras_hub import is_keras_hub_folder, read_keras_hub_config
from rfv2_keras.checkpoints.pytorch.huggingface import find_pytorch_weights, read_huggingface_config

VOCAB_FILES = (Path("vocab.txt"), KERAS_HUB_VOCAB)


def foreign_config(path, model_type=None):
    """The `ModelConfig` of a folder of Hugging Face's kind or of KerasHub; None for any other path.

    Raises:
        UserError: it is such a folder, but its config cannot be used or is not that of its weights.
    """
    path = Path(path)
    if is_keras_hub_folder(path):
        return read_keras_hub_config(path)
    if path.is_dir() and find_pytorch_weights(path) is not None:
        return read_huggingface_config(path, model_type)
    return None


def foreign_vocab(path):
    """The vocabulary of such a folder, None if it has none."""
    return next((Path(path, name) for name in VOCAB_FILES if Path(path, name).is_file()), None)
