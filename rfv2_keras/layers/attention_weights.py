"""From attention scores to attention weights."""

import math

from keras import ops

NORMALIZATIONS = ("softmax", "softmax_plus", "squared_relu")

# Large enough that exp() of a masked score is exactly 0 in float32, and finite, so that a query that sees no key at
# all gets finite weights instead of NaN.
_MASKED = -1e9


def attention_weights(scores, normalization="softmax", mask=None, bias=None):
    """Normalise attention scores over the keys, in float32 whatever the type of the scores.

    With l the number of keys that a query sees:

    * `softmax`: softmax(s);
    * `softmax_plus`: softmax(s · ln(max(l, 16)) / ln 512), whose entropy hardly depends on l;
    * `squared_relu`: relu(s)² / l.

    Args:
        scores: (batch, query, key) or (batch, heads, query, key), already divided by √size.
        normalization: one of `NORMALIZATIONS`.
        mask: bool, True where a query sees a key: (batch, key), (batch, 1 or query, key), or with as many axes as
            `scores`.
        bias: float, added to the scores before anything else; broadcastable to them.

    Returns:
        float32, shape of `scores`.

    Source: https://spaces.ac.cn/archives/8823 (softmax_plus), arXiv 2202.10447 (squared_relu).
    """
    scores = ops.cast(scores, "float32")
    if bias is not None:
        scores = scores + ops.cast(bias, "float32")
    if mask is not None:
        mask = _with_rank(mask, len(scores.shape))
        scores = scores + ops.where(mask, 0.0, _MASKED)
    if normalization == "softmax":
        return ops.softmax(scores, axis=-1)
    visible = _visible_keys(scores, mask)
    if normalization == "softmax_plus":
        # Very short inputs would make the softmax flat: the count is floored at 16.
        return ops.softmax(scores * (ops.log(ops.maximum(visible, 16.0)) / math.log(512.0)), axis=-1)
    return ops.square(ops.relu(scores)) / ops.maximum(visible, 1.0)


def check_normalization(normalization, name):
    """Raise ValueError unless `normalization` is known; `name` is the layer's."""
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"normalization of {name} must be one of {', '.join(NORMALIZATIONS)}. Received: {normalization!r}"
        )


def _with_rank(mask, rank):
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
