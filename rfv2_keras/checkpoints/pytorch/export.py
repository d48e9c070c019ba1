"""Weights of our models as tensors of the libraries that build on PyTorch."""

import numpy as np

from rfv2_keras.checkpoints.names import is_residual_factor
from rfv2_keras.checkpoints.pytorch.names import BERT4TORCH, TRANSFORMERS, is_transposed
from rfv2_keras.errors import UserError

# Which libraries have which architecture; the first is the usual one.
LAYOUTS = {
    "bert": ("transformers", "bert4torch"),
    "roformer": ("transformers", "roformer", "bert4torch"),
    "roformer_v2": ("roformer", "bert4torch"),
    "gau_alpha": ("gau-alpha", "bert4torch"),
}

_ACTIVATIONS = ("gelu", "gelu_new", "relu", "swish", "silu", "tanh", "sigmoid", "linear")
_PREFIXES = {"bert": "bert.", "roformer": "roformer.", "roformer_v2": "roformer.", "gau_alpha": "gau_alpha."}


def check_layout(config, layout):
    """Stop with the reason if a library cannot build the model of a config.

    Raises:
        UserError: the library does not have the architecture, or not with these settings.
    """
    layouts = LAYOUTS[config.model_type]
    if layout not in layouts:
        raise UserError(f"layout for {config.model_type} must be one of {', '.join(layouts)}, received {layout!r}.")
    rms = config.model_type in ("roformer_v2", "gau_alpha")
    mapped = config.embedding_size not in (None, config.hidden_size)
    for wrong, what in (
        (config.norm_placement != "post", f"norm_placement {config.norm_placement!r}"),
        (config.residual == "deepnorm", "residual 'deepnorm'"),
        (config.norm_type != ("rms_norm" if rms else "layer_norm"), f"norm_type {config.norm_type!r}"),
        (config.hidden_act not in _ACTIVATIONS, f"hidden_act {config.hidden_act!r}"),
        (
            config.model_type != "gau_alpha" and config.normalization != "softmax",
            f"normalization {config.normalization!r}",
        ),
        (
            config.model_type != "gau_alpha" and not _usual_heads(config),
            "heads of another size than hidden_size / heads",
        ),
        (mapped and config.model_type in ("bert", "gau_alpha"), f"embedding_size {config.embedding_size}"),
        (not config.use_bias and not rms and layout == "bert4torch", "use_bias false"),
        (config.use_bias and rms and layout == "bert4torch", "use_bias true"),
    ):
        if wrong:
            raise UserError(f"{layout} has no {config.model_type} with {what}.")


def _usual_heads(config):
    size = config.hidden_size / config.num_attention_heads
    return config.head_size == config.key_size == size


def pytorch_tensors(weights, config, layout):
    """The tensors of a library for the weights of a model.

    Args:
        weights: path in our models -> array.
        config: the `ModelConfig`.
        layout: a library of `LAYOUTS`.

    Returns:
        name -> float32 array.

    Raises:
        UserError: a weight has no place in the library.
    """
    check_layout(config, layout)
    weights = {**weights, **_neutral(weights, config, layout)}
    tensors = {}
    for path, array in weights.items():
        if is_residual_factor(path):
            if np.any(array != 1.0):
                raise UserError(f"{layout} has no factors of residual branches, and {path} is not 1.")
            continue
        name = _name(path, config, layout)
        if name is None:
            raise UserError(f"{layout} has no place for {path}.")
        tensors[name] = np.ascontiguousarray(array.T if is_transposed(path) else array, dtype="float32")
    return _for_bert4torch(tensors, config) if layout == "bert4torch" else tensors


def _name(path, config, layout):
    name = TRANSFORMERS.theirs(path)
    if layout == "bert4torch":
        is_norm = path == "Embedding-Norm/gamma" or path.endswith("-Norm/norm/gamma")
        if config.model_type == "gau_alpha" or (config.norm_type == "rms_norm" and is_norm):
            return _gau_name(path) or BERT4TORCH.theirs(path)
        if path.startswith("Embedding-Mapping/"):
            own = BERT4TORCH.theirs(path)
            return f"bert.{own.replace('embeddings.', 'encoder.')}" if path.endswith("kernel") else own
    if name is None or name.startswith("cls."):
        return name
    return _PREFIXES[config.model_type] + name


def _gau_name(path):
    """A name for a row of bert4torch's stacked scales, to be put together by `_for_bert4torch`."""
    layer, _, side = path.partition("-GatedAttentionUnit/")
    if not side.endswith(("_scaleoffset/gamma", "_scaleoffset/beta")):
        return None
    return f"encoderLayer.{layer.removeprefix('Transformer-')}.gau.offsetscale.{side.rpartition('/')[2]}[{side[0]}]"


def _for_bert4torch(tensors, config):
    """`...offsetscale.gamma[q]` and `...[k]` as one tensor, and the MLM head of models without tied weights."""
    result = {name: array for name, array in tensors.items() if not name.endswith("]")}
    for name in tensors:
        if name.endswith("[q]"):
            stem = name.removesuffix("[q]")
            result[stem] = np.stack([tensors[name], tensors[f"{stem}[k]"]])
    if config.model_type == "gau_alpha":
        result["mlmDecoder.weight"] = result["embeddings.word_embeddings.weight"]
    elif config.model_type == "roformer_v2" and config.embedding_size in (None, config.hidden_size):
        result["cls.predictions.decoder.weight"] = result["roformer.embeddings.word_embeddings.weight"]
    return result


def _neutral(weights, config, layout):
    """What the library has and the model has not: zeros for offsets and segments, ones for scales."""
    embedding = weights["Embedding-Token/embeddings"].shape[1]
    extra = {}
    if "Embedding-Segment/embeddings" not in weights:
        extra["Embedding-Segment/embeddings"] = np.zeros((2, embedding), "float32")
    always_biased = config.norm_type == "layer_norm"
    for path, array in weights.items():
        if path.endswith("/kernel") and (always_biased or path.startswith("Embedding-Mapping/")):
            extra[path.replace("/kernel", "/bias")] = np.zeros(array.shape[1], "float32")
    if layout == "bert4torch" and config.model_type == "roformer_v2":
        ones = np.ones(config.hidden_size, "float32")
        extra["Embedding-Norm/gamma"] = np.ones(embedding, "float32")
        for layer in range(config.num_hidden_layers):
            for branch in ("MultiHeadSelfAttention", "FeedForward"):
                extra[f"Transformer-{layer}-{branch}-Norm/norm/gamma"] = ones
    return {path: array for path, array in extra.items() if path not in weights}
