"""Which keys a query may see."""

import keras
from keras import ops

from rfv2_keras.layers.token_embedding import padding_mask

MASK_KINDS = ("padding", "causal", "unilm")


@keras.saving.register_keras_serializable(package="rfv2_keras")
class AttentionMask(keras.layers.Layer):
    """The boolean mask of a model, computed once and used by all its attention layers.

    * `"padding"`: a key is visible unless it is padding (id 0). The first token is always visible.
    * `"causal"`: and it stands not after the query (language model).
    * `"unilm"`: and the number of target tokens (segment 1) up to it is not larger than up to the query, so that the
      source sees itself whole and the target sees the source and its own past (arXiv 1905.03197).

    With document ids a key must besides stand in the document of the query: rows that hold several short documents.

    Call arguments:
        token_ids: (batch, length).
        segment_ids: (batch, length); needed by `"unilm"` only.
        document_ids: (batch, length), equal for tokens that may see each other; optional.

    Returns:
        bool, (batch, 1, length) for `"padding"` without document ids, else (batch, length, length): axes are (batch,
        query, key).

    Raises:
        ValueError: unknown kind, or `"unilm"` without segment ids.
    """

    def __init__(self, kind="padding", **kwargs):
        super().__init__(**kwargs)
        if kind not in MASK_KINDS:
            raise ValueError(f"kind of AttentionMask must be one of {', '.join(MASK_KINDS)}. Received: kind={kind!r}")
        self.kind = kind

    def call(self, token_ids, segment_ids=None, document_ids=None):
        if self.kind == "unilm" and segment_ids is None:
            raise ValueError('AttentionMask(kind="unilm") needs segment ids. Received: segment_ids=None')
        mask = ops.expand_dims(padding_mask(token_ids), 1)  # (batch, 1, key)
        if document_ids is not None:
            same = ops.equal(ops.expand_dims(document_ids, 1), ops.expand_dims(document_ids, 2))
            mask = ops.logical_and(mask, same)  # (batch, query, key)
        if self.kind == "padding":
            return mask
        if self.kind == "causal":
            order = ops.expand_dims(ops.arange(ops.shape(token_ids)[1]), 0)
        else:
            order = ops.cumsum(ops.cast(segment_ids, "int32"), axis=1)
        visible = ops.expand_dims(order, 1) <= ops.expand_dims(order, 2)  # (1 or batch, query, key)
        return ops.logical_and(mask, visible)

    def compute_output_spec(self, token_ids, segment_ids=None, document_ids=None):
        shape = self.compute_output_shape(token_ids.shape, document_ids_shape=getattr(document_ids, "shape", None))
        return keras.KerasTensor(shape, dtype="bool")

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None, document_ids_shape=None):
        batch, length = token_ids_shape
        same_for_all_queries = self.kind == "padding" and document_ids_shape is None
        return (batch, 1 if same_for_all_queries else length, length)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}
