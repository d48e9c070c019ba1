"""Precision, recall and F1 of labelled spans, which may repeat, overlap and lie inside each other."""

from collections import Counter


def entity_scores(references, predictions, labels):
    """Scores over the spans of all texts; a span counts as found if label, start and end are right.

        precision = found / predicted,  recall = found / labelled,  F1 = 2 found / (predicted + labelled)

    seqeval reads tags, one for each token, and so cannot be given spans inside others.

    Args:
        references, predictions: for each text a set of tuples (label, start, end).
        labels: labels in the order of the result.

    Returns:
        dict with `f1`, `precision`, `recall` of all spans together, and `f1/LABEL`; 0 where there is nothing to count.
    """
    found, predicted, labelled = Counter(), Counter(), Counter()
    for reference, prediction in zip(references, predictions, strict=True):
        found.update(label for label, _, _ in reference & prediction)
        predicted.update(label for label, _, _ in prediction)
        labelled.update(label for label, _, _ in reference)
    return {
        "f1": _share(2 * found.total(), predicted.total() + labelled.total()),
        "precision": _share(found.total(), predicted.total()),
        "recall": _share(found.total(), labelled.total()),
        **{f"f1/{label}": _share(2 * found[label], predicted[label] + labelled[label]) for label in labels},
    }


def _share(part, whole):
    return part / whole if whole else 0.0
