"""`bert4keras.layers`: heads with the argument names of there, which find the mask of a sequence by themselves."""

import keras
from keras import ops

from rfv2_keras import layers
from rfv2_keras.compat.absent import absent_names
from rfv2_keras.compat.graph import sequence_mask
from rfv2_keras.compat.loss_layer import Loss

__all__ = [
    "ConditionalRandomField",
    "EfficientGlobalPointer",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "GlobalPointer",
    "Loss",
]

_ELSEWHERE = "of rfv2_keras.layers does this with other argument names"
__getattr__ = absent_names(
    __name__,
    {
        "Concatenate1D": "use keras.layers.Concatenate(axis=1)",
        "Embedding": f"TokenEmbedding {_ELSEWHERE}",
        "FeedForward": f"FeedForward {_ELSEWHERE}",
        "GatedAttentionUnit": f"GatedAttentionUnit {_ELSEWHERE}",
        "LayerNormalization": f"LayerNorm {_ELSEWHERE}",
        "MaximumEntropyMarkovModel": "use ConditionalRandomField",
        "MultiHeadAttention": f"MultiHeadAttention {_ELSEWHERE}",
        "PositionEmbedding": f"PositionEmbedding {_ELSEWHERE}",
        "RelativePositionEmbedding": "use RotaryEmbedding of rfv2_keras.layers, or write a layer",
        "ScaleOffset": f"ScaleOffset {_ELSEWHERE}",
        "SinusoidalPositionEmbedding": f"RotaryEmbedding {_ELSEWHERE}",
    },
)


class FindsMask:
    """Gives a layer the mask that bert4keras would have handed on; see `sequence_mask`."""

    def __call__(self, inputs, mask=None, **kwargs):
        if mask is None and isinstance(inputs, keras.KerasTensor):
            mask = sequence_mask(inputs)
        return super().__call__(inputs, mask=mask, **kwargs)


@keras.saving.register_keras_serializable(package="rfv2_keras.compat")
class ConditionalRandomField(FindsMask, layers.ConditionalRandomField):
    """`rfv2_keras.layers.ConditionalRandomField` that takes the number of labels from its scores.

        CRF = ConditionalRandomField(lr_multiplier=1000)
        output = CRF(Dense(num_labels)(model.output))
        model = keras.Model(model.inputs, output)
        model.compile(loss=CRF.sparse_loss, optimizer=Adam(1e-5), metrics=[CRF.sparse_accuracy])
        decoder = ViterbiDecoder(trans=K.eval(CRF.trans), starts=[0], ends=[0])

    Args:
        lr_multiplier: how much faster than other weights Adam moves the transitions.
    """

    def __init__(self, lr_multiplier=1, **kwargs):
        super().__init__(1, lr_multiplier, **kwargs)

    def build(self, inputs_shape, mask_shape=None):
        self.units = inputs_shape[-1]
        super().build(inputs_shape)

    @property
    def trans(self):
        """The transition matrix, (labels, labels)."""
        return self.transitions

    def get_config(self):
        config = super().get_config()
        del config["units"]
        config["lr_multiplier"] = config.pop("learning_rate_multiplier")
        return config


class PointerArguments:
    """The argument names of bert4keras for both pointers.

    Args:
        heads, head_size: number of types, and size of one type's q and k.
        RoPE: whether positions enter.
        use_bias: whether the projections have biases.
        tril_mask: whether spans that end before they begin are left out.
        kernel_initializer: of all kernels.
    """

    def __init__(
        self, heads, head_size, RoPE=True, use_bias=True, tril_mask=True, kernel_initializer="lecun_normal", **kwargs
    ):
        super().__init__(heads, head_size, RoPE, use_bias, tril_mask, kernel_initializer, **kwargs)

    def get_config(self):
        config = super().get_config()
        config["RoPE"] = config.pop("use_rotary")
        config["tril_mask"] = config.pop("lower_triangle_mask")
        return config


@keras.saving.register_keras_serializable(package="rfv2_keras.compat")
class GlobalPointer(FindsMask, PointerArguments, layers.GlobalPointer):
    """`rfv2_keras.layers.GlobalPointer`: a score for every span of every type, (batch, heads, length, length)."""

    def build(self, inputs_shape, mask_shape=None):
        super().build(inputs_shape)


@keras.saving.register_keras_serializable(package="rfv2_keras.compat")
class EfficientGlobalPointer(FindsMask, PointerArguments, layers.EfficientGlobalPointer):
    """`rfv2_keras.layers.EfficientGlobalPointer`: the same with fewer weights."""

    def build(self, inputs_shape, mask_shape=None):
        super().build(inputs_shape)


@keras.saving.register_keras_serializable(package="rfv2_keras.compat")
class GlobalAveragePooling1D(FindsMask, keras.layers.GlobalAveragePooling1D):
    """The mean over the positions that are no padding."""


@keras.saving.register_keras_serializable(package="rfv2_keras.compat")
class GlobalMaxPooling1D(FindsMask, keras.layers.GlobalMaxPooling1D):
    """The maximum over the positions that are no padding."""

    def call(self, inputs, mask=None):
        if mask is not None:
            inputs = ops.where(ops.expand_dims(mask, -1), inputs, -1e9)
        return super().call(inputs)

    def compute_mask(self, inputs, mask=None):
        return None
