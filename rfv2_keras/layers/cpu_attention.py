"""Softmax attention in bfloat16 on processors, arranged so that little is done but matrix products."""

import functools

from rfv2_keras.layers.attention_weights import MASKED, mask_of_rank
from rfv2_keras.layers.cpu_graph import is_bfloat16_on_cpus, unless_compiled
from rfv2_keras.layers.dropout import draw_kept, kept_share


def has_cpu_attention(dtype):
    """Whether `cpu_attention` may be used for tensors of this type here: bfloat16, TensorFlow, oneDNN and no GPU."""
    return is_bfloat16_on_cpus(dtype) and _softmax_computes_in_float32()


def cpu_attention(query, key, value, mask=None, dropout=0.0, seed=None):
    """Dropout(softmax(Q Kᵀ + M)) V with M = 0 where a key may be seen and −1e9 elsewhere.

    The n × n scores and weights exist in bfloat16 only, and no more is done with them than the softmax, which oneDNN
    computes in float32 inside. Two things that would be passes over all of them are channels of the products instead,
    where they are added up in float32:

    * the mask of the keys: [Q, 1] [K, M]ᵀ = Q Kᵀ + M;
    * in the gradient of the scores, W ⊙ (G − δ) with weights W, G = dO Vᵀ and δ = Σ_k W G: as W V = O, δ is the sum of
      dO ⊙ O over channels (arXiv 2205.14135), and [dO, −δ] [V, 1]ᵀ = G − δ. Two bfloat16 numbers add up to δ.
      Where dropout drops a weight, G is 0. The values are divided by the share of the weights that is kept.

    Args:
        query: (batch, heads, queries, size), bfloat16, already divided by √size.
        key, value: (batch, heads, keys, size), bfloat16.
        mask: bool, (batch, keys) or (batch, 1 or queries, keys), True where a key may be seen; None for all.
        dropout: rate at which weights are dropped.
        seed: of the dropout, a `keras.random.SeedGenerator`; None: no dropout.

    Returns:
        (batch, heads, queries, size of the values), bfloat16. Weights are rounded to bfloat16 once.
    """
    import tensorflow as tf

    hidden = None
    if mask is not None:  # (batch, 1, 1 or queries, keys)
        hidden = tf.cast(tf.where(mask_of_rank(mask, 4), 0.0, MASKED), query.dtype)

    @tf.custom_gradient
    def attend(query, key, value):
        if hidden is not None and hidden.shape[2] == 1:
            masked_key = _with_channels(key, tf.linalg.matrix_transpose(hidden))
            scores = tf.matmul(_with_channels(query, 1.0), masked_key, transpose_b=True)
        else:
            scores = tf.matmul(query, key, transpose_b=True)
            scores = scores if hidden is None else scores + hidden
        weights = _softmax(scores)
        kept = weights if seed is None else weights * draw_kept(weights, dropout, seed)
        output = tf.matmul(kept, value)

        def gradient(upstream):
            product = tf.cast(upstream, "float32") * tf.cast(output, "float32")
            delta = tf.reduce_sum(product, axis=-1, keepdims=True)  # (batch, heads, queries, 1)
            coarse = tf.cast(delta, query.dtype)
            fine = tf.cast(delta - tf.cast(coarse, "float32"), query.dtype)
            of_kept = tf.matmul(
                _with_channels(upstream, -coarse, -fine), _with_channels(value, 1.0, 1.0), transpose_b=True
            )
            if seed is not None:
                of_kept = tf.where(kept == 0, -coarse, of_kept)
            of_scores = weights * of_kept
            of_value = tf.matmul(kept, upstream, transpose_a=True)
            return tf.matmul(of_scores, key), tf.matmul(of_scores, query, transpose_a=True), of_value

        return output, gradient

    if seed is not None:
        value = tf.cast(tf.cast(value, "float32") / kept_share(dropout), value.dtype)
    return attend(query, key, value)


def _with_channels(x, *channels):
    """x with more channels behind its last, each broadcast to the shape of one."""
    import tensorflow as tf

    shape = tf.concat([tf.shape(x)[:-1], [1]], axis=0)
    return tf.concat([x, *(tf.broadcast_to(tf.cast(c, x.dtype), shape) for c in channels)], axis=-1)


def _softmax(scores):
    """softmax of bfloat16 scores, computed in float32.

    XLA would subtract the maximum in bfloat16, which makes weights wrong by up to 13 %.
    """
    import tensorflow as tf

    return unless_compiled(
        lambda: tf.nn.softmax(scores),
        lambda: tf.cast(tf.nn.softmax(tf.cast(scores, "float32")), scores.dtype),
    )


@functools.cache  # asked for every layer; the answer is one of the machine
def _softmax_computes_in_float32():
    """Whether the softmax of bfloat16 scores is, bit for bit, the rounded softmax of float32.

    oneDNN's is, where the processor has AVX512; that of TensorFlow itself, without oneDNN, computes in bfloat16.
    """
    import tensorflow as tf

    with tf.init_scope():
        scores = tf.cast(tf.reshape(tf.linspace(-6.0, 6.0, 512), (4, 128)), "bfloat16")
        exact = tf.cast(tf.nn.softmax(tf.cast(scores, "float32")), "bfloat16")
        return bool(tf.reduce_all(tf.nn.softmax(scores) == exact))
