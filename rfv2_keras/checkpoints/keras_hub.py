"""RoFormerV2 of KerasHub: preset folders (`config.json`, `model.weights.h5`) and its files of weights.

What KerasHub does otherwise: its norms have a scale (`norm_scales` says when it can be folded), the first dropout
stands behind the norm, attention has none, and its config has no room for the norms' epsilon, which is that of Keras
(1e-7).
"""

import contextlib
import json
from pathlib import Path

import h5py
import numpy as np

from rfv2_keras.checkpoints.atomic import atomic_file
from rfv2_keras.checkpoints.hdf5 import open_hdf5, readable, stored_dataset
from rfv2_keras.checkpoints.name_table import NameTable
from rfv2_keras.checkpoints.norm_scales import fold_norm_scales
from rfv2_keras.checkpoints.plausible_size import check_plausible_size
from rfv2_keras.checkpoints.pytorch.huggingface_config import config_from, read_config_file
from rfv2_keras.checkpoints.source import WeightSource
from rfv2_keras.errors import UserError

CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "config.json", "model.weights.h5", "tokenizer.json"
VOCAB_FILE = Path("assets", "tokenizer", "vocabulary.txt")
_CLASS = "RoformerV2Backbone"
_EPSILON = 1e-7

# Where Keras puts the variables of KerasHub's layers; {n} counts from 0, and layer 0 has no number in the file.
_LAYER = "layers/roformer_v2_encoder_{n}"
_ATTENTION, _FEED_FORWARD = "Transformer-{n}-MultiHeadSelfAttention", "Transformer-{n}-FeedForward"
_DENSE = {
    f"{_ATTENTION}/q_dense": f"{_LAYER}/attention_layer/q_dense",
    f"{_ATTENTION}/k_dense": f"{_LAYER}/attention_layer/k_dense",
    f"{_ATTENTION}/v_dense": f"{_LAYER}/attention_layer/v_dense",
    f"{_ATTENTION}/o_dense": f"{_LAYER}/attention_layer/o_dense",
    f"{_FEED_FORWARD}/i0_dense": f"{_LAYER}/feedforward_intermediate_dense",
    f"{_FEED_FORWARD}/o_dense": f"{_LAYER}/feedforward_output_dense",
}
_NAMES = NameTable(
    [
        ("Embedding-Token/embeddings", "layers/reversible_embedding/vars/0"),
        ("Embedding-Segment/embeddings", "layers/embedding/vars/0"),
        ("Embedding-Norm/gamma", "layers/roformer_norm/vars/0"),
        *((f"{ours}/kernel", f"{theirs}/vars/0") for ours, theirs in _DENSE.items()),
        *((f"{ours}/bias", f"{theirs}/vars/1") for ours, theirs in _DENSE.items()),
        (f"{_ATTENTION}-Norm/norm/gamma", f"{_LAYER}/attention_norm/vars/0"),
        (f"{_FEED_FORWARD}-Norm/norm/gamma", f"{_LAYER}/feedforward_norm/vars/0"),
    ]
)
_FIRST = "layers/roformer_v2_encoder/"
_BACKBONE = "layers/roformer_v2_backbone/"  # before the names in a model with a head


def is_keras_hub_folder(path):
    """Whether a folder is a preset of KerasHub's RoFormerV2."""
    with contextlib.suppress(UserError):
        if Path(path, CONFIG_FILE).is_file() and Path(path, WEIGHTS_FILE).is_file():
            return read_config_file(Path(path, CONFIG_FILE)).get("class_name") == _CLASS
    return False


def is_keras_hub_weights(file):
    """Whether an open HDF5 file holds a RoFormerV2 of KerasHub."""
    return any(f"{prefix}{_FIRST}attention_norm" in file for prefix in ("", _BACKBONE))


def read_keras_hub_config(folder):
    """The `ModelConfig` of a preset, checked against its weights.

    Raises:
        UserError: the config is broken, describes a model that cannot be built here, or is not that of the weights.
    """
    place = Path(folder, CONFIG_FILE)
    values = read_config_file(place).get("config")
    if not isinstance(values, dict):
        raise UserError(f"{place}: holds no config of {_CLASS}.")
    if values.get("max_wavelength", 10000) != 10000:
        raise UserError(f"{place}: max_wavelength must be 10000, received {values['max_wavelength']!r}.")
    missing = [name for name in _KEYS.values() if name not in values]
    if missing:
        raise UserError(f"{place}: {missing[0]} is missing.")
    config = config_from(
        {
            "model_type": "roformer_v2",
            "layer_norm_eps": _EPSILON,
            "attention_probs_dropout_prob": 0.0,
            **{ours: values[theirs] for ours, theirs in _KEYS.items()},
        },
        place,
    )
    check_plausible_size(config, [Path(folder, WEIGHTS_FILE)], folder)
    return config


_KEYS = {
    "vocab_size": "vocabulary_size",
    "hidden_size": "hidden_dim",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "intermediate_size": "intermediate_dim",
    "attention_head_size": "head_size",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "type_vocab_size": "num_segments",
    "use_bias": "use_bias",
}


@contextlib.contextmanager
def open_keras_hub_weights(path):
    """The `WeightSource` of a file of KerasHub's RoFormerV2.

    Raises:
        UserError: the file is damaged, or its norms have scales that cannot be folded.
    """
    with open_hdf5(path) as file:
        arrays = {}

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                arrays[_our_name(name) or name] = stored_dataset(item, path)

        with readable(path):
            file.visititems(visit)
        fold_norm_scales(arrays, path)
        yield WeightSource(str(path), arrays)


def _our_name(name):
    # A model with a head holds the backbone as one of its layers.
    name = name.removeprefix(_BACKBONE)
    return _NAMES.ours(name.replace(_FIRST, _FIRST.replace("encoder/", "encoder_0/")))


def save_keras_hub(weights, config, folder, vocab=None):
    """Write a preset folder, which `keras_hub.models.RoformerV2Backbone.from_preset` reads.

    Args:
        weights: path in our models -> array.
        config: the `ModelConfig`.
        folder: where to; it must exist.
        vocab: path of the vocabulary, None to write none.

    Raises:
        UserError: KerasHub cannot build the model.
    """
    _check(config, folder)
    size = config.hidden_size
    scales = [
        f"Transformer-{n}-{branch}-Norm/norm/gamma" for n in range(config.num_hidden_layers) for branch in _BRANCHES
    ]
    weights = {**weights, **dict.fromkeys(["Embedding-Norm/gamma", *scales], np.ones(size, "float32"))}
    weights.setdefault("Embedding-Segment/embeddings", np.zeros((2, size), "float32"))
    with atomic_file(Path(folder, WEIGHTS_FILE)) as temporary, h5py.File(temporary, "w") as file:
        for path, array in weights.items():
            name = _NAMES.theirs(path)
            if name is None:
                raise UserError(f"KerasHub's RoFormerV2 has no place for {path}.")
            file[name.replace("encoder_0/", "encoder/")] = np.asarray(array, "float32")
    _write_json(Path(folder, CONFIG_FILE), _object("roformer_v2_backbone", _CLASS, _keras_hub_config(config)))
    if vocab is not None:
        file = Path(folder, VOCAB_FILE)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(Path(vocab).read_bytes())
        values = {"name": "roformer_v2_tokenizer", "trainable": True, "dtype": "int32", "lowercase": True}
        _write_json(Path(folder, TOKENIZER_FILE), _object("roformer_v2_tokenizer", "RoformerV2Tokenizer", values))


_BRANCHES = ("MultiHeadSelfAttention", "FeedForward")


def _check(config, folder):
    for wrong, what in (
        (config.model_type != "roformer_v2", f"model_type {config.model_type!r}"),
        (config.norm_type != "rms_norm", f"norm_type {config.norm_type!r}"),
        (config.norm_placement != "post", f"norm_placement {config.norm_placement!r}"),
        (config.residual != "plain", f"residual {config.residual!r}"),
        (config.normalization != "softmax", f"normalization {config.normalization!r}"),
        (config.embedding_size not in (None, config.hidden_size), f"embedding_size {config.embedding_size}"),
        (config.key_size != config.head_size, "an attention_key_size of its own"),
        (config.num_attention_heads * config.head_size != config.hidden_size, "heads that do not make up hidden_size"),
        (isinstance(config.hidden_act, list), f"hidden_act {config.hidden_act}"),
    ):
        if wrong:
            raise UserError(f"{folder}: KerasHub has no RoFormerV2 with {what}.")


def _keras_hub_config(config):
    values = {theirs: getattr(config, ours) for ours, theirs in _KEYS.items()}
    return {
        "name": "roformer_v2_backbone",
        "trainable": True,
        **values,
        "vocabulary_size": config.token_table_size,
        "head_size": config.head_size,
        "num_segments": config.type_vocab_size or 2,
        "max_wavelength": 10000,
    }


def _object(module, name, values):
    """What Keras writes for an object."""
    module = f"keras_hub.src.models.roformer_v2.{module}"
    return {"module": module, "class_name": name, "config": values, "registered_name": f"keras_hub>{name}"}


def _write_json(path, values):
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
