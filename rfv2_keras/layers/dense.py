"""The projection of RoFormerV2 and GAU-α: a product, nothing else."""

import keras


@keras.saving.register_keras_serializable(package="rfv2_keras")
class BiasFreeDense(keras.layers.Dense):
    """y = act(x W), a `keras.layers.Dense` without bias.

    Being a Keras `Dense`, it takes part in LoRA (`enable_lora(rank)`) and quantisation (`quantize("int8")`).

    Args:
        units: size of the last axis of the output.
        activation: name or function applied to the product; None leaves it as it is.
        **kwargs: further arguments of `keras.layers.Dense`, except `use_bias`.

    Source: https://spaces.ac.cn/archives/8998 (RoFormerV2 drops every bias).
    """

    def __init__(self, units, activation=None, **kwargs):
        if kwargs.pop("use_bias", False):
            raise ValueError("BiasFreeDense has no bias: use keras.layers.Dense. Received: use_bias=True")
        super().__init__(units, activation=activation, use_bias=False, **kwargs)

    def quantize(self, mode=None, type_check=True, **kwargs):
        # Keras leaves subclasses of Dense out, as they might compute something else; this one does not.
        super().quantize(mode, type_check=False, **kwargs)


def projection(units, use_bias, kernel_initializer, **kwargs):
    """A `keras.layers.Dense` where the architecture has biases, a `BiasFreeDense` where it has none.

    The initializer is cloned: one with a seed would otherwise give all kernels of a layer the same values.
    """
    kwargs["kernel_initializer"] = getattr(kernel_initializer, "clone", lambda: kernel_initializer)()
    return keras.layers.Dense(units, **kwargs) if use_bias else BiasFreeDense(units, **kwargs)
