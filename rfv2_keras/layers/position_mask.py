"""Which positions of a text count for a head."""

from keras import ops

from rfv2_keras.errors import UserError


def position_mask(mask, name):
    """A Keras mask (batch, length) or an `AttentionMask` of kind "padding" (batch, 1, length) as bool (batch, length).

    Raises:
        UserError: a mask of another shape, such as one that differs from query to query; `name` is the layer's.
    """
    if len(mask.shape) == 3 and mask.shape[1] == 1:
        mask = mask[:, 0]
    if len(mask.shape) != 2:
        raise UserError(
            f"The mask of {name} must have the shape (batch, length) or (batch, 1, length); received: "
            f"{tuple(mask.shape)}."
        )
    return ops.cast(mask, "bool")
