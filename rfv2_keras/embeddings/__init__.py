"""Sentence vectors: pooling, whitening, similarity."""

from rfv2_keras.embeddings.encoder import SentenceEncoder
from rfv2_keras.embeddings.grid import WhiteningGrid, whitening_grid
from rfv2_keras.embeddings.heat_map import draw_heat_map
from rfv2_keras.embeddings.moments import Moments
from rfv2_keras.embeddings.pairs import Pairs, read_pairs, read_texts
from rfv2_keras.embeddings.pooling import POOLINGS, MaskedMean, pooled_model
from rfv2_keras.embeddings.similarity import cosine_similarity, spearman
from rfv2_keras.embeddings.vectors import learn_from_files, open_vectors, write_vectors
from rfv2_keras.embeddings.whitening import Whitening

__all__ = [
    "POOLINGS",
    "MaskedMean",
    "Moments",
    "Pairs",
    "SentenceEncoder",
    "Whitening",
    "WhiteningGrid",
    "cosine_similarity",
    "draw_heat_map",
    "learn_from_files",
    "open_vectors",
    "pooled_model",
    "read_pairs",
    "read_texts",
    "spearman",
    "whitening_grid",
    "write_vectors",
]
