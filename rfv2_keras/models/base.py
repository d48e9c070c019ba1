"""What all architectures share: inputs, mask, positions, residual branches, the order of things."""

import functools

import keras

from rfv2_keras.layers import (
    AttentionMask,
    Dropout,
    FeedForward,
    LayerNorm,
    MultiHeadAttention,
    ResidualBranch,
    RMSNorm,
    RotaryEmbedding,
    SegmentEmbedding,
    TokenEmbedding,
)
from rfv2_keras.layers.dense import projection
from rfv2_keras.models.arguments import APPLICATIONS, check_arguments
from rfv2_keras.models.initializer import initializer_for
from rfv2_keras.models.targets import FirstPosition, Targets


class Transformer:
    """Builds a functional `keras.Model` from a config; subclasses say what their architecture does differently.

    Nodes of the graph bear the names of bert4keras, so that `model.get_layer("Transformer-3-FeedForward-Norm").output`
    gives the output of a sub-layer and checkpoints map by name.

    Args:
        config: a `ModelConfig`.
        application: `"encoder"`, `"lm"` (causal mask) or `"unilm"` (the segment ids separate source and target); the
            latter two imply an MLM head.
        with_mlm: False, True or `"softmax"` (probabilities), `"linear"` (logits).
        with_pool: False, True (tanh) or an activation: the transformed first vector. BERT and RoFormer only.
        with_nsp: whether to classify sentence pairs on top of the pooler. BERT and RoFormer only.
        custom_position_ids: whether the model has an input `Input-Position` for positions, which may be fractional
            where positions are rotary.
        target_positions: whether the model has an input `Input-Target-Position` (batch, targets) and gives the MLM
            output at these positions only. So is the last layer then, but for keys and values; not with a pooler, which
            sees position 0, nor in GAU-α, whose units make gate, queries, keys and values in one product.
        packed: whether the model has an input `Input-Document` (batch, length); tokens see those with the same number
            only, so that a row can hold several short documents.
        dtype: Keras dtype policy of all layers; None for the global one.
        name: of the Keras model.

    Attributes:
        model: the Keras model.
        encoder: a Keras model of the last hidden states at all positions, made of layers of `model`.
        first_encoder: the same for position 0, [CLS], only: (batch, 1, hidden_size). Its last layer is computed there
            alone, but for keys and values (not in GAU-α), which is all that most classifiers need.
        config: the config.
        load_report: what loading weights into `model` reported; None as long as they have their initial values.

    Raises:
        UserError: an argument is unknown, or has no meaning with this config.
    """

    branches_per_layer = 2  # residual branches: attention and feed-forward

    def __init__(
        self,
        config,
        application="encoder",
        with_mlm=False,
        with_pool=False,
        with_nsp=False,
        custom_position_ids=False,
        target_positions=False,
        packed=False,
        dtype=None,
        name=None,
    ):
        check_arguments(config, application, with_mlm, with_pool, with_nsp, target_positions, dtype)
        self.config = config
        self.load_report = None
        self.mask_kind = APPLICATIONS[application]
        self.with_mlm = with_mlm or application != "encoder"
        self.with_pool = with_pool or with_nsp
        self.with_nsp = with_nsp
        self.custom_position_ids = custom_position_ids
        self.target_positions = target_positions
        self.packed = packed
        self.dtype = keras.dtype_policies.get(dtype) if dtype else keras.config.dtype_policy()
        self.model = self._build(name)

    @functools.cached_property
    def encoder(self):
        """See above; made when it is asked for."""
        return keras.Model(self._inputs, self._states, name="encoder")

    @functools.cached_property
    def first_encoder(self):
        """See above; made when it is asked for."""
        return keras.Model(self._inputs, self._states_at(FirstPosition()), name="first_encoder")

    # --- the order of things -------------------------------------------------------------------------------------

    def _build(self, name):
        tokens = _input("Input-Token")
        segments = _input("Input-Segment") if self.config.type_vocab_size else None
        positions = _input("Input-Position", "float32") if self.custom_position_ids else None
        documents = _input("Input-Document") if self.packed else None
        targets = _input("Input-Target-Position") if self.target_positions else None
        self.token_embedding = TokenEmbedding(
            self.config.token_table_size,
            self.embedding_size,
            embeddings_initializer=self.initializer,
            dtype=self.dtype,
            name="Embedding-Token",
        )
        x = self.embed(tokens, segments, positions)
        segments_seen = segments if self.mask_kind == "unilm" else None
        mask = AttentionMask(self.mask_kind, name="Attention-Mask")(tokens, segments_seen, documents)
        attention = {"attention_mask": mask, "rotary": self.rotary_tables(x, positions)}
        *layers, last = [self.layer(index) for index in range(self.config.num_hidden_layers)]
        for layer in layers:
            x = layer(x, **attention)
        norm = self.norm("Output-Norm") if self.config.norm_placement == "pre" else lambda x: x
        self._states_at = lambda wanted: norm(last(x, wanted, **attention))
        # First of all for all positions: `output` of a layer is what it gave when it was called first.
        self._states = asked = self._states_at(None)
        if targets is not None:
            wanted = Targets(targets, positions, self.config.key_size, self.dtype)
            asked = wanted.of(asked) if self.with_pool else self._states_at(wanted)
        self._inputs = [i for i in (tokens, segments, positions, documents) if i is not None]
        inputs = self._inputs if targets is None else [*self._inputs, targets]
        return keras.Model(inputs, self.finish(self._states, asked), name=name or self.config.model_type)

    def embed(self, tokens, segments, positions):
        """Token ids to the first hidden states."""
        raise NotImplementedError(f"{type(self).__name__} must say how it embeds tokens")

    def layer(self, index):
        """One layer, attention and then feed-forward, as a function of hidden states.

        It takes (x, targets=None, **attention): all hidden states, `WantedPositions` if the new ones are wanted there
        only, and arguments of the attention.
        """
        name = f"Transformer-{index}-MultiHeadSelfAttention"
        attention = self.residual(self.attention(name), name)
        name = f"Transformer-{index}-FeedForward"
        feed_forward = self.residual(self.feed_forward(name), name)
        return lambda x, targets=None, **arguments: feed_forward(attention(x, targets, **arguments))

    def finish(self, x, asked):
        """The last hidden states x, and those among them that the MLM head sees, to the outputs."""
        raise NotImplementedError(f"{type(self).__name__} must say what it puts out")

    # --- pieces --------------------------------------------------------------------------------------------------

    @property
    def embedding_size(self):
        return self.config.embedding_size or self.config.hidden_size

    @property
    def initializer(self):
        """A fresh initializer at each access: one object would give weights of one shape the same values."""
        return initializer_for(self.config)

    def norm(self, name):
        norm = RMSNorm if self.config.norm_type == "rms_norm" else LayerNorm
        return norm(epsilon=self.config.layer_norm_eps, dtype=self.dtype, name=name)

    def dropout(self, x, name):
        rate = self.config.hidden_dropout_prob
        return Dropout(rate, dtype=self.dtype, name=name)(x) if rate else x

    def dense(self, units, name, activation=None, use_bias=None):
        use_bias = self.config.use_bias if use_bias is None else use_bias
        return projection(units, use_bias, self.initializer, activation=activation, dtype=self.dtype, name=name)

    def token_and_segment(self, tokens, segments):
        """The sum of the two embeddings."""
        x = self.token_embedding(tokens)
        if segments is None:
            return x
        segment_embedding = SegmentEmbedding(
            self.config.type_vocab_size,
            self.embedding_size,
            embeddings_initializer=self.initializer,
            dtype=self.dtype,
            name="Embedding-Segment",
        )
        return keras.layers.Add(dtype=self.dtype, name="Embedding-Token-Segment")([x, segment_embedding(segments)])

    def rotary_tables(self, x, positions):
        """cos and sin for all attention layers; None where positions are learned."""
        rotary = RotaryEmbedding(self.config.key_size, dtype=self.dtype, name="Embedding-Rotary-Position")
        return rotary(x, positions)

    def attention(self, name):
        config = self.config
        return MultiHeadAttention(
            config.num_attention_heads,
            config.head_size,
            out_dim=config.hidden_size,
            key_size=config.key_size,
            use_bias=config.use_bias,
            normalization=config.normalization,
            normalization_length=config.normalization_length,
            dropout=config.attention_probs_dropout_prob,
            kernel_initializer=self.initializer,
            gradient_checkpointing=config.gradient_checkpointing,
            dtype=self.dtype,
            name=name,
        )

    def feed_forward(self, name):
        return FeedForward(
            self.config.intermediate_size,
            activation=self.config.hidden_act,
            use_bias=self.config.use_bias,
            kernel_initializer=self.initializer,
            gradient_checkpointing=self.config.gradient_checkpointing is True,
            dtype=self.dtype,
            name=name,
        )

    def residual(self, sublayer, name):
        """A function that joins x and the sub-layer's output as `norm_placement` and `residual` say.

        It takes (x, targets=None, **arguments), like the function of a layer.
        """
        config, post = self.config, self.config.norm_placement == "post"
        # DeepNet's factor for Adam, √(number of branches); its smaller initial weights are those of initializer_order.
        branches = config.num_hidden_layers * self.branches_per_layer
        skip_scale = branches**0.5 if config.residual == "deepnorm" else 1.0
        branch = ResidualBranch(
            norm=self.norm("norm") if post else None,
            dropout=config.hidden_dropout_prob,
            residual=config.residual,
            skip_scale=skip_scale,
            dtype=self.dtype,
            name=f"{name}-Norm" if post else f"{name}-Add",
        )
        norm = (lambda x: x) if post else self.norm(f"{name}-Norm")

        def join(x, targets=None, **arguments):
            if targets is None:
                return branch(x, sublayer(norm(x), **arguments))
            at_targets = targets.of(x)
            return branch(at_targets, sublayer(norm(at_targets), norm(x), **targets.attention(**arguments)))

        return join

    def project_on_vocabulary(self, x, name, bias=None):
        """Hidden states to probabilities (`with_mlm=True` or `"softmax"`) or logits (`"linear"`), in float32."""
        logits = self.token_embedding(x, reverse=True)
        if bias is not None:
            logits = bias(logits)
        activation = "softmax" if self.with_mlm is True else self.with_mlm
        return keras.layers.Activation(activation, dtype="float32", name=name)(logits)


def _input(name, dtype="int32"):
    return keras.Input((None,), dtype=dtype, name=name)
