"""Attention over long inputs, a few queries at a time, so that memory grows with the length and not its square."""

import functools

from keras import ops

from rfv2_keras.layers.rematerialization import DrawnSeed, rematerialize

# Queries up to which all n × n weights are computed at once. Chunks cost nothing in inference; in training, where their
# weights are computed twice, about a fifth of a step at 2,048.
LONGEST_WHOLE = 1024
LONGEST_WHOLE_IN_TRAINING = 2048
CHUNK = 256


def attend_in_chunks(attend, query, key, value, mask, bias, seed, training, forget=False):
    """`attend(query, key, value, mask, bias, seed)` for all queries, in chunks of queries where there are many.

    A chunk of queries sees all keys, so that the result is the same up to the order of sums. In training the weights
    of a chunk are not kept but computed again for the gradient; dropout draws other elements than without chunks.

    The number of queries decides, as far as it is known when a graph is made. Where it is not, training does without
    chunks and inference decides when it runs.

    Args:
        attend: function of tensors; gives (batch, queries, ...).
        query: (batch, queries, ...).
        key, value: (batch, keys, ...).
        mask: (batch, keys), (batch, 1 or queries, keys), or None.
        bias: (..., 1 or queries, keys), or None.
        seed: `DrawnSeed`, or None.
        training: whether there will be a gradient.
        forget: whether weights are computed again in training however few the queries are; more than a chunk of them
            are cut then.
    """
    length = ops.shape(query)[1]
    is_known = isinstance(length, int)
    longest = LONGEST_WHOLE
    if training:
        longest = CHUNK if forget else LONGEST_WHOLE_IN_TRAINING
    whole = functools.partial(_attend, attend, training and forget, query, key, value, mask, bias, seed)
    if training and not is_known:
        return whole()
    chunked = functools.partial(_attend_chunks, attend, training, query, key, value, mask, bias, seed)
    if is_known:
        return whole() if length <= longest else chunked()
    return ops.cond(length > longest, chunked, whole)


def _attend_chunks(attend, forget, query, key, value, mask, bias, seed):
    length = ops.shape(query)[1]
    chunks = (length + CHUNK - 1) // CHUNK
    cut = {"query": _pieces(query, 1, chunks)}
    if mask is not None and len(mask.shape) == 3 and mask.shape[1] != 1:
        cut["mask"] = _pieces(mask, 1, chunks)
    if bias is not None and bias.shape[-2] != 1:
        cut["bias"] = _pieces(bias, -2, chunks)

    def attend_chunk(number, pieces):
        chunk = ops.moveaxis(pieces["query"], 0, 1)
        chunk_mask = ops.moveaxis(pieces["mask"], 0, 1) if "mask" in cut else mask
        chunk_bias = ops.moveaxis(pieces["bias"], 0, -2) if "bias" in cut else bias
        return _attend(attend, forget, chunk, key, value, chunk_mask, chunk_bias, _chunk_seed(seed, number))

    outputs = ops.map(lambda xs: attend_chunk(*xs), (ops.arange(chunks, dtype="int32"), cut))
    outputs = ops.moveaxis(outputs, 0, 1)  # (batch, chunks, CHUNK, ...)
    shape = ops.shape(outputs)
    return ops.reshape(outputs, (shape[0], chunks * CHUNK, *shape[3:]))[:, :length]


def _attend(attend, forget, query, key, value, mask, bias, seed):
    """`attend`, computed again for the gradient if its weights are to be forgotten."""
    tensors = [query, key, value] if bias is None else [query, key, value, bias]

    def compute(query, key, value, bias=None):
        return attend(query, key, value, mask, bias, seed)

    return rematerialize(compute, forget, *tensors)


def _pieces(x, axis, chunks):
    """(chunks, CHUNK, ...): the axis in front, filled up with zeros, cut."""
    x = ops.moveaxis(x, axis, 0)
    shape = ops.shape(x)
    missing = ops.zeros((chunks * CHUNK - shape[0], *shape[1:]), dtype=x.dtype)
    return ops.reshape(ops.concatenate([x, missing], axis=0), (chunks, CHUNK, *shape[1:]))


def _chunk_seed(seed, number):
    """Another seed for each chunk."""
    if seed is None:
        return None
    drawn = seed.next()
    # An odd constant near 2³² / golden ratio spreads the numbers over all seeds; products wrap around.
    step = ops.cast(number, drawn.dtype) * ops.cast(0x9E3779B9, drawn.dtype)
    return DrawnSeed(ops.stack([drawn[0] + step, drawn[1]]))
