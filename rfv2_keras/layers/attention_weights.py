"""From attention scores to attention weights."""

import math

import keras
from keras import ops

from rfv2_keras.layers.custom_gradient import custom_gradient

NORMALIZATIONS = ("softmax", "softmax_plus", "squared_relu")

# Large enough that exp() of a masked score is exactly 0 in float32, and finite, so that a query that sees no key at
# all gets finite weights instead of NaN.
MASKED = -1e9


def attention_weights(scores, normalization="softmax", mask=None, bias=None, length=None, dtype="float32"):
    """Normalise attention scores over the keys, in float32 whatever the type of the scores.

    With l the number of keys that a query sees, or `length`:

    * `softmax`: softmax(s);
    * `softmax_plus`: softmax(s · ln(max(l, 16)) / ln 512), whose entropy hardly depends on l;
    * `squared_relu`: relu(s)² / l.

    Args:
        scores: (batch, query, key) or (batch, heads, query, key), already divided by √size.
        normalization: one of `NORMALIZATIONS`.
        mask: bool, True where a query sees a key: (batch, key), (batch, 1 or query, key), or with as many axes as
            `scores`.
        bias: float, added to the scores before anything else; broadcastable to them.
        length: l for all queries; None counts the keys that each of them sees.
        dtype: to which the weights are rounded at the end.

    Returns:
        Tensor of `dtype`, shape of `scores`.

    Source: https://spaces.ac.cn/archives/8823 (softmax_plus), arXiv 2202.10447 (squared_relu).
    """
    scores = ops.cast(scores, "float32")
    if bias is not None:
        scores = scores + ops.cast(bias, "float32")
    if mask is not None:
        mask = mask_of_rank(mask, len(scores.shape))
        scores = scores + ops.where(mask, 0.0, MASKED)
    if normalization == "softmax":
        return _rounded_softmax(scores, dtype)
    visible = _visible_keys(scores, mask) if length is None else ops.cast(length, "float32")
    if normalization == "softmax_plus":
        # Very short inputs would make the softmax flat: the count is floored at 16.
        return _rounded_softmax(scores * (ops.log(ops.maximum(visible, 16.0)) / math.log(512.0)), dtype)
    return ops.cast(ops.square(ops.relu(scores)) / ops.maximum(visible, 1.0), dtype)


def _rounded_softmax(scores, dtype):
    """softmax of float32 scores in another type.

    For the gradient w · (g − Σ w g), computed in float32, the rounded weights are kept, which the product with the
    values keeps as well: 2 bytes for each pair of query and key in the place of 6.
    """
    if keras.backend.standardize_dtype(dtype) == "float32":
        return ops.softmax(scores, axis=-1)

    @custom_gradient
    def compute(scores):
        weights = ops.cast(ops.softmax(scores, axis=-1), dtype)

        def gradient(upstream):
            w = ops.cast(weights, "float32")
            products = w * ops.cast(upstream, "float32")
            return products - w * ops.sum(products, axis=-1, keepdims=True)

        return weights, gradient

    return compute(scores)


def check_normalization(normalization, name):
    """Raise ValueError unless `normalization` is known; `name` is the layer's."""
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"normalization of {name} must be one of {', '.join(NORMALIZATIONS)}. Received: {normalization!r}"
        )


def mask_of_rank(mask, rank):
    """A mask, (batch, key) or (batch, 1 or query, key), as bool with axes of size 1 up to `rank`."""
    if len(mask.shape) == 2:
        mask = ops.expand_dims(mask, 1)  # (batch, key) -> (batch, 1, key)
    while len(mask.shape) < rank:
        mask = ops.expand_dims(mask, 1)  # (batch, query, key) -> (batch, 1, query, key)
    return ops.cast(mask, "bool")


def _visible_keys(scores, mask):
    """l for every query, float32."""
    if mask is None:
        return ops.cast(ops.shape(scores)[-1], "float32")
    return ops.sum(ops.cast(mask, "float32"), axis=-1, keepdims=True)
