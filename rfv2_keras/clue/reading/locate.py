"""Finding a string near the place where it is said to be."""

import re


def locate(text, part, start):
    """The place of a string in a text that is nearest to a given one; None if it is nowhere.

    Args:
        text: where to look.
        part: what to look for.
        start: where it should begin; of two places as near as each other the first counts.
    """
    if not part:
        return None
    # The lookahead also finds places that overlap.
    places = (match.start() for match in re.finditer(f"(?={re.escape(part)})", text))
    return min(places, key=lambda place: abs(place - start), default=None)
