"""From the hidden states of a sentence to one vector."""

import re

import keras
from keras import ops

from rfv2_keras.errors import UserError
from rfv2_keras.layers.token_embedding import padding_mask

POOLINGS = ("first", "last_mean", "first_last_mean", "pooler")
_LAYER = re.compile(r"Transformer-(\d+)-(FeedForward|GatedAttentionUnit)-(Norm|Add)")


@keras.saving.register_keras_serializable(package="rfv2_keras")
class MaskedMean(keras.layers.Layer):
    """The mean of the hidden states of all tokens that are not padding ([CLS] and [SEP] count), in float32.

        y = sum of m_i h_i / sum of m_i,   m_i = 1 where token i is not 0 or stands first

    Call arguments:
        hidden: (batch, length, features).
        token_ids: (batch, length), integers.

    Returns:
        float32, (batch, features).
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.supports_masking = True  # the mask that the embeddings hand on ends here

    def call(self, hidden, token_ids):
        is_token = ops.cast(padding_mask(token_ids), "float32")[:, :, None]  # (batch, length, 1)
        return ops.sum(ops.cast(hidden, "float32") * is_token, axis=1) / ops.sum(is_token, axis=1)

    def compute_mask(self, *inputs, mask=None):
        return None

    def compute_output_shape(self, hidden_shape, token_ids_shape=None):
        return (hidden_shape[0], hidden_shape[2])


def pooled_model(model, pooling="last_mean"):
    """A model that gives one float32 vector per row of token ids, with the inputs and weights of `model`.

    Args:
        model: of `build_transformer_model`.
        pooling: `"first"`: the last layer's vector of [CLS]; `"last_mean"`: the mean of the last layer over the tokens;
            `"first_last_mean"`: the mean of that and of the same for the first Transformer layer (the output of layer
            0, not the embeddings); `"pooler"`: what the layer `Pooler-Dense` gives, for models that have one.

    Returns:
        `keras.Model` with an output (batch, hidden_size).

    Raises:
        UserError: the pooling is unknown, or the model lacks what it needs.

    Source: https://spaces.ac.cn/archives/8069; bojone/BERT-whitening, whose cls, last-avg, first-last-avg and pooler
    these are (its pooler has no tanh: `build_transformer_model(..., with_pool="linear")`).
    """
    if pooling not in POOLINGS:
        raise UserError(f"pooling must be one of {', '.join(POOLINGS)}; received: {pooling!r}.")
    names = {layer.name for layer in model.layers}
    if pooling == "pooler":
        if "Pooler-Dense" not in names:
            raise UserError(f"pooling 'pooler' needs a BERT or RoFormer built with with_pool, {model.name!r} has none.")
        vector = model.get_layer("Pooler-Dense").output
    else:
        tokens, (first, last) = model.inputs[0], _first_and_last(model, names)
        if pooling == "first":
            vector = last[:, 0]
        else:
            vector = MaskedMean(name="Pooling-Last")(last, tokens)
        if pooling == "first_last_mean":
            vector = keras.layers.Average(name="Pooling-First-Last", dtype="float32")(
                [MaskedMean(name="Pooling-First")(first, tokens), vector]
            )
    vector = keras.layers.Activation("linear", dtype="float32", name="Sentence-Vector")(vector)
    return keras.Model(model.inputs, vector, name=f"{model.name}_sentence")


def _first_and_last(model, names):
    """The outputs of the first and of the last Transformer layer."""
    ends = {}  # number of the layer -> name of the node that ends it
    for match in filter(None, map(_LAYER.fullmatch, sorted(names, reverse=True))):
        ends[int(match[1])] = match[0]  # sorted so that Add, with which a layer in pre-norm form ends, comes after Norm
    if not ends:
        raise UserError(f"the model {model.name!r} has no layers Transformer-0-..., as build_transformer_model gives.")
    last = "Output-Norm" if "Output-Norm" in names else ends[max(ends)]
    return model.get_layer(ends[0]).output, model.get_layer(last).output
