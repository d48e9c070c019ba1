"""The initialisation of RoFormerV2 and GAU-α, which depends on the depth of the model."""

import math

import keras

# Standard deviation of a standard normal distribution that is cut at ±2 is 1 / 1.13684723.
TRUNCATION = 1.13684723


def initializer_for(config):
    """A fresh initializer for a weight of a model; one object would give weights of one shape the same values."""
    if config.initializer_order is None:
        return keras.initializers.TruncatedNormal(stddev=config.initializer_range)
    return DepthScaledNormal(config.num_hidden_layers, config.initializer_order)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class DepthScaledNormal(keras.initializers.Initializer):
    """Truncated normal with stddev = 1.13684723 · gain / √fan_in · num_layers^(−1/order), cut at ±2 stddev.

    The factor makes up for the cut, so that the values have the deviation gain / √fan_in · num_layers^(−1/order). One
    optimizer step then changes the output of a post-norm model by about the same amount at any depth (DeepNet's
    argument; the LAMB row of https://spaces.ac.cn/archives/8978).

    fan_in is the first axis of the shape, except for embedding tables: where the first axis is below 10 (segments) or
    above 10,000 (tokens) it is the second axis.

    Args:
        num_layers: layers of the model.
        order: number of matrices that are multiplied in a sub-layer: 2 in RoFormerV2, 3 in GAU-α.
        gain: a further factor.
        seed: integer, or None for a different draw each time.

    Source: `RoFormerV2.initializer` of bert4keras; https://spaces.ac.cn/archives/8998.
    """

    def __init__(self, num_layers, order=2, gain=1.0, seed=None):
        self.num_layers = num_layers
        self.order = order
        self.gain = gain
        self.seed = seed

    def stddev(self, shape):
        """The `stddev` argument for a weight of this shape."""
        is_table = shape[0] > 10000 or shape[0] < 10
        fan_in = shape[1] if is_table else shape[0]
        return TRUNCATION * self.gain / math.sqrt(fan_in) * self.num_layers ** (-1.0 / self.order)

    def __call__(self, shape, dtype=None):
        draw = keras.initializers.TruncatedNormal(stddev=self.stddev(shape), seed=self.seed)
        return draw(shape, dtype=dtype)

    def get_config(self):
        return {"num_layers": self.num_layers, "order": self.order, "gain": self.gain, "seed": self.seed}
