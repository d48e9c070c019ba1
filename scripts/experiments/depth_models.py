"""Thin RoFormerV2 models of any depth, and the ways to build and initialise them that are compared."""

import math
from typing import NamedTuple

import keras

from rfv2_keras import build_transformer_model
from rfv2_keras.models import DepthScaledNormal


class Variant(NamedTuple):
    """One way to build a deep model.

    Attributes:
        name: what tables call it.
        config: keys of the model config.
        deviation: `stddev` of the truncated normal distribution of all matrices of a model of width 768; None for
            the order-2 initialisation.
        alpha: what the α of its residual branches is, if they have one.
    """

    name: str
    config: dict
    deviation: float | None = None
    alpha: float | None = None


WARM = {"residual": "alpha_warmup"}  # with α = 1 it is the plain model, so that one graph serves three variants
POST_NORM = Variant("post-norm, 0.02", WARM, 0.02, 1.0)
ALPHA_WARMUP = Variant("post-norm, 0.02, α warm-up at 1/100", WARM, 0.02, 0.01)
ORDER_2 = Variant("post-norm, order 2", WARM, None, 1.0)
PRE_NORM = Variant("pre-norm, order 2", {"norm_placement": "pre"})
DEEPNORM = Variant("DeepNorm, order 2", {"residual": "deepnorm"})
VARIANTS = (POST_NORM, ALPHA_WARMUP, ORDER_2, PRE_NORM, DEEPNORM)


def build(config, layers, width, vocab_size):
    """The builder of a RoFormerV2 with heads of 32, feed-forward layers of twice the width, no dropout, and logits."""
    sizes = {
        "hidden_size": width,
        "num_attention_heads": max(1, width // 32),
        "intermediate_size": 2 * width,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    return build_transformer_model(
        model="roformer_v2",
        vocab_size=vocab_size,
        num_hidden_layers=layers,
        with_mlm="linear",
        target_positions=True,
        return_keras_model=False,
        **sizes,
        **config,
    )


def same_gain(deviation, width):
    """What `deviation` is to matrices of 768 rows, this is to those of `width` rows: products have the same size."""
    return deviation * math.sqrt(768 / width)


def draw_weights(model, deviation, layers, width, seed):
    """Give all matrices new initial values; with equal shapes and seeds, different deviations differ in size only.

    Args:
        model: what `build` made.
        deviation: see `Variant`.
        layers, width: of the model.
        seed: of the values.
    """
    keras.utils.set_random_seed(seed)
    initializer = DepthScaledNormal(layers)
    for weight in model.trainable_variables:
        value = initializer(weight.shape)
        if deviation is not None:
            value = value * (same_gain(deviation, width) / initializer.stddev(weight.shape))
        weight.assign(value)


def last_hidden_layer(model):
    """The name of the layer whose output is the last hidden states."""
    names = [layer.name for layer in model.layers]
    return "Output-Norm" if "Output-Norm" in names else [n for n in names if n.startswith("Transformer-")][-1]
