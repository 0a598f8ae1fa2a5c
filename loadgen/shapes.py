"""Load shapes: how many requests a second are wanted, as a function of the time since the start.

A shape knows its rate, the integral of it and the inverse of the integral, so that one object gives the schedule of
a load generator, the demand curve of a report and the input of a simulation. Nothing here reads a clock.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol


class Shape(Protocol):
    """What the load generator needs to know of a shape; times in seconds since the start, rates in requests/s."""

    @property
    def duration_s(self) -> float:
        """How long the shape lasts, in seconds."""

    def rate(self, t_s: float) -> float:
        """The wanted rate at `t_s` in requests/s; 0 before the start and after the end."""

    def integral(self, t_s: float) -> float:
        """The number of requests expected until `t_s`: the integral of the rate from 0 to `t_s`."""

    def inverse(self, expected: float) -> float:
        """The earliest time in seconds at which the integral is `expected`.

        Raises ValueError when the integral never is.
        """


def arrival_count(shape: Shape) -> int:
    """The number of evenly spaced arrivals of `shape`: its whole integral, rounded down."""
    return math.floor(shape.integral(shape.duration_s) + 1e-9)  # 0.1/s for 30 s sums up to 2.9999999999999996


@dataclass(frozen=True)
class PiecewiseLinear:
    """Straight lines between `points` of (time in s, rate in requests/s).

    The first time is 0 and times never fall; two points at the same time are a jump, and the later one holds there.
    Raises ValueError when the points are no shape.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        times_s = [t_s for t_s, _ in self.points]
        if len(times_s) < 2 or times_s[0] != 0 or times_s[-1] <= 0:
            raise ValueError(f"a shape needs a point at 0 s and one later, got {self.points}")
        if not all(math.isfinite(number) for point in self.points for number in point):
            raise ValueError(f"times and rates must be finite numbers, got {self.points}")
        if any(later_s < earlier_s for earlier_s, later_s in pairwise(times_s)):
            raise ValueError(f"times must not fall, got {self.points}")
        if any(rate_rps < 0 for _, rate_rps in self.points):
            raise ValueError(f"rates must not be negative, got {self.points}")

    @property
    def duration_s(self) -> float:
        """How long the shape lasts, in seconds."""
        return self.points[-1][0]

    @cached_property
    def _times_s(self) -> list[float]:
        return [t_s for t_s, _ in self.points]

    @cached_property
    def _integrals(self) -> list[float]:
        """The integral at each point: sums of trapezoids."""
        sums = [0.0]
        for (start_s, start_rps), (end_s, end_rps) in pairwise(self.points):
            sums.append(sums[-1] + (end_s - start_s) * (start_rps + end_rps) / 2)
        return sums

    def _slope(self, index: int) -> float:
        """The slope in requests/s² of the line that starts at point `index`."""
        (start_s, start_rps), (end_s, end_rps) = self.points[index : index + 2]
        return (end_rps - start_rps) / (end_s - start_s)

    def rate(self, t_s: float) -> float:
        """The wanted rate at `t_s` in requests/s; 0 before the start and after the end."""
        if t_s < 0 or t_s > self.duration_s:
            return 0.0
        index = bisect_right(self._times_s, t_s) - 1
        start_s, start_rps = self.points[index]
        return start_rps if t_s == start_s else start_rps + self._slope(index) * (t_s - start_s)

    def integral(self, t_s: float) -> float:
        """The number of requests expected until `t_s`."""
        if t_s <= 0:
            return 0.0
        if t_s >= self.duration_s:
            return self._integrals[-1]
        index = bisect_right(self._times_s, t_s) - 1
        start_s, start_rps = self.points[index]
        elapsed_s = t_s - start_s
        return self._integrals[index] + elapsed_s * (start_rps + self._slope(index) * elapsed_s / 2)

    def inverse(self, expected: float) -> float:
        """The earliest time in seconds at which the integral is `expected`; ValueError when it never is.

        Within a line of rate r and slope s it is the root of `s·t²/2 + r·t = rest`, written so that no two nearly
        equal numbers are subtracted.
        """
        total = self._integrals[-1]
        if not 0 <= expected <= total + 1e-9:
            raise ValueError(f"the integral goes from 0 to {total}, never to {expected}")
        index = bisect_left(self._integrals, min(expected, total)) - 1
        if index < 0:
            return 0.0
        start_s, start_rps = self.points[index]
        rest = min(expected, total) - self._integrals[index]
        root = math.sqrt(max(0.0, start_rps**2 + 2 * self._slope(index) * rest))
        return min(start_s + 2 * rest / (start_rps + root), self.points[index + 1][0])


def constant(rate_rps: float, duration_s: float) -> PiecewiseLinear:
    """`rate_rps` requests/s for `duration_s` seconds."""
    return PiecewiseLinear(((0.0, rate_rps), (duration_s, rate_rps)))


def ramp(low_rps: float, peak_rps: float, duration_s: float, hold_s: float = 0.0) -> PiecewiseLinear:
    """From `low_rps` up to `peak_rps`, `hold_s` seconds there, and down again; `duration_s` seconds in all.

    Raises ValueError when the hold is longer than the whole.
    """
    if not 0 <= hold_s <= duration_s:
        raise ValueError(f"the hold of {hold_s} s must be between 0 s and the whole {duration_s} s")
    up_s = (duration_s - hold_s) / 2
    return PiecewiseLinear(((0.0, low_rps), (up_s, peak_rps), (up_s + hold_s, peak_rps), (duration_s, low_rps)))


def step(low_rps: float, high_rps: float, before_s: float, duration_s: float) -> PiecewiseLinear:
    """`low_rps` for `before_s` seconds, then `high_rps`; `duration_s` seconds in all.

    Raises ValueError when the time before the step is longer than the whole.
    """
    if not 0 <= before_s <= duration_s:
        raise ValueError(f"the {before_s} s before the step must be between 0 s and the whole {duration_s} s")
    return PiecewiseLinear(((0.0, low_rps), (before_s, low_rps), (before_s, high_rps), (duration_s, high_rps)))
