"""Trained models at work: filling masks, scoring texts, and the batches that every prediction goes through."""

from rfv2_keras.inference.fill_mask import Candidate, FilledMask, FilledText, FillMask
from rfv2_keras.inference.masked_lm import MaskedLanguageModel
from rfv2_keras.inference.pseudo_perplexity import PseudoPerplexity, TextScore

__all__ = [
    "Candidate",
    "FillMask",
    "FilledMask",
    "FilledText",
    "MaskedLanguageModel",
    "PseudoPerplexity",
    "TextScore",
]
