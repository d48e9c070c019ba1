"""What the dev files of CLUE give to methods that know no pretraining: a Markdown table, in percent.

    python scripts/evidence/clue_baselines.py DATA [--tasks tnews,c3]

DATA holds the files of the tasks, such as tnews/train.json; they are read and scored as for `rfv2 finetune`.

* constant: the label, or the position of the choice, that is most frequent in the training files.
* random: expected accuracy of a draw among the choices of a question.
* TF-IDF + LR: logistic regression on TF-IDF of characters and pairs of characters. Of two texts a and b it sees
  [a, b, a ∘ b, cos(a, b)]; of the marked text of wsc, the text and its spans. A choice is judged as a pair (passage and
  question, choice), or (text around the blank, candidate), by whether it is right; the one with the highest score is
  taken, in chid jointly for the blanks of a line. The inverse strength C of the penalty is 1 or 10, whichever is better
  for every fifth training example after learning from the others.
* clause: the clause of the passage whose characters and pairs of characters are nearest to the question (cmrc2018).
* dictionary: strings that were labelled in most places where the training files hold them, the longest first (cluener).

Nothing is chosen by the dev files.
"""

import argparse
import re
import sys
import time
from collections import Counter

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from rfv2_keras.clue.kinds import KINDS, kind_of
from rfv2_keras.clue.task import ORDER, Task
from rfv2_keras.text import Tokenizer

FEATURES = 50_000  # most frequent characters and pairs of characters
STRENGTHS = (1.0, 10.0)
CLAUSE = re.compile(r"[^，。！？；：,!?;:\n]+")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--tasks", default=",".join(ORDER))
    arguments = parser.parse_args()
    names = [name for name in ORDER if name in arguments.tasks.split(",")]
    rows = {row: {} for row in ("constant", "random", "TF-IDF + LR", "clause", "dictionary")}
    for name in names:
        began = time.monotonic()
        for row, scores in baselines(name, arguments.data).items():
            rows[row][name] = scores
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(rows, names))


def baselines(name, data):
    """dict from method to the scores of the dev files."""
    # Reading and scoring do not look at tokens.
    kind = kind_of(Task.read(name), Tokenizer({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}))
    files = kind.task.files
    train, dev = (kind.read_all(paths, data, lambda sentence: None) for paths in (files.train, files.dev))
    train = [example for example in train if example.answer is not None]
    methods = {
        "classification": {"constant": constant_label, "TF-IDF + LR": regression(label_regression)},
        "multiple_choice": {"constant": constant_choice, "TF-IDF + LR": regression(choice_regression)},
        "idiom_cloze": {"constant": constant_choice, "TF-IDF + LR": regression(choice_regression)},
        "span_reading": {"clause": nearest_clause},
        "span_labelling": {"dictionary": dictionary},
    }[kind.task.kind]
    scores = {row: kind.score(dev, method(kind, train, dev)) for row, method in methods.items()}
    if "choices" in type(kind).Options.model_fields:
        counts = [len(example.content.choices) for example in dev if example.answer is not None]
        scores["random"] = {"accuracy": float(np.mean([1 / count for count in counts]))}
    return scores


def table(rows, names):
    selected = {name: KINDS[Task.read(name).kind].selects for name in names}
    lines = ["| | " + " | ".join(names) + " |", "|-|" + "-|" * len(names)]
    for row, scores in rows.items():
        if scores:
            cells = [f"{100 * scores[name][selected[name]]:.2f}" if name in scores else "–" for name in names]
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
    others = [
        f"{name}, {row}: " + ", ".join(f"{key} {100 * value:.2f}" for key, value in scores[name].items())
        for row, scores in rows.items()
        for name in names
        if len(scores.get(name, {})) > 1
    ]
    return "\n".join([*lines, "", *others])


# --- without features ------------------------------------------------------------------------------------------------


def constant_label(kind, train, dev):
    label = _most_frequent(example.answer for example in train)
    return [{"label": label} for _ in dev]


def constant_choice(kind, train, dev):
    """The most frequent index; the last choice of a question that has fewer."""
    index = _most_frequent(example.answer for example in train)
    return [{"label": min(index, len(example.content.choices) - 1)} for example in dev]


def dictionary(kind, train, dev):
    """Every string gets the label that most of its places have, if that is more than half of them."""
    labelled = Counter()
    for example in train:
        labelled.update((example.content.text[span.start : span.end], span.label) for span in example.answer)
    texts = "\n".join(example.content.text for example in train)
    known = {
        string: label
        for (string, label), count in sorted(labelled.items(), key=lambda item: item[1])
        if 2 * count > texts.count(string)
    }
    lengths = sorted({len(string) for string in known}, reverse=True)
    return [{"entities": _entries(example.content.text, known, lengths)} for example in dev]


def _entries(text, known, lengths):
    found, start = [], 0
    while start < len(text):
        length = next((n for n in lengths if text[start : start + n] in known and start + n <= len(text)), 0)
        if length:
            found.append({"label": known[text[start : start + length]], "start": start, "end": start + length})
        start += length or 1
    return found


def _most_frequent(values):
    return Counter(values).most_common(1)[0][0]


# --- with features ---------------------------------------------------------------------------------------------------


def regression(predict):
    """The method that chooses a strength and then learns from all training examples."""

    def method(kind, train, dev):
        aside, rest = train[::5], [example for i, example in enumerate(train) if i % 5]
        scores = [kind.score(aside, predict(kind, rest, aside, strength)) for strength in STRENGTHS]
        best = max(range(len(STRENGTHS)), key=lambda i: scores[i][kind.selects])
        print(f"{kind.task.name}: strength {STRENGTHS[best]:g}", file=sys.stderr, flush=True)
        return predict(kind, train, dev, STRENGTHS[best])

    return method


def label_regression(kind, train, dev, strength):
    """One label for a text, a pair of texts, or a text with spans."""
    known, asked = ([texts_of(example) for example in examples] for examples in (train, dev))
    features = Features(known)
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit(features(known), [example.answer for example in train])
    return [{"label": label} for label in model.predict(features(asked))]


def choice_regression(kind, train, dev, strength):
    """Whether a choice is right, as a label of a pair."""
    known, asked = ([pair for example in examples for pair in choices_of(example)] for examples in (train, dev))
    features = Features(known)
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit(features(known), [i == example.answer for example in train for i in range(len(example.content.choices))])
    ends = np.cumsum([len(example.content.choices) for example in dev])[:-1]
    logits = np.split(model.decision_function(features(asked)), ends)
    return [{"label": label} for label in kind.choose(dev, logits)]


def texts_of(example):
    first, second, spans = example.content
    if spans:
        second = "\n".join(first[start:end] for start, end in spans)
    return first, second


def choices_of(example):
    content = example.content
    given = (
        f"{content.passage}\n{content.question}" if hasattr(content, "passage") else f"{content.left}\n{content.right}"
    )
    return [(given, choice) for choice in content.choices]


def nearest_clause(kind, train, dev):
    tfidf = _tfidf().fit([text for example in train for text in (example.content.passage, example.content.question)])
    predictions = []
    for example in dev:
        clauses = CLAUSE.findall(example.content.passage) or [""]
        likeness = tfidf.transform(clauses) @ tfidf.transform([example.content.question]).T
        predictions.append({"answer": clauses[int(likeness.toarray().argmax())]})
    return predictions


class Features:
    """Sparse features of pairs of texts, or of single ones (their second text is None)."""

    def __init__(self, pairs):
        self.tfidf = _tfidf().fit(dict.fromkeys(text for pair in pairs for text in pair if text is not None))

    def __call__(self, pairs):
        first, second = (self._transform(texts) for texts in zip(*pairs, strict=True))
        if second is None:
            return first
        common = first.multiply(second)
        return sparse.hstack([first, second, common, common.sum(axis=1)], format="csr", dtype=np.float32)

    def _transform(self, texts):
        """Features of texts; equal ones, such as a passage that has several choices, are computed once."""
        if texts[0] is None:
            return None
        rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        return self.tfidf.transform(rows)[[rows[text] for text in texts]]


def _tfidf():
    return TfidfVectorizer(
        analyzer="char", ngram_range=(1, 2), sublinear_tf=True, max_features=FEATURES, dtype=np.float32
    )


if __name__ == "__main__":
    main()
