"""Quadrature and roots, for shapes without closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

NODES, WEIGHTS = (values.tolist() for values in np.polynomial.legendre.leggauss(5))
MOST_TRIES = 100
CLOSE = 1e-10  # requests
CLOSE_RELATIVE = 1e-14  # some of the last digits of a float

Known = tuple[float, float]  # a time in s and the integral there


def quadrature(function: Callable[[float], float], low: float, high: float) -> float:
    """The integral of a smooth `function` from `low` to `high` by five points; exact up to polynomials of degree 9."""
    half, middle = (high - low) / 2, (high + low) / 2
    return half * sum(
        weight * function(middle + half * node) for node, weight in zip(NODES, WEIGHTS, strict=True)
    )


def root(
    integral: Callable[[float], float], rate: Callable[[float], float], expected: float, low: Known, high: Known
) -> float:
    """When the never falling `integral`, whose slope is `rate`, is `expected`: between two times where it is known.

    Newton's method, kept within the bounds by bisection (Press et al., Numerical Recipes, 2007, section 9.4).
    """
    close = CLOSE + CLOSE_RELATIVE * expected
    (low_s, below), (high_s, above) = low, high
    t_s = low_s + (high_s - low_s) * (expected - below) / (above - below)
    for _ in range(MOST_TRIES):
        error = integral(t_s) - expected
        if abs(error) <= close:
            break
        if error < 0:
            low_s = t_s
        else:
            high_s = t_s
        slope = rate(t_s)
        newton_s = t_s - error / slope if slope > 0 else low_s
        t_s = newton_s if low_s < newton_s < high_s else (low_s + high_s) / 2
    return t_s
