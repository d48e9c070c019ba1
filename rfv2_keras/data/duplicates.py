"""Which documents of a corpus are exact copies of earlier ones."""

import hashlib

import numpy as np

DOCUMENTS_AT_ONCE = 2**23


def digest(text):
    """An 8-byte digest of a document; among 200 million different ones, two are alike with a chance of 0.1 %."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def later_copies(digests):
    """Mark every document whose digest occurred before it, in the order of the corpus.

    Memory: 1 byte per document, and about 40 bytes for each of `DOCUMENTS_AT_ONCE` documents, since documents are
    compared in groups by the leading bits of their digests.

    Arguments:
        digests: list of arrays (documents,) of uint64, one per chunk of the corpus; memory maps will do.

    Returns:
        List of bool arrays of the same lengths.
    """
    ends = np.cumsum([len(part) for part in digests], dtype=np.int64)
    copies = np.zeros(ends[-1] if len(ends) else 0, bool)
    groups = 1 + len(copies) // DOCUMENTS_AT_ONCE
    for group in range(groups):
        values, documents = [], []
        for part, end in zip(digests, ends, strict=True):
            here = np.flatnonzero(part % np.uint64(groups) == group)
            values.append(part[here])
            documents.append(here + (end - len(part)))
        values, documents = np.concatenate(values), np.concatenate(documents)
        order = np.argsort(values, kind="stable")  # equal digests stay in the order of the corpus
        repeated = values[order[1:]] == values[order[:-1]]
        copies[documents[order[1:][repeated]]] = True
    return np.split(copies, ends[:-1])
