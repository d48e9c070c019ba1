"""The segment (token type) table."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rfv2_keras")
class SegmentEmbedding(keras.layers.Embedding):
    """Looks segment ids up in a table of a few rows.

    Computed as a product with one-hot rows: values are those of a look-up, while the gradient is one small dense
    product instead of a scatter in which every token hits one of two rows.

    Args:
        input_dim: number of segments.
        output_dim: size of an embedding.
        **kwargs: further arguments of `keras.layers.Embedding`.
    """

    def call(self, inputs):
        rows = ops.one_hot(ops.cast(inputs, "int32"), self.input_dim, dtype=self.compute_dtype)
        return ops.matmul(rows, ops.cast(self.embeddings, self.compute_dtype))
