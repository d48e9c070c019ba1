"""What the last layer of a model needs to know to be computed at a few positions only."""

from rfv2_keras.layers import GatherPositions, RotaryEmbedding


class Targets:
    """The positions at which the last hidden states are wanted.

    Other positions take part in the last layer as keys and values of its attention, and in nothing else. Its queries
    and all that follows them, forward and backward, are computed for the targets alone; the result is the same.

    Args:
        indices: Keras tensor, (batch, targets): places in the row.
        positions: Keras tensor, (batch, length): positions that differ from the places; None where they do not.
        key_size: size of one head's queries and keys.
        dtype: Keras dtype policy.
    """

    def __init__(self, indices, positions, key_size, dtype):
        self.indices = indices
        self.positions = positions
        self.key_size = key_size
        self.dtype = dtype
        self._gather = GatherPositions(dtype=dtype, name="Target-State")

    def of(self, x):
        """(batch, length, size) -> (batch, targets, size)."""
        return self._gather(x, self.indices)

    def attention(self, attention_mask, rotary):
        """Arguments of an attention layer whose queries are at the targets and whose keys are at all positions."""
        if attention_mask.shape[1] != 1:  # not the same for all queries
            attention_mask = GatherPositions(dtype=self.dtype, name="Target-Mask")(attention_mask, self.indices)
        if rotary is None:
            return {"attention_mask": attention_mask}
        positions = self.indices
        if self.positions is not None:
            positions = GatherPositions(dtype="float32", name="Target-Position")(self.positions, self.indices)
        tables = RotaryEmbedding(self.key_size, dtype=self.dtype, name="Target-Rotary-Position")(
            self.indices, positions
        )
        return {"attention_mask": attention_mask, "rotary": rotary, "query_rotary": tables}


class FirstPosition:
    """Position 0 of every row in the place of `Targets`: what a classifier sees that looks at [CLS] only."""

    def of(self, x):
        """(batch, length, size) -> (batch, 1, size)."""
        return x[:, :1]

    def attention(self, attention_mask, rotary):
        """See `Targets`."""
        if attention_mask.shape[1] != 1:  # not the same for all queries
            attention_mask = attention_mask[:, :1]
        if rotary is None:
            return {"attention_mask": attention_mask}
        tables = tuple(table[:, :1] for table in rotary)
        return {"attention_mask": attention_mask, "rotary": rotary, "query_rotary": tables}
