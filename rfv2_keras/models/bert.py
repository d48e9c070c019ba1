"""BERT (and RoBERTa, which is the same model trained otherwise)."""

import keras

from rfv2_keras.layers import PositionEmbedding, ScaleOffset, get_activation
from rfv2_keras.models.base import Transformer


class BERT(Transformer):
    """Post-norm Transformer with learned absolute positions.

        x = Dropout(LayerNorm(E_token + E_segment + E_position))   [x W + b if embedding_size ≠ hidden_size]
        x = LayerNorm(x + Dropout(Attention(x)))                   for each layer
        x = LayerNorm(x + Dropout(act(x W_1 + b_1) W_2 + b_2))
        pooled = tanh(x_0 W + b); NSP = softmax(pooled W + b)
        logits = LayerNorm(act(x W + b)) E_tokenᵀ + bias

    With a pooler and an MLM head the outputs are [pooled or NSP, MLM].

    Source: arXiv 1810.04805.
    """

    def embed(self, tokens, segments, positions):
        x = self.token_and_segment(tokens, segments)
        x = self.add_positions(x, positions)
        x = self.norm("Embedding-Norm")(x)
        x = self.dropout(x, "Embedding-Dropout")
        if self.embedding_size != self.config.hidden_size:
            x = self.dense(self.config.hidden_size, "Embedding-Mapping")(x)
        return x

    def add_positions(self, x, positions):
        embedding = PositionEmbedding(
            self.config.max_position_embeddings, self.initializer, dtype=self.dtype, name="Embedding-Position"
        )
        return embedding(x, positions)

    def rotary_tables(self, x, positions):
        return None

    def finish(self, x, asked):
        outputs = []
        if self.with_pool:
            outputs.append(self.pool(x))
        if self.with_mlm:
            outputs.append(self.predict_tokens(asked))
        if not outputs:
            return x
        return outputs if len(outputs) > 1 else outputs[0]

    def pool(self, x):
        """The first vector, transformed; with NSP, the probabilities that the second sentence does (not) follow."""
        x = x[:, 0]
        activation = "tanh" if self.with_pool is True else self.with_pool
        x = self.dense(self.config.hidden_size, "Pooler-Dense", activation, use_bias=True)(x)
        return self.dense(2, "NSP-Proba", "softmax", use_bias=True)(x) if self.with_nsp else x

    def predict_tokens(self, x):
        activation = self.config.hidden_act
        activation = get_activation(activation[0] if isinstance(activation, list) else activation)
        x = self.dense(self.embedding_size, "MLM-Dense", activation, use_bias=True)(x)
        x = self.norm("MLM-Norm")(x)
        bias = ScaleOffset(scale=False, dtype=keras.DTypePolicy("float32"), name="MLM-Bias")
        return self.project_on_vocabulary(x, "MLM-Activation", bias)
