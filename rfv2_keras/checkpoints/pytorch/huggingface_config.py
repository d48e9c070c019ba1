"""Configs of transformers, roformer, gau-alpha and bert4torch, read as a `ModelConfig` and written from one."""

from pathlib import Path

from rfv2_keras.config import ModelConfig, read_json_object
from rfv2_keras.errors import UserError

CONFIG_FILES = ("config.json", "bert4torch_config.json")
_LARGEST_CONFIG = 2**20  # bytes
_EPSILON = 1e-12  # of all these libraries, where the config does not say

# The keys that describe a model; the rest of such a file says how it was trained, or what it is called.
_KEYS = frozenset(
    """model model_type vocab_size hidden_size embedding_size num_hidden_layers num_attention_heads intermediate_size
    hidden_act hidden_dropout_prob attention_probs_dropout_prob max_position_embeddings type_vocab_size
    initializer_range layer_norm_eps norm_type use_bias normalization attention_key_size attention_head_size
    dropout_rate segment_vocab_size""".split()
)

# Keys with which the model would be another one, and the values that are right.
_ONLY = {
    "rotary_value": (False,),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "attention_scale": (True,),
    "pad_token_id": (0,),
    "rope_theta": (10000, 10000.0),
    "rope_scaling": (),
    "rope_rank": ("adjacent",),
    "quantization_config": (),
    "custom_position_ids": (False,),
    "layer_norm_mode": ("default", "rmsnorm", "roformer_v2", "gau_alpha", "torch_buildin"),
    "pos_emb_type": ("rotary",),
}


def read_foreign_config(path, model_type=None):
    """The `ModelConfig` of a `config.json` of transformers, roformer or gau-alpha, or of a `bert4torch_config.json`.

    Args:
        path: the file.
        model_type: architecture, where the file names none.

    Raises:
        UserError: the file is broken, or describes a model that cannot be built here.
    """
    values = read_config_file(path)
    for key, allowed in _ONLY.items():
        value = values.get(key)
        if value is not None and value not in allowed:
            right = ", ".join(repr(item) for item in allowed) or "absent"
            raise UserError(f"{path}: {key} must be {right}, received {value!r}.")
    if values.get("model_type") == "roberta" and "architectures" in values:
        raise UserError(
            f"{path}: RoBERTa of transformers counts positions from 2 and pads with 1, which BERT here does not."
        )
    known = {key: value for key, value in values.items() if key in _KEYS}
    if known.get("embedding_size") == known.get("hidden_size"):
        known.pop("embedding_size", None)
    return config_from({"layer_norm_eps": _EPSILON, **known}, path, model_type)


def read_config_file(path):
    """The dict in a JSON file that somebody else wrote.

    Raises:
        UserError: it is larger or deeper than any config, or no JSON object.
    """
    if Path(path).stat().st_size > _LARGEST_CONFIG:
        raise UserError(f"{path}: is no config, it has more than {_LARGEST_CONFIG:,} bytes.")
    try:
        return read_json_object(path)
    except UserError:
        raise
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply for a config.") from None
    except ValueError:
        raise UserError(f"{path}: is not JSON, it holds a number of thousands of digits.") from None


def config_from(values, path, model_type=None):
    """A `ModelConfig` from a dict that was made from a file, which its messages name."""
    try:
        return ModelConfig.read(values, model_type)
    except UserError as error:
        raise UserError(f"{path}{str(error).removeprefix('config')}") from None


def transformers_config(config, with_mlm, with_nsp):
    """The `config.json` of a BERT or RoFormer of transformers, or of a RoFormer or RoFormerV2 of roformer."""
    values = {
        "architectures": [_class(config, with_mlm, with_nsp)],
        "model_type": "bert" if config.model_type == "bert" else "roformer",
        **_shared(config),
    }
    if config.model_type == "bert":
        return {**values, "position_embedding_type": "absolute"}
    values |= {"embedding_size": config.embedding_size or config.hidden_size, "rotary_value": False}
    if config.model_type == "roformer_v2":
        values |= {"norm_type": config.norm_type, "use_bias": config.use_bias}
    return values


def gau_alpha_config(config):
    """The `config.json` of the package gau-alpha."""
    return {
        "architectures": ["GAUAlphaForMaskedLM"],
        "model_type": "gau_alpha",
        **{key: value for key, value in _shared(config).items() if key != "num_attention_heads"},
        "embedding_size": config.hidden_size,
        **_gau(config),
        "attention_scale": True,
        "use_bias": config.use_bias,
    }


def bert4torch_config(config):
    """The `bert4torch_config.json` with which bert4torch 0.6 builds the same model (GAU-α: the same weights)."""
    rms = config.norm_type == "rms_norm"
    # With rms_norm, tie_word_embeddings would make bert4torch stop, looking for a bias: the head is written instead.
    values = {"model": config.model_type, **_shared(config), "tie_word_embeddings": not rms}
    if config.model_type != "bert":
        values |= {"pos_emb_type": "rotary", "embedding_size": config.embedding_size or config.hidden_size}
    if rms:  # "roformer_v2" would subtract the mean
        values |= {"layer_norm_mode": "rmsnorm", "use_bias": config.use_bias}
    return values | (_gau(config) if config.model_type == "gau_alpha" else {})


def _class(config, with_mlm, with_nsp):
    family = "Bert" if config.model_type == "bert" else "RoFormer"
    if with_mlm and with_nsp:
        return f"{family}ForPreTraining"
    return f"{family}ForMaskedLM" if with_mlm else f"{family}Model"


def _shared(config):
    return {
        "vocab_size": config.token_table_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "intermediate_size": config.intermediate_size,
        "hidden_act": config.hidden_act,
        "hidden_dropout_prob": config.hidden_dropout_prob,
        "attention_probs_dropout_prob": config.attention_probs_dropout_prob,
        "max_position_embeddings": config.max_position_embeddings,
        "type_vocab_size": config.type_vocab_size or 2,  # without segments: a table of zeros
        "initializer_range": config.initializer_range,
        "layer_norm_eps": config.layer_norm_eps,
        "pad_token_id": 0,
        "torch_dtype": "float32",
    }


def _gau(config):
    return {"attention_key_size": config.key_size, "normalization": config.normalization}
