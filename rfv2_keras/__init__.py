"""RoFormerV2 and GAU-α, with RoFormer and BERT as baselines, on Keras 3."""

# ruff: noqa: E402 - an old Keras must be named before the imports below fail on it.

import keras

from rfv2_keras.requirements import check_keras

check_keras(keras.__version__)

from rfv2_keras.builder import build_transformer_model
from rfv2_keras.config import ModelConfig
from rfv2_keras.errors import UserError
from rfv2_keras.layers import (
    BiasFreeDense,
    FeedForward,
    GatedAttentionUnit,
    LayerNorm,
    MultiHeadAttention,
    ResidualBranch,
    RMSNorm,
    RotaryEmbedding,
    TokenEmbedding,
)
from rfv2_keras.text import Tokenizer

__version__ = "0.1.0"

__all__ = [
    "BiasFreeDense",
    "FeedForward",
    "GatedAttentionUnit",
    "LayerNorm",
    "ModelConfig",
    "MultiHeadAttention",
    "RMSNorm",
    "ResidualBranch",
    "RotaryEmbedding",
    "TokenEmbedding",
    "Tokenizer",
    "UserError",
    "build_transformer_model",
]
