"""Which variables an optimizer treats differently: regular expressions on variable paths."""

import math
import re

from rfv2_keras.errors import UserError


def checked_patterns(argument, patterns):
    """The patterns as a list, or a `UserError` that names the argument and the pattern which is not one."""
    if patterns is None:
        return []
    if not isinstance(patterns, (list, tuple)):
        raise UserError(f"`{argument}` must be a list of regular expressions; received: {patterns!r}.")
    for pattern in patterns:
        _check_pattern(argument, pattern)
    return list(patterns)


def checked_multipliers(argument, multipliers):
    """The mapping of pattern to factor as a dict of floats, or a `UserError` that names the wrong entry."""
    if multipliers is None:
        return {}
    if not isinstance(multipliers, dict):
        raise UserError(f"`{argument}` must map regular expressions to factors; received: {multipliers!r}.")
    for pattern, factor in multipliers.items():
        _check_pattern(argument, pattern)
        if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 0 <= factor < math.inf:
            raise UserError(f"`{argument}` must give every pattern a factor >= 0; received: {pattern!r}: {factor!r}.")
    return {pattern: float(factor) for pattern, factor in multipliers.items()}


def matches(patterns, variable):
    """Whether any of the patterns is found in the path of the variable, such as `Embedding-Norm/gamma`."""
    return any(re.search(pattern, _path(variable)) for pattern in patterns)


def multiplier(multipliers, variable):
    """The product of the factors of all patterns that are found in the path of the variable."""
    return math.prod(factor for pattern, factor in multipliers.items() if re.search(pattern, _path(variable)))


def _check_pattern(argument, pattern):
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise UserError(f"`{argument}` must hold regular expressions; received: {pattern!r} ({error}).") from error


def _path(variable):
    # A bare tf.Variable has no path.
    return getattr(variable, "path", variable.name)
