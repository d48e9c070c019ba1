"""Folders of the Hugging Face kind: config, vocabulary, weights as `model.safetensors` or `pytorch_model.bin`."""

import json
from pathlib import Path

from rfv2_keras.checkpoints.atomic import atomic_file
from rfv2_keras.checkpoints.plausible_size import check_plausible_size
from rfv2_keras.checkpoints.pytorch.export import pytorch_tensors
from rfv2_keras.checkpoints.pytorch.huggingface_config import (
    CONFIG_FILES,
    bert4torch_config,
    gau_alpha_config,
    read_config_file,
    read_foreign_config,
    transformers_config,
)
from rfv2_keras.checkpoints.pytorch.safetensors_file import save_safetensors
from rfv2_keras.checkpoints.pytorch.weights import read_tensors
from rfv2_keras.errors import UserError

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def find_pytorch_weights(folder):
    """The file with the weights in a folder, None if there is none.

    Raises:
        UserError: the weights are in several files.
    """
    for name in WEIGHT_FILES:
        if Path(folder, name).is_file():
            return Path(folder, name)
        if Path(folder, f"{name}.index.json").is_file():
            raise UserError(
                f"{folder}: the weights are split into several files ({name}.index.json); save them as one."
            )
    return None


def read_huggingface_config(folder, model_type=None):
    """The `ModelConfig` of a folder, checked against its weights.

    Raises:
        UserError: there is no config, it describes a model that cannot be built here, or it is not that of the weights.
    """
    file = next((Path(folder, name) for name in CONFIG_FILES if Path(folder, name).is_file()), None)
    if file is None:
        raise UserError(f"{folder}: the folder holds weights of PyTorch, but neither {' nor '.join(CONFIG_FILES)}.")
    config, weights = read_foreign_config(file, model_type), find_pytorch_weights(folder)
    check_plausible_size(config, [weights], folder)
    if config.model_type == "roformer_v2" and file.name == "bert4torch_config.json":
        _check_norms(file, weights)
    return config


def _check_norms(file, weights):
    """bert4torch has norms with and without centring; only their scale tells in the file that there is something."""
    mode = read_config_file(file).get("layer_norm_mode", "default")
    if mode != "rmsnorm" and "embeddings.layerNorm.weight" in read_tensors(weights):
        raise UserError(
            f"{file}: norms of RoFormerV2 subtract no mean; layer_norm_mode must be 'rmsnorm' where the weights hold "
            f"norms, received {mode!r}."
        )


def save_huggingface(weights, config, folder, layout):
    """Write the config and `model.safetensors` of a library.

    Args:
        weights: path in our models -> array.
        config: the `ModelConfig`.
        folder: where to; it must exist.
        layout: a library of `export.LAYOUTS`.

    Raises:
        UserError: the library cannot express the model.
    """
    tensors = pytorch_tensors(weights, config, layout)
    if layout == "bert4torch":
        name, values = "bert4torch_config.json", bert4torch_config(config)
    elif layout == "gau-alpha":
        name, values = "config.json", gau_alpha_config(config)
    else:
        # The head of RoFormerV2 has no weights of its own; the package roformer has none for an embedding_size.
        tied = config.model_type == "roformer_v2" and config.embedding_size in (None, config.hidden_size)
        with_mlm = tied or "MLM-Dense/kernel" in weights
        name, values = "config.json", transformers_config(config, with_mlm, "NSP-Proba/kernel" in weights)
    save_safetensors(tensors, Path(folder, WEIGHT_FILES[0]))
    with atomic_file(Path(folder, name)) as temporary:
        temporary.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
