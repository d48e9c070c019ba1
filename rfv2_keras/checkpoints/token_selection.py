"""Rows of the token table that a model with a smaller or extended vocabulary takes from a checkpoint."""

import numpy as np

from rfv2_keras.checkpoints.names import PER_TOKEN


class TokenSelection:
    """rows = table[keep_tokens], and one row more for each of compound_tokens: the (weighted) mean of some of these.

    Only a stored table with `vocab_size` rows is cut, that is the full vocabulary; one with another number of rows was
    written by a model with the reduced vocabulary and is taken as it is.

    Args:
        config: a `ModelConfig`, or None to select nothing.

    Source: `Transformer.load_embeddings` of bert4keras.
    """

    def __init__(self, config=None):
        self.size = config.vocab_size if config is not None else None
        self.keep = config.keep_tokens if config is not None else None
        self.compound = (config.compound_tokens if config is not None else None) or []

    def applies(self, path, shape):
        """Whether the stored array of this shape, for the weight of this path, is to be cut."""
        return bool(self.keep or self.compound) and path in PER_TOKEN and tuple(shape[:1]) == (self.size,)

    def shape(self, shape):
        """Shape of the cut array."""
        kept = self.size if self.keep is None else len(self.keep)
        return (kept + len(self.compound), *shape[1:])

    def select(self, table):
        """The cut array."""
        rows = table if self.keep is None else table[self.keep]
        means = [_mean(rows, tokens) for tokens in self.compound]
        return np.concatenate([rows, np.stack(means)]) if means else rows


def _mean(rows, tokens):
    """Mean of rows: tokens is a list of ids, or the pair (ids, weights)."""
    ids, weights = tokens if isinstance(tokens, tuple) else (tokens, None)
    return np.average(rows[ids], axis=0, weights=weights)
