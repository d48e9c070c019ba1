"""The official scores of CLUE that scikit-learn does not compute."""

from rfv2_keras.clue.metrics.answers import answer_f1, answer_scores, is_exact_match, segments
from rfv2_keras.clue.metrics.entities import entity_scores

__all__ = ["answer_f1", "answer_scores", "entity_scores", "is_exact_match", "segments"]
