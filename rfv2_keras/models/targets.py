"""What the last layer of a model needs to know to be computed at a few positions only."""

from abc import ABC, abstractmethod

from rfv2_keras.layers import GatherPositions, RotaryEmbedding


class WantedPositions(ABC):
    """The positions at which the last hidden states are wanted.

    Other positions take part in the last layer as keys and values of its attention, and in nothing else. Its queries
    and all that follows them, forward and backward, are computed for the wanted ones alone; the result is the same.
    """

    @abstractmethod
    def of(self, x):
        """(batch, length, size) -> (batch, wanted, size)."""

    @abstractmethod
    def rotary_tables(self, rotary):
        """The tables of the wanted positions, given those of all."""

    def attention(self, attention_mask, rotary):
        """Arguments of an attention layer whose queries are at these positions and whose keys are at all."""
        if attention_mask.shape[1] != 1:  # not the same for all queries
            attention_mask = self.of(attention_mask)
        if rotary is None:
            return {"attention_mask": attention_mask}
        return {"attention_mask": attention_mask, "rotary": rotary, "query_rotary": self.rotary_tables(rotary)}


class Targets(WantedPositions):
    """Positions that are an input of the model.

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
        return self._gather(x, self.indices)

    def rotary_tables(self, rotary):
        positions = self.indices
        if self.positions is not None:
            positions = GatherPositions(dtype="float32", name="Target-Position")(self.positions, self.indices)
        tables = RotaryEmbedding(self.key_size, dtype=self.dtype, name="Target-Rotary-Position")
        return tables(self.indices, positions)


class FirstPosition(WantedPositions):
    """Position 0 of every row: what a classifier sees that looks at [CLS] only."""

    def of(self, x):
        return x[:, :1]

    def rotary_tables(self, rotary):
        return tuple(table[:, :1] for table in rotary)
