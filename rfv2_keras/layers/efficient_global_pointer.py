"""GlobalPointer with few parameters for each type."""

import keras
from keras import ops

from rfv2_keras.layers.global_pointer import GlobalPointer


@keras.saving.register_keras_serializable(package="rfv2_keras")
class EfficientGlobalPointer(GlobalPointer):
    """s_a(i, j) = (R_i q_i)ᵀ (R_j k_j) / √head_size + u_aᵀ p_i + v_aᵀ p_j: where spans lie + which type they have.

    p = x W + b holds q in its even and k in its odd channels and is the same for all heads, so that a further type
    costs 4 · head_size weights instead of 2 · head_size · size. [v_a, u_a] p are the columns 2a and 2a + 1 of a second
    projection of p, halved.

    Arguments, call arguments, output and errors are those of `GlobalPointer`.

    Source: https://spaces.ac.cn/archives/8877; arXiv 2208.03054.
    """

    def build(self, inputs_shape):
        self.p_dense = self._projection(2 * self.head_size, "p_dense", inputs_shape)
        self.q_dense = self._projection(2 * self.heads, "q_dense", (*inputs_shape[:-1], 2 * self.head_size))

    def _scores(self, inputs):
        # b: batch, i: first position, j: last position, d: channels
        length = ops.shape(inputs)[1]
        p = self.p_dense(inputs)
        q, k = self._rotated(*ops.unstack(ops.reshape(p, (-1, length, self.head_size, 2)), axis=-1))
        spans = ops.einsum("bid,bjd->bij", q, k)
        types = ops.cast(self.q_dense(p), "float32") / 2
        types = ops.transpose(ops.reshape(types, (-1, length, self.heads, 2)), (0, 2, 3, 1))  # (b, heads, 2, length)
        of_last, of_first = ops.unstack(types, axis=2)
        return spans[:, None] + of_last[:, :, None] + of_first[..., None]
