"""RoFormerV2."""

from rfv2_keras.models.base import Transformer


class RoFormerV2(Transformer):
    """RoFormer without biases, with gamma-less RMSNorm and depth-scaled initialisation.

        x = RMSNorm(Dropout(E_token + E_segment))            [x W if embedding_size ≠ hidden_size]
        x = RMSNorm(x + Dropout(Attention_rotary(x)))        for each layer
        x = RMSNorm(x + Dropout(act(x W_1) W_2))
        logits = Dropout(x) E_tokenᵀ                         [Dropout(x W') E_tokenᵀ if embedding_size ≠ hidden_size]

    Source: https://spaces.ac.cn/archives/8998; ZhuiyiTechnology/roformer-v2.
    """

    def embed(self, tokens, segments, positions):
        x = self.token_and_segment(tokens, segments)
        x = self.dropout(x, "Embedding-Dropout")  # before the norm, unlike BERT
        x = self.norm("Embedding-Norm")(x)
        if self.embedding_size != self.config.hidden_size:
            x = self.dense(self.config.hidden_size, "Embedding-Mapping")(x)
        return x

    def finish(self, x, asked):
        if not self.with_mlm:
            return x
        x = asked
        if self.embedding_size != self.config.hidden_size:
            x = self.dense(self.embedding_size, "Output-Mapping")(x)
        x = self.dropout(x, "Output-MLM-Dropout")
        return self.project_on_vocabulary(x, "Output-MLM-Activation")
