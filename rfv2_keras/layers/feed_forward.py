"""The position-wise feed-forward layer, plain or gated."""

import keras

from rfv2_keras.layers.activations import get_activation
from rfv2_keras.layers.dense import projection
from rfv2_keras.layers.rematerialization import rematerialize


@keras.saving.register_keras_serializable(package="rfv2_keras")
class FeedForward(keras.layers.Layer):
    """y = act(x W_1) W_2, or gated: y = (act_1(x W_11) ⊙ act_2(x W_12)) W_2.

    Args:
        units: size of the inner axis.
        activation: a name or function, or a list of them for the gated form (`["swish", "linear"]` is SwiGLU).
        use_bias: whether the projections have biases.
        kernel_initializer: of all kernels.
        gradient_checkpointing: compute the layer again for its gradient instead of keeping its inner values.

    Call arguments:
        inputs: (..., size). The output has the same shape.

    Source: arXiv 1706.03762; arXiv 2002.05202 for the gated form.
    """

    def __init__(
        self,
        units,
        activation="relu",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        gradient_checkpointing=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        activation = activation if isinstance(activation, (list, tuple)) else [activation]
        self.units = units
        self.activation = [get_activation(a) for a in activation]
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.gradient_checkpointing = gradient_checkpointing
        self.supports_masking = True

    def build(self, input_shape):
        self.i_denses = [
            self._projection(self.units, f"i{i}_dense", activation) for i, activation in enumerate(self.activation)
        ]
        self.o_dense = self._projection(input_shape[-1], "o_dense")
        for dense in self.i_denses:
            dense.build(input_shape)
        self.o_dense.build((*input_shape[:-1], self.units))

    def _projection(self, units, name, activation=None):
        return projection(
            units, self.use_bias, self.kernel_initializer, activation=activation, dtype=self.dtype_policy, name=name
        )

    def call(self, inputs):
        return rematerialize(self._transform, self.gradient_checkpointing, inputs)

    def _transform(self, inputs):
        x = self.i_denses[0](inputs)
        for gate in self.i_denses[1:]:
            x = x * gate(inputs)
        return self.o_dense(x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": [keras.activations.serialize(a) for a in self.activation],
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "gradient_checkpointing": self.gradient_checkpointing,
        }
