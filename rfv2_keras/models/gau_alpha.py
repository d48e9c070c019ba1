"""GAU-α."""

from rfv2_keras.layers import GatedAttentionUnit
from rfv2_keras.models.roformer_v2 import RoFormerV2


class GAUAlpha(RoFormerV2):
    """RoFormerV2 with gated attention units in the place of attention and feed-forward.

        x = RMSNorm(x + Dropout(GAU_rotary(x)))              for each layer

    Two of these layers have the parameters of one RoFormerV2 layer, so that base has 24.

    Source: https://spaces.ac.cn/archives/9052; arXiv 2205.05842; ZhuiyiTechnology/GAU-alpha.
    """

    branches_per_layer = 1

    def layer(self, index):
        name = f"Transformer-{index}-GatedAttentionUnit"
        unit = self.residual(self.gated_attention_unit(name), name)

        def layer(x, targets=None, **arguments):
            x = unit(x, **arguments)  # at all positions: gate, values and queries of a unit are one product
            return x if targets is None else targets.of(x)

        return layer

    def gated_attention_unit(self, name):
        config = self.config
        return GatedAttentionUnit(
            config.intermediate_size,
            key_size=config.key_size,
            activation=config.hidden_act,
            use_bias=config.use_bias,
            normalization=config.normalization,
            normalization_length=config.normalization_length,
            dropout=config.attention_probs_dropout_prob,
            kernel_initializer=self.initializer,
            gradient_checkpointing=config.gradient_checkpointing,
            dtype=self.dtype,
            name=name,
        )
