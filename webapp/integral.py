"""The integral of sin(x) by rectangles, and the reading of its arguments."""

from __future__ import annotations

import re
from math import sin

from webapp.inputs import BadInputError

STEP_COUNTS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
BOUND_LIMIT = 1e15  # beyond it neighbouring floats lie too far apart to follow a sine

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LEGAL_BOUND = "a decimal number such as 3, -2.5, +1 or 1e3, from -1e15 to 1e15, is"


def parse_bound(name: str, text: str) -> float:
    """The bound called `name` from its text; raises BadInputError that says what is legal."""
    if _NUMBER.fullmatch(text) and abs(bound := float(text)) <= BOUND_LIMIT:
        return bound
    raise BadInputError(f"{name} bound {text[:40]!r} is not legal: {_LEGAL_BOUND}")


def parse_n_max(text: str) -> int:
    """The largest number of rectangles wanted, from its text; raises BadInputError that says what is legal."""
    lowest, highest = STEP_COUNTS[0], STEP_COUNTS[-1]
    if re.fullmatch("[0-9]{1,9}", text) and lowest <= int(text) <= highest:
        return int(text)
    raise BadInputError(f"n_max {text[:40]!r} is not legal: an integer from {lowest} to {highest} is")


def integrate_sin(lower: float, upper: float, n: int) -> float:
    """The sum of `n` rectangles of equal width under sin(x), each as high as the function in its middle."""
    width = (upper - lower) / n
    first = lower + width / 2
    return width * sum(sin(first + i * width) for i in range(n))


def integral_results(lower: float, upper: float, n_max: int = STEP_COUNTS[-1]) -> list[dict[str, int | float]]:
    """The integral from `lower` to `upper` for each of STEP_COUNTS up to `n_max`."""
    return [{"n": n, "value": integrate_sin(lower, upper, n)} for n in STEP_COUNTS if n <= n_max]
