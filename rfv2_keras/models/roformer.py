"""RoFormer (v1)."""

from rfv2_keras.models.base import Transformer
from rfv2_keras.models.bert import BERT


class RoFormer(BERT):
    """BERT with rotary positions in the place of learned ones.

    Source: arXiv 2104.09864; https://spaces.ac.cn/archives/8265.
    """

    def add_positions(self, x, positions):
        return x

    def rotary_tables(self, x, positions):
        return Transformer.rotary_tables(self, x, positions)
