"""The building blocks, one per file. They use keras.ops only and run on every Keras backend."""

# ruff: noqa: E402 - an old Keras must be named before the imports below fail on it.

import keras

from rfv2_keras.requirements import check_keras

check_keras(keras.__version__)

from rfv2_keras.layers.activations import get_activation
from rfv2_keras.layers.attention_mask import AttentionMask
from rfv2_keras.layers.attention_weights import attention_weights
from rfv2_keras.layers.conditional_random_field import ConditionalRandomField
from rfv2_keras.layers.dense import BiasFreeDense
from rfv2_keras.layers.dropout import Dropout
from rfv2_keras.layers.efficient_global_pointer import EfficientGlobalPointer
from rfv2_keras.layers.feed_forward import FeedForward
from rfv2_keras.layers.gated_attention_unit import GatedAttentionUnit
from rfv2_keras.layers.gather_positions import GatherPositions
from rfv2_keras.layers.global_pointer import GlobalPointer
from rfv2_keras.layers.layer_norm import LayerNorm
from rfv2_keras.layers.multi_head_attention import MultiHeadAttention
from rfv2_keras.layers.position_embedding import PositionEmbedding
from rfv2_keras.layers.residual_branch import ResidualBranch
from rfv2_keras.layers.rms_norm import RMSNorm
from rfv2_keras.layers.rotary import RotaryEmbedding, apply_rotary
from rfv2_keras.layers.scale_offset import ScaleOffset
from rfv2_keras.layers.segment_embedding import SegmentEmbedding
from rfv2_keras.layers.token_embedding import TokenEmbedding, padding_mask
from rfv2_keras.layers.viterbi import viterbi_decode

__all__ = [
    "AttentionMask",
    "BiasFreeDense",
    "ConditionalRandomField",
    "Dropout",
    "EfficientGlobalPointer",
    "FeedForward",
    "GatedAttentionUnit",
    "GatherPositions",
    "GlobalPointer",
    "LayerNorm",
    "MultiHeadAttention",
    "PositionEmbedding",
    "RMSNorm",
    "ResidualBranch",
    "RotaryEmbedding",
    "ScaleOffset",
    "SegmentEmbedding",
    "TokenEmbedding",
    "apply_rotary",
    "attention_weights",
    "get_activation",
    "padding_mask",
    "viterbi_decode",
]
