"""The architectures, and how a config becomes one of them."""

from rfv2_keras.models.arguments import APPLICATIONS
from rfv2_keras.models.base import Transformer
from rfv2_keras.models.bert import BERT
from rfv2_keras.models.gau_alpha import GAUAlpha
from rfv2_keras.models.initializer import DepthScaledNormal
from rfv2_keras.models.roformer import RoFormer
from rfv2_keras.models.roformer_v2 import RoFormerV2

ARCHITECTURES = {"roformer_v2": RoFormerV2, "gau_alpha": GAUAlpha, "roformer": RoFormer, "bert": BERT}

__all__ = [
    "APPLICATIONS",
    "ARCHITECTURES",
    "BERT",
    "DepthScaledNormal",
    "GAUAlpha",
    "RoFormer",
    "RoFormerV2",
    "Transformer",
]
