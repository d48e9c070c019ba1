"""RoFormerV2 and GAU-α, with RoFormer and BERT as baselines, on Keras 3.

The public names are imported when they are first used, so that what needs no Keras, such as `rfv2 --help` and the
processes that prepare a corpus, starts at once. A saved `.keras` file holds layers of this package: run
`import rfv2_keras.layers` before `keras.saving.load_model`.
"""

import importlib

__version__ = "0.1.0"

_MODULES = {
    "BiasFreeDense": "layers",
    "ConditionalRandomField": "layers",
    "EfficientGlobalPointer": "layers",
    "FeedForward": "layers",
    "FillMask": "inference",
    "GatedAttentionUnit": "layers",
    "GlobalPointer": "layers",
    "LayerNorm": "layers",
    "ModelConfig": "config",
    "MultiHeadAttention": "layers",
    "PseudoPerplexity": "inference",
    "RMSNorm": "layers",
    "ResidualBranch": "layers",
    "RotaryEmbedding": "layers",
    "SentenceEncoder": "embeddings",
    "TokenEmbedding": "layers",
    "Tokenizer": "text",
    "UserError": "errors",
    "Whitening": "embeddings",
    "build_transformer_model": "builder",
}

__all__ = [
    "BiasFreeDense",
    "ConditionalRandomField",
    "EfficientGlobalPointer",
    "FeedForward",
    "FillMask",
    "GatedAttentionUnit",
    "GlobalPointer",
    "LayerNorm",
    "ModelConfig",
    "MultiHeadAttention",
    "PseudoPerplexity",
    "RMSNorm",
    "ResidualBranch",
    "RotaryEmbedding",
    "SentenceEncoder",
    "TokenEmbedding",
    "Tokenizer",
    "UserError",
    "Whitening",
    "build_transformer_model",
]


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
