"""The gated attention unit (GAU), self- and cross-attention."""

import keras
from keras import ops

from rfv2_keras.layers.activations import get_activation
from rfv2_keras.layers.attention_weights import attention_weights, check_normalization
from rfv2_keras.layers.dense import projection
from rfv2_keras.layers.dropout import dropout
from rfv2_keras.layers.query_chunks import attend_in_chunks
from rfv2_keras.layers.rematerialization import DrawnSeed, check_checkpointing, rematerialize
from rfv2_keras.layers.rotary import place_and_scale
from rfv2_keras.layers.scale_offset import ScaleOffset


@keras.saving.register_keras_serializable(package="rfv2_keras")
class GatedAttentionUnit(keras.layers.Layer):
    """O = (U ⊙ A V) W_o with one attention head A = normalise(R(Q) R(K)ᵀ / √key_size).

    Self-attention: [U, V, Z] = act(x W_i), Q = γ_q ⊙ Z (+ β_q), K = γ_k ⊙ Z (+ β_k).
    Cross-attention: [U, Q] = act(query W_uq), K = act(key W_k), V = act(value W_v).

    With units = 2 · size a GAU has 6 · size² parameters: two GAUs weigh as much as one attention + feed-forward block,
    hence the 24 layers of GAU-α base.

    Args:
        units: size of U and V (e in the paper, twice the hidden size).
        key_size: size of Q and K (s in the paper, 128).
        activation: on all of U, V, Z.
        use_bias: whether projections have biases and Q, K have offsets.
        normalization: `"softmax_plus"` (GAU-α), `"softmax"` or `"squared_relu"` (the paper's), see `attention_weights`.
        normalization_length: its l, the same for every input; None: the number of keys that a query sees.
        self_attention: which of the two forms.
        attention_scale: whether scores are divided by √key_size.
        dropout: rate at which attention weights are dropped in training.
        kernel_initializer: of all kernels.
        gradient_checkpointing: what is computed again for the gradient instead of being kept: `"attention"` everything
            but products with kernels (U, V, Z, the n × n weights, the gated values; after arXiv 2205.05198), True the
            whole layer, False nothing.

    Call arguments:
        query: (batch, queries, size).
        key, value: (batch, keys, size), cross-attention only; the value defaults to the key.
        attention_mask: bool, (batch, keys) or (batch, 1 or queries, keys), True where a key may be seen.
        attention_bias: float, broadcastable to (batch, queries, keys), added to the scores.
        rotary: the pair (cos, sin) of `RotaryEmbedding(key_size)`; None for no rotation.

    Returns:
        (batch, queries, size) in the compute dtype.

    Raises:
        ValueError: unknown normalization or `gradient_checkpointing`, or a key given exactly where it is not expected.

    Source: arXiv 2202.10447; https://spaces.ac.cn/archives/8934 and 9052 (GAU-α).
    """

    def __init__(
        self,
        units,
        key_size=128,
        activation="swish",
        use_bias=False,
        normalization="softmax_plus",
        normalization_length=None,
        self_attention=True,
        attention_scale=True,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        gradient_checkpointing=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_normalization(normalization, "GatedAttentionUnit")
        check_checkpointing(gradient_checkpointing, "GatedAttentionUnit")
        self.units = units
        self.key_size = key_size
        self.activation = get_activation(activation)
        self.use_bias = use_bias
        self.normalization = normalization
        self.normalization_length = normalization_length
        self.self_attention = self_attention
        self.attention_scale = attention_scale
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.gradient_checkpointing = gradient_checkpointing
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator() if dropout else None

    def build(self, query_shape, key_shape=None, value_shape=None):
        if self.self_attention:
            self.i_dense = self._projection(2 * self.units + self.key_size, "i_dense", query_shape)
            self.q_scaleoffset = self._scale_offset("q_scaleoffset", query_shape)
            self.k_scaleoffset = self._scale_offset("k_scaleoffset", query_shape)
        else:
            key_shape = key_shape or query_shape
            self.uq_dense = self._projection(self.units + self.key_size, "uq_dense", query_shape)
            self.k_dense = self._projection(self.key_size, "k_dense", key_shape)
            self.v_dense = self._projection(self.units, "v_dense", value_shape or key_shape)
        self.o_dense = self._projection(query_shape[-1], "o_dense", (*query_shape[:-1], self.units))

    def _projection(self, units, name, shape):
        dense = projection(units, self.use_bias, self.kernel_initializer, dtype=self.dtype_policy, name=name)
        dense.build(shape)
        return dense

    def _scale_offset(self, name, shape):
        layer = ScaleOffset(offset=self.use_bias, dtype=self.dtype_policy, name=name)
        layer.build((*shape[:-1], self.key_size))
        return layer

    def call(self, query, key=None, value=None, attention_mask=None, attention_bias=None, rotary=None, training=None):
        if (key is None) != self.self_attention:
            raise ValueError(
                f"{self.name} takes a key exactly when self_attention=False. Received: self_attention="
                f"{self.self_attention}, key={key}"
            )
        seed = DrawnSeed(self.seed_generator.next()) if training and self.dropout else None

        def attend(*projected):
            return self._attend(projected, attention_mask, attention_bias, rotary, seed, training)

        def transform(*inputs):
            return rematerialize(attend, self.gradient_checkpointing == "attention", *self._project(*inputs))

        inputs = (query,) if key is None else (query, key, key if value is None else value)
        return rematerialize(transform, self.gradient_checkpointing is True, *inputs)

    def _project(self, query, key=None, value=None):
        """What the activation is applied to: [U, V, Z], or [U, Q], K and V."""
        if self.self_attention:
            return (self.i_dense(query),)
        return self.uq_dense(query), self.k_dense(key), self.v_dense(value)

    def _attend(self, projected, attention_mask, attention_bias, rotary, seed, training):
        gate, q, k, v = self._activate(*projected)
        scale = self.key_size**-0.5 if self.attention_scale else 1.0
        q, k = place_and_scale(q, k, rotary, scale)
        outputs = attend_in_chunks(self._weigh, q, k, v, attention_mask, attention_bias, seed, training)
        return self.o_dense(gate * outputs)

    def _activate(self, first, key=None, value=None):
        """The gate U, queries, keys and values."""
        first = self.activation(first)
        if self.self_attention:
            gate, v, z = ops.split(first, [self.units, 2 * self.units], axis=-1)
            return gate, self.q_scaleoffset(z), self.k_scaleoffset(z), v
        gate, q = ops.split(first, [self.units], axis=-1)
        return gate, q, self.activation(key), self.activation(value)

    def _weigh(self, query, key, value, mask, bias, seed):
        """The mean of the values under the attention weights of some queries."""
        # b: batch, q: queries, k: keys, d: channels
        scores = ops.einsum("bqd,bkd->bqk", query, key)
        weights = attention_weights(
            scores, self.normalization, mask, bias, self.normalization_length, self.compute_dtype
        )
        if seed is not None:
            weights = dropout(weights, self.dropout, seed)
        return ops.matmul(weights, value)

    def compute_output_shape(self, query_shape, key_shape=None, value_shape=None):
        return query_shape

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "key_size": self.key_size,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "normalization": self.normalization,
            "normalization_length": self.normalization_length,
            "self_attention": self.self_attention,
            "attention_scale": self.attention_scale,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "gradient_checkpointing": self.gradient_checkpointing,
        }
