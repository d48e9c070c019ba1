"""Texts with several labels as vectors."""

from typing import NamedTuple

import numpy as np

from rfv2_keras.clue.prediction import encode
from rfv2_keras.clue.task import Task
from rfv2_keras.clue.training_data import read_training_examples
from rfv2_keras.embeddings import SentenceEncoder
from rfv2_keras.errors import UserError


class Vectors(NamedTuple):
    """Standardised sentence vectors (texts, features) and labels as 0 and 1 (texts, labels), both float32."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def read_vectors(options):
    """Read both files and encode their texts; `options` are those of the script."""
    encoder = SentenceEncoder.from_directory(options.model, "first_last_mean", options.maxlen)
    values = {"name": "several-labels", "kind": "multi_label", "files": {"train": [options.train]}}
    task = Task.from_values(values, "the task")
    kind, train = read_training_examples(task, encoder.tokenizer, options.data, print)
    parts = train, kind.read_all([options.test], options.data, print)
    labelled = [[example for example in part if example.answer is not None] for part in parts]
    for name, examples in zip((options.train, options.test), labelled, strict=True):
        if not examples:
            raise UserError(f"{options.data / name}: holds no texts with labels.")
    # A text is one feature, in the order of the texts.
    labels = [np.stack([feature.target for feature in encode(kind, examples)]) for examples in labelled]
    vectors = [encoder.encode([example.content[0] for example in examples]) for examples in labelled]
    mean, deviation = vectors[0].mean(axis=0), vectors[0].std(axis=0) + 1e-6
    vectors = [((array - mean) / deviation).astype("float32") for array in vectors]
    return Vectors(vectors[0], labels[0], vectors[1], labels[1])
