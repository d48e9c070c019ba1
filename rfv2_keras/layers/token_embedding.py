"""The token table, used at both ends of a language model."""

import keras
from keras import ops

from rfv2_keras.layers.custom_gradient import custom_gradient


@keras.saving.register_keras_serializable(package="rfv2_keras")
class TokenEmbedding(keras.layers.Embedding):
    """Looks token ids up in a table E; with `reverse=True` projects hidden states back on it: logits = h Eᵀ.

    Token id 0 is padding. The mask that the layer hands on marks position 0 as valid even if it holds padding, so that
    no row is ever without a valid token (the rule of the reference).

    Args:
        input_dim: number of tokens.
        output_dim: size of an embedding.
        **kwargs: further arguments of `keras.layers.Embedding`.

    Call arguments:
        inputs: token ids (batch, length), or hidden states (batch, ..., output_dim) with `reverse=True`.
        reverse: whether to project on the transposed table.

    Source: arXiv 1608.05859 (tied embeddings); `bert4keras.layers.Embedding` has the same two modes.
    """

    def __init__(self, input_dim, output_dim, **kwargs):
        kwargs.pop("mask_zero", None)
        # Without autocast the rows that were looked up are cast, not the table.
        super().__init__(input_dim, output_dim, mask_zero=True, autocast=False, **kwargs)

    def call(self, inputs, reverse=False):
        if not reverse:
            return super().call(inputs)
        hidden, table = (ops.cast(x, self.compute_dtype) for x in (inputs, self.embeddings))
        logits = _project(ops.reshape(hidden, (-1, self.output_dim)), table)
        return ops.reshape(logits, (*ops.shape(inputs)[:-1], self.input_dim))

    def compute_mask(self, inputs, mask=None, reverse=False):
        return mask if reverse else padding_mask(inputs)

    def compute_output_spec(self, inputs, reverse=False):
        size = self.input_dim if reverse else self.output_dim
        leading = inputs.shape[:-1] if reverse else inputs.shape
        return keras.KerasTensor((*leading, size), dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        del config["mask_zero"]  # always on
        return config


@custom_gradient
def _project(hidden, table):
    """h Eᵀ; the gradient of E is made the way E lies, not transposed afterwards."""

    def gradient(upstream):
        return ops.matmul(upstream, table), ops.matmul(ops.transpose(upstream), hidden)

    return ops.matmul(hidden, ops.transpose(table)), gradient


def padding_mask(token_ids):
    """True where a token may be attended to: its id is not 0, or it stands first. Shape of `token_ids`, bool."""
    first = ops.ones_like(token_ids[:, :1])
    return ops.not_equal(ops.concatenate([first, token_ids[:, 1:]], axis=1), 0)
