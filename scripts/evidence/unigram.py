"""What masked accuracy and loss a model reaches that knows nothing but how frequent tokens are.

    python scripts/evidence/unigram.py RECORDS HELDOUT

Counts the targets of whole-word masking in the training records (one epoch), and scores the held-out targets with these
frequencies (add-one smoothing): accuracy of the most frequent token, and the cross entropy.
"""

import argparse

import numpy as np

from rfv2_keras.data.batches import Batches
from rfv2_keras.data.records import Records

ROWS = 256


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records")
    parser.add_argument("heldout")
    arguments = parser.parse_args()
    counts, heldout = target_counts(arguments.records), target_counts(arguments.heldout)
    shares = (counts + 1) / (counts + 1).sum()
    total = heldout.sum()
    print(f"training targets {counts.sum():,.0f}, held-out targets {total:,.0f}")
    print(f"unigram accuracy      {heldout[counts.argmax()] / total:.4f}")
    print(f"unigram cross entropy {-(heldout * np.log(shares)).sum() / total:.4f}")


def target_counts(folder):
    """How often each token is a target in one epoch."""
    records = Records(folder)
    batches = Batches(records, ROWS, maxlen=records.maxlen)
    counts = np.zeros(records.vocab_size)
    for step in range(-(-batches.rows // ROWS)):
        targets = batches.batch(0, step)["target_ids"]
        counts += np.bincount(targets[targets > 0], minlength=len(counts))
    return counts


if __name__ == "__main__":
    main()
