"""GlobalPointer: a score for every span of a text."""

import math

import keras
import numpy as np
from keras import ops

from rfv2_keras.errors import UserError
from rfv2_keras.layers.dense import projection
from rfv2_keras.layers.position_mask import position_mask
from rfv2_keras.layers.rotary import RotaryEmbedding, apply_rotary


@keras.saving.register_keras_serializable(package="rfv2_keras")
class GlobalPointer(keras.layers.Layer):
    """s_a(i, j) = (R_i q_{a,i})ᵀ (R_j k_{a,j}) / √head_size for each span i … j and each head a, R the rotation.

    [q_a, k_a] = x W_a + b_a. A head stands for one type of span, such as an entity label. Spans with a score above 0
    are predicted; spans of different heads, and of one head, may lie inside each other. Trained with
    `ZLPR(class_axes=2)`, or, for one head and exactly one span per text, with a cross entropy over all spans.

        mask = encoder.get_layer("Attention-Mask").output
        scores = GlobalPointer(heads, 64)(encoder.output, mask=mask)

    A span that does not count scores −inf: one that begins or ends on padding, and one that ends before it begins.
    These are the places that `ZLPR` leaves out; where no span counts at all, its loss is 0 (a cross entropy has no
    value there). Scores are float32 under every dtype policy; they are multiplied, rotated and masked in it.

    Args:
        heads: number of types.
        head_size: size of one head's q and k; even if they are rotated.
        use_rotary: whether positions enter. Without them a span may as well end in another entity: the article's F1
            on People's Daily falls from 96 to 54.
        use_bias: whether the projection has a bias.
        lower_triangle_mask: whether spans that end before they begin are left out.
        kernel_initializer: of all kernels.

    Call arguments:
        inputs: (batch, length, size).
        mask: bool, (batch, length) or (batch, 1, length), True where a span may begin and end; by default the Keras
            mask of the inputs. Encoders of this package do not hand a mask on: give the head that of their attention.
            A mask of your own, say for a passage without its question, must exclude padding too.

    Returns:
        (batch, heads, length, length), float32; axes are (batch, type, first position, last position).

    Raises:
        UserError: `heads` or `head_size` is not a positive integer, `head_size` is odd and `use_rotary` is on, or the
            mask has another shape.

    Source: https://spaces.ac.cn/archives/8373; arXiv 2208.03054.
    """

    def __init__(
        self,
        heads,
        head_size,
        use_rotary=True,
        use_bias=True,
        lower_triangle_mask=True,
        kernel_initializer="lecun_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value in (("heads", heads), ("head_size", head_size)):
            if not isinstance(value, int) or value < 1:
                raise UserError(f"{name} of {type(self).__name__} must be an integer >= 1; received: {value!r}.")
        if use_rotary and head_size % 2:
            raise UserError(f"head_size of {type(self).__name__} must be even to be rotated; received: {head_size}.")
        self.heads = heads
        self.head_size = head_size
        self.use_rotary = use_rotary
        self.use_bias = use_bias
        self.lower_triangle_mask = lower_triangle_mask
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True
        self.rotary = RotaryEmbedding(head_size, dtype="float32", name="rotary") if use_rotary else None

    def build(self, inputs_shape):
        self.dense = self._projection(2 * self.heads * self.head_size, "dense", inputs_shape)

    def _projection(self, units, name, inputs_shape):
        dense = projection(units, self.use_bias, self.kernel_initializer, dtype=self.dtype_policy, name=name)
        dense.build(inputs_shape)
        return dense

    def call(self, inputs, mask=None):
        scores = self._scores(inputs)
        counts = self._spans_that_count(ops.shape(inputs)[1], mask)
        return scores if counts is None else ops.where(counts, scores, -np.inf)

    def _scores(self, inputs):
        # b: batch, i: first position, j: last position, h: heads, d: channels of a head
        length = ops.shape(inputs)[1]
        pairs = ops.reshape(self.dense(inputs), (-1, length, self.heads, 2, self.head_size))  # [q, k] head by head
        q, k = self._rotated(*ops.unstack(pairs, axis=3))
        return ops.einsum("bihd,bjhd->bhij", q, k)

    def _rotated(self, q, k):
        """Both in float32, rotated, q divided by √head_size."""
        q, k = ops.cast(q, "float32"), ops.cast(k, "float32")
        if self.rotary is not None:
            tables = self.rotary(q)
            q, k = apply_rotary(q, tables), apply_rotary(k, tables)
        return q * (1.0 / math.sqrt(self.head_size)), k

    def _spans_that_count(self, length, mask):
        """bool, broadcastable to (batch, heads, first, last), or None if all of them count."""
        counts = None
        if self.lower_triangle_mask:
            positions = ops.arange(length)
            counts = ops.expand_dims(positions, 1) <= ops.expand_dims(positions, 0)  # (first, last)
        if mask is not None:
            mask = position_mask(mask, self.name)
            both_ends = ops.logical_and(mask[:, None, :, None], mask[:, None, None, :])
            counts = both_ends if counts is None else ops.logical_and(both_ends, counts)
        return counts

    def compute_mask(self, inputs, mask=None):
        return None  # the mask of the inputs is in the scores

    def compute_output_spec(self, inputs, mask=None):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def compute_output_shape(self, inputs_shape):
        batch, length, _ = inputs_shape
        return batch, self.heads, length, length

    def get_config(self):
        return {
            **super().get_config(),
            "heads": self.heads,
            "head_size": self.head_size,
            "use_rotary": self.use_rotary,
            "use_bias": self.use_bias,
            "lower_triangle_mask": self.lower_triangle_mask,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
