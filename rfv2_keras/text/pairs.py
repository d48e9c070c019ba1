"""Making one or two enclosed texts fit into one sequence of bounded length."""

from rfv2_keras.errors import UserError
from rfv2_keras.text.sequences import remove_at, truncated_lengths

PATTERNS = ("S*E*E", "S*ES*E")


def fit_pair(first, second, maxlen, pattern, truncate_from, has_start, has_end):
    """Truncate two texts that will follow each other; works on tokens, ids or anything that stands for one token.

    Arguments:
        first: list, from the start token to the end token.
        second: list likewise, or None.
        maxlen: int, the largest length of both together; None for any.
        pattern: "S*E*E" drops the start token of the second text, "S*ES*E" keeps it.
        truncate_from: "right", "left" or an index, where the longer text loses its tokens.
        has_start, has_end: bool, whether texts are enclosed in a start and an end token.

    Returns:
        Both lists, shortened; without a second text, an empty one.
    """
    if pattern not in PATTERNS:
        raise UserError(f"pattern must be one of {', '.join(PATTERNS)}, received {pattern!r}")
    drops_start = bool(second) and pattern == "S*E*E" and has_start
    texts = [first, second or []]
    if maxlen is not None:
        if maxlen < 0:
            raise UserError(f"maxlen must be at least 0, received {maxlen}")
        index = _removal_index(truncate_from, has_start, has_end)
        # The start token that is dropped below does not count.
        lengths = truncated_lengths(maxlen + drops_start, [len(text) for text in texts])
        texts = [remove_at(text, index, length) for text, length in zip(texts, lengths, strict=True)]
    return texts[0], texts[1][drops_start:]


def _removal_index(truncate_from, has_start, has_end):
    if truncate_from == "right":
        return -1 - has_end
    if truncate_from == "left":
        return int(has_start)
    if not isinstance(truncate_from, int):
        raise UserError(f"truncate_from must be 'right', 'left' or an integer index, received {truncate_from!r}")
    return truncate_from
