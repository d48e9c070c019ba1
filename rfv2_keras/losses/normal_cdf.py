"""Logarithm of the normal distribution function, accurate in the tails, from elementary functions only."""

import math

from keras import ops

# For z >= 0 and t = 1 / (1 + z / 2), log(erfc(z)) = -z**2 + log(t) + P(2 t - 1) with a smooth P. These coefficients,
# lowest power first, interpolate P(u) = log(erfcx(4 / (u + 1) - 2) * 2 / (u + 1)) at the 15 Chebyshev nodes of
# [-1, 1]; the largest error is 4e-10.
_COEFFICIENTS = (
    -0.671794084057,
    0.672643220526,
    0.0473433104021,
    -0.0468954815003,
    -0.00987282328824,
    0.00882355235734,
    0.00176040676528,
    -0.00233925640435,
    -0.000153493223182,
    0.000657916554654,
    -7.50429224768e-05,
    -0.000154602833445,
    4.4575918389e-05,
    2.0713263594e-05,
    -8.91151729168e-06,
)


def log_normal_cdf(x):
    """log Phi(x) for the standard normal distribution function Phi, elementwise in float32 or float64.

    In float64 the error is below 1e-9, absolute or relative to the logarithm; in float32 below 1e-6 relative or 2e-7
    absolute. Values and gradients are finite for every x whose square is.
    """
    # where(x < 0, ...) rather than abs(x): the gradient of abs at 0 is 0.
    log_small_tail = _log_cdf_of_negative(ops.where(x < 0, x, -x))
    return ops.where(x < 0, log_small_tail, ops.log1p(-ops.exp(log_small_tail)))


def _log_cdf_of_negative(x):
    t = 1 / (1 - x / (2 * math.sqrt(2)))
    polynomial = _COEFFICIENTS[-1]
    for coefficient in reversed(_COEFFICIENTS[:-1]):
        polynomial = polynomial * (2 * t - 1) + coefficient
    return polynomial + ops.log(t) - ops.square(x) / 2 - math.log(2)
