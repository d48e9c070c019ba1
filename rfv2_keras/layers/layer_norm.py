"""LayerNorm of BERT and RoFormer, optionally conditional on a second input."""

import keras
from keras import ops

from rfv2_keras.layers.activations import get_activation
from rfv2_keras.layers.dense import BiasFreeDense


@keras.saving.register_keras_serializable(package="rfv2_keras")
class LayerNorm(keras.layers.Layer):
    """y = (x − mean) / sqrt(var + ε) · γ + β over the last axis, computed in float32.

    With `conditional=True` a vector c shifts the two weights: γ + c W_γ and β + c W_β. W_γ and W_β start at zero, so a
    pretrained model is unchanged until it is trained with the condition.

    Args:
        epsilon: ε; 1e-12 in BERT, 1e-7 in RoFormer (the values of bert4keras).
        center: whether the mean is subtracted.
        unit_variance: whether x is divided by its deviation.
        scale, offset: whether there is a γ, a β.
        conditional: whether `call` takes a condition.
        hidden_units: size of a bias-free dense layer that the condition passes first; None leaves it out.
        hidden_activation, hidden_initializer: of that layer.

    Call arguments:
        inputs: (batch, ..., channels).
        condition: (batch, size) or with as many axes as `inputs`; only with `conditional=True`.

    Raises:
        ValueError: a condition is missing or not expected.

    Source: arXiv 1607.06450; the conditional form: https://spaces.ac.cn/archives/7124.
    """

    def __init__(
        self,
        epsilon=1e-12,
        center=True,
        unit_variance=True,
        scale=True,
        offset=True,
        conditional=False,
        hidden_units=None,
        hidden_activation=None,
        hidden_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # inputs are cast to float32 in `call`, not to 16 bits before
        self.epsilon = epsilon
        self.center = center
        self.unit_variance = unit_variance
        self.scale = scale
        self.offset = offset
        self.conditional = conditional
        self.hidden_units = hidden_units
        self.hidden_activation = get_activation(hidden_activation)
        self.hidden_initializer = keras.initializers.get(hidden_initializer)
        self.supports_masking = True
        self.hidden_dense = self.beta_dense = self.gamma_dense = None

    def build(self, inputs_shape, condition_shape=None):
        channels = inputs_shape[-1]
        # β before γ: the order of weights in checkpoints of the reference.
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros") if self.offset else None
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones") if self.scale else None
        if not self.conditional:
            return
        if condition_shape is None:
            raise ValueError(f"{self.name} is conditional: call it with a condition. Received: inputs only")
        if self.hidden_units is not None:
            self.hidden_dense = BiasFreeDense(
                self.hidden_units,
                activation=self.hidden_activation,
                kernel_initializer=self.hidden_initializer,
                dtype="float32",
                name="hidden_dense",
            )
            self.hidden_dense.build(condition_shape)
            condition_shape = (*condition_shape[:-1], self.hidden_units)
        if self.offset:
            self.beta_dense = self._shift(channels, condition_shape, "beta_dense")
        if self.scale:
            self.gamma_dense = self._shift(channels, condition_shape, "gamma_dense")

    def _shift(self, channels, condition_shape, name):
        dense = BiasFreeDense(channels, kernel_initializer="zeros", dtype="float32", name=name)
        dense.build(condition_shape)
        return dense

    def call(self, inputs, condition=None):
        if (condition is None) == self.conditional:
            raise ValueError(
                f"{self.name} takes a condition exactly when conditional=True. Received: conditional="
                f"{self.conditional}, condition={condition}"
            )
        x = ops.cast(inputs, "float32")
        if self.center:
            x = x - ops.mean(x, axis=-1, keepdims=True)
        if self.unit_variance:
            x = x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + self.epsilon)
        beta, gamma = self._weights(condition, len(inputs.shape))
        if gamma is not None:
            x = x * gamma
        if beta is not None:
            x = x + beta
        return ops.cast(x, self.compute_dtype)

    def _weights(self, condition, rank):
        """β and γ in float32, shifted by the condition where there is one."""
        beta = None if self.beta is None else ops.cast(self.beta, "float32")
        gamma = None if self.gamma is None else ops.cast(self.gamma, "float32")
        if condition is None:
            return beta, gamma
        condition = ops.cast(condition, "float32")
        while len(condition.shape) < rank:  # (batch, size) -> (batch, 1, ..., size)
            condition = ops.expand_dims(condition, 1)
        if self.hidden_dense is not None:
            condition = self.hidden_dense(condition)
        if self.beta_dense is not None:
            beta = beta + self.beta_dense(condition)
        if self.gamma_dense is not None:
            gamma = gamma + self.gamma_dense(condition)
        return beta, gamma

    def compute_output_shape(self, inputs_shape, condition_shape=None):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "unit_variance": self.unit_variance,
            "scale": self.scale,
            "offset": self.offset,
            "conditional": self.conditional,
            "hidden_units": self.hidden_units,
            "hidden_activation": keras.activations.serialize(self.hidden_activation),
            "hidden_initializer": keras.initializers.serialize(self.hidden_initializer),
        }
