"""Spans as tags, one for each token, and back."""

import numpy as np


class TagScheme:
    """BIO or BIOES: tag 0 is "O" (no span), and every label has tags of its own.

        bio    B I       begin, inside
        bioes  B I E S   begin, inside, end, and S for a span of a single token

    Spans that overlap cannot be written so; the longest are kept (of equal ones the first).

    Args:
        labels: number of labels.
        scheme: `"bio"` or `"bioes"`.

    Attributes:
        tags: number of tags.
        transitions: (tags, tags), 0 where the second tag may follow the first, -inf elsewhere.
        starts, ends: tags that a text may begin and end with.
    """

    def __init__(self, labels, scheme="bioes"):
        self.parts = {"bio": "BI", "bioes": "BIES"}[scheme]
        self.tags = 1 + labels * len(self.parts)
        names = [self._part(tag) for tag in range(self.tags)]
        follows = [[self._may_follow(first, second) for second in range(self.tags)] for first in range(self.tags)]
        self.transitions = np.where(follows, 0.0, -np.inf)
        self.starts = [tag for tag, (part, _) in enumerate(names) if part not in "IE"]
        self.ends = [tag for tag, (part, _) in enumerate(names) if scheme == "bio" or part not in "BI"]

    def encode(self, spans, length):
        """Tags, int32 (length,), of spans (label, first, last)."""
        tags = np.zeros(length, np.int32)
        for label, first, last in without_overlap(spans):
            single = first == last and "S" in self.parts
            tags[first : last + 1] = self._tag(label, "I")
            tags[first] = self._tag(label, "S" if single else "B")
            if not single and "E" in self.parts:
                tags[last] = self._tag(label, "E")
        return tags

    def decode(self, tags):
        """Spans (label, first, last) of tags that follow each other as `transitions` allows."""
        spans = []
        for position, tag in enumerate(tags):
            part, label = self._part(int(tag))
            if part in "BS":
                spans.append((label, position, position))
            elif part in "IE":
                spans[-1] = (*spans[-1][:2], position)
        return spans

    def _tag(self, label, part):
        return 1 + label * len(self.parts) + self.parts.index(part)

    def _part(self, tag):
        if tag == 0:
            return "O", None
        label, part = divmod(tag - 1, len(self.parts))
        return self.parts[part], label

    def _may_follow(self, first, second):
        (before, label), (after, other) = self._part(first), self._part(second)
        goes_on = after in "IE" and before in "BI" and label == other
        if "E" in self.parts and before in "BI":
            return goes_on
        return goes_on or after not in "IE"


def without_overlap(spans):
    """Spans (label, first, last), last included, without those that share a token with a longer one; of equal length
    the first is kept."""
    kept = []
    for span in sorted(spans, key=lambda span: (span[1] - span[2], span[1], span[0])):
        if all(span[2] < other[1] or other[2] < span[1] for other in kept):
            kept.append(span)
    return kept
