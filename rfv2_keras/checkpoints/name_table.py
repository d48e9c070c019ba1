"""Two systems of names for the same weights, as a table of rules."""

import re

_FIELDS = {"n": r"\d+", "i": r"\d+", "w": "kernel|bias|beta|gamma", "node": "Norm|Add"}


class NameTable:
    """Translates names by rules such as `("Transformer-{n}-FeedForward/{w}", "encoder/layer_{n}/{w}")`.

    The same field has the same value on both sides: {n} is the number of a layer, {i} that of a gate, {w} one of
    kernel, bias, beta, gamma, {node} one of Norm, Add. The first rule that fits is the one that counts.

    Args:
        rules: pairs (our name, their name).
    """

    def __init__(self, rules):
        self._rules = [(_compile(ours), ours, _compile(theirs), theirs) for ours, theirs in rules]

    def theirs(self, name):
        """Their name for one of ours, None if no rule fits."""
        for pattern, _, _, template in self._rules:
            match = pattern.fullmatch(name)
            if match:
                return template.format(**match.groupdict())
        return None

    def ours(self, name):
        """Our name for one of theirs, None if no rule fits."""
        for _, template, pattern, _ in self._rules:
            match = pattern.fullmatch(name)
            if match:
                return template.format(**match.groupdict())
        return None


def _compile(template):
    """The regular expression of a template, with its fields as named groups."""
    parts = re.split(r"\{(\w+)\}", template)  # text, field, text, field, ..., text
    return re.compile(
        "".join(f"(?P<{part}>{_FIELDS[part]})" if k % 2 else re.escape(part) for k, part in enumerate(parts))
    )
