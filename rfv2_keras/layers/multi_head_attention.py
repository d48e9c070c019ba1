"""Multi-head attention with rotary positions."""

import keras
from keras import ops

from rfv2_keras.layers.attention_weights import attention_weights, check_normalization
from rfv2_keras.layers.cpu_attention import cpu_attention, has_cpu_attention
from rfv2_keras.layers.dense import projection
from rfv2_keras.layers.dropout import dropout
from rfv2_keras.layers.query_chunks import attend_in_chunks
from rfv2_keras.layers.rematerialization import DrawnSeed, check_checkpointing, rematerialize
from rfv2_keras.layers.rotary import place_and_scale


@keras.saving.register_keras_serializable(package="rfv2_keras")
class MultiHeadAttention(keras.layers.Layer):
    """Per head A = normalise(R(Q) R(K)ᵀ / √key_size), output = concat(A V) W_o, with R the rotation by position.

    Args:
        heads: number of heads.
        head_size: size of one head's values.
        out_dim: size of the output; heads · head_size by default.
        key_size: size of one head's queries and keys; head_size by default.
        use_bias: whether the four projections have biases (BERT, RoFormer) or not (RoFormerV2).
        normalization: `"softmax"`, `"softmax_plus"` or `"squared_relu"`, see `attention_weights`.
        normalization_length: its l, the same for every input; None: the number of keys that a query sees.
        attention_scale: whether scores are divided by √key_size.
        dropout: rate at which attention weights are dropped in training.
        kernel_initializer: of the four kernels.
        gradient_checkpointing: what is computed again for the gradient instead of being kept: `"attention"` the n × n
            weights (arXiv 2205.05198), True the whole layer, False nothing.

    Call arguments:
        query: (batch, queries, size).
        key, value: (batch, keys, size); default to the query, and the value to the key.
        attention_mask: bool, (batch, keys) or (batch, 1 or queries, keys), True where a key may be seen.
        attention_bias: float, broadcastable to (batch, heads, queries, keys), added to the scores.
        rotary: the pair (cos, sin) of `RotaryEmbedding(key_size)`; None for no rotation.
        query_rotary: that of the queries where they stand at other positions than the keys; defaults to `rotary`.

    Returns:
        (batch, queries, out_dim) in the compute dtype; weights are normalised in float32.

    Raises:
        ValueError: unknown normalization or `gradient_checkpointing`.

    Source: arXiv 1706.03762; arXiv 2104.09864 for the rotation.
    """

    def __init__(
        self,
        heads,
        head_size,
        out_dim=None,
        key_size=None,
        use_bias=True,
        normalization="softmax",
        normalization_length=None,
        attention_scale=True,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        gradient_checkpointing=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_normalization(normalization, "MultiHeadAttention")
        check_checkpointing(gradient_checkpointing, "MultiHeadAttention")
        self.heads = heads
        self.head_size = head_size
        self.out_dim = out_dim or heads * head_size
        self.key_size = key_size or head_size
        self.use_bias = use_bias
        self.normalization = normalization
        self.normalization_length = normalization_length
        self.attention_scale = attention_scale
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.gradient_checkpointing = gradient_checkpointing
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator() if dropout else None
        self.q_dense = self._projection(heads * self.key_size, "q_dense")
        self.k_dense = self._projection(heads * self.key_size, "k_dense")
        self.v_dense = self._projection(heads * head_size, "v_dense")
        self.o_dense = self._projection(self.out_dim, "o_dense")

    def _projection(self, units, name):
        return projection(units, self.use_bias, self.kernel_initializer, dtype=self.dtype_policy, name=name)

    def build(self, query_shape, key_shape=None, value_shape=None):
        key_shape = key_shape or query_shape
        value_shape = value_shape or key_shape
        self.q_dense.build(query_shape)
        self.k_dense.build(key_shape)
        self.v_dense.build(value_shape)
        self.o_dense.build((*query_shape[:-1], self.heads * self.head_size))

    def call(
        self,
        query,
        key=None,
        value=None,
        attention_mask=None,
        attention_bias=None,
        rotary=None,
        query_rotary=None,
        training=None,
    ):
        key = query if key is None else key
        value = key if value is None else value
        seed = DrawnSeed(self.seed_generator.next()) if training and self.dropout else None

        def attend(query, key, value):
            tables = rotary, query_rotary
            return self._attend(query, key, value, attention_mask, attention_bias, tables, seed, training)

        return rematerialize(attend, self.gradient_checkpointing is True, query, key, value)

    def _attend(self, query, key, value, attention_mask, attention_bias, tables, seed, training):
        # b: batch, q: queries, k: keys, h: heads, d: channels of a head
        q = self._heads(self.q_dense(query), self.key_size)  # b q h d
        k = self._heads(self.k_dense(key), self.key_size)  # b k h d
        v = self._heads(self.v_dense(value), self.head_size)  # b k h d
        scale = self.key_size**-0.5 if self.attention_scale else 1.0
        rotary, query_rotary = tables
        q, k = place_and_scale(q, k, rotary, scale, query_rotary)
        forget = self.gradient_checkpointing == "attention"
        outputs = attend_in_chunks(self._weigh, q, k, v, attention_mask, attention_bias, seed, training, forget)
        length = ops.shape(query)[1]
        return self.o_dense(ops.reshape(outputs, (-1, length, self.heads * self.head_size)))

    def _weigh(self, query, key, value, mask, bias, seed):
        """The mean of the values under the attention weights of some queries, b q h d."""
        if self.normalization == "softmax" and bias is None and has_cpu_attention(query.dtype):
            q, k, v = (ops.swapaxes(x, 1, 2) for x in (query, key, value))
            return ops.swapaxes(cpu_attention(q, k, v, mask, self.dropout, seed), 1, 2)
        scores = ops.einsum("bqhd,bkhd->bhqk", query, key)
        weights = attention_weights(
            scores, self.normalization, mask, bias, self.normalization_length, self.compute_dtype
        )
        if seed is not None:
            weights = dropout(weights, self.dropout, seed)
        return ops.einsum("bhqk,bkhd->bqhd", weights, value)

    def _heads(self, x, size):
        return ops.reshape(x, (-1, ops.shape(x)[1], self.heads, size))

    def compute_output_shape(self, query_shape, key_shape=None, value_shape=None):
        return (*query_shape[:-1], self.out_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "heads": self.heads,
            "head_size": self.head_size,
            "out_dim": self.out_dim,
            "key_size": self.key_size,
            "use_bias": self.use_bias,
            "normalization": self.normalization,
            "normalization_length": self.normalization_length,
            "attention_scale": self.attention_scale,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "gradient_checkpointing": self.gradient_checkpointing,
        }
