"""Shapes of straight lines."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, count, pairwise
from random import Random

from loadgen.shapes.shape import ROUNDING, Shape

Point = tuple[float, float]  # time in s, rate in requests/s


@dataclass(frozen=True)
class PiecewiseLinear(Shape):
    """Straight lines between `points` of (time in s, rate in requests/s).

    The first time is 0 and times never fall; two points at the same time are a jump, and the later one holds there.
    Raises ValueError when the points are no shape.
    """

    points: tuple[Point, ...]

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

    @cached_property
    def edges_s(self) -> Sequence[float]:
        return sorted(set(self._times_s))

    @cached_property
    def _times_s(self) -> list[float]:
        return [t_s for t_s, _ in self.points]

    @cached_property
    def _sums(self) -> list[float]:
        """The integral at each point: sums of trapezoids."""
        lines = pairwise(self.points)
        areas = ((later_s - t_s) * (rate + later_rate) / 2 for (t_s, rate), (later_s, later_rate) in lines)
        return list(accumulate(areas, initial=0.0))

    @cached_property
    def highest_rps(self) -> float:
        lines = pairwise(self.points)
        return max(max(rate, later_rate) for (t_s, rate), (later_s, later_rate) in lines if later_s > t_s)

    def _slope(self, index: int) -> float:
        (start_s, start_rps), (end_s, end_rps) = self.points[index], self.points[index + 1]
        return (end_rps - start_rps) / (end_s - start_s)

    def rate(self, t_s: float) -> float:
        if t_s < 0 or t_s > self.points[-1][0]:
            return 0.0
        index = bisect_right(self._times_s, t_s) - 1
        start_s, start_rps = self.points[index]
        return start_rps if t_s == start_s else start_rps + self._slope(index) * (t_s - start_s)

    def integral(self, t_s: float) -> float:
        if t_s <= 0:
            return 0.0
        if t_s >= self.points[-1][0]:
            return self._sums[-1]
        index = bisect_right(self._times_s, t_s) - 1
        start_s, start_rps = self.points[index]
        elapsed_s = t_s - start_s
        return self._sums[index] + elapsed_s * (start_rps + self._slope(index) * elapsed_s / 2)

    def inverse(self, expected: float) -> float:
        """As of any shape. Within a line of rate r and slope s it is the root of `s·t²/2 + r·t = rest`, written so that
        no two nearly equal numbers are subtracted."""
        expected = self.possible(expected)
        index = bisect_left(self._sums, expected - ROUNDING) - 1
        if index < 0:
            return 0.0
        start_s, start_rps = self.points[index]
        rest = min(expected, self._sums[index + 1]) - self._sums[index]
        sqrt_rps = math.sqrt(max(0.0, start_rps**2 + 2 * self._slope(index) * rest))
        return min(start_s + 2 * rest / (start_rps + sqrt_rps), self.points[index + 1][0])


def constant(rate_rps: float, duration_s: float) -> PiecewiseLinear:
    """`rate_rps` requests/s for `duration_s` seconds."""
    return PiecewiseLinear(((0.0, rate_rps), (duration_s, rate_rps)))


def ramp(low_rps: float, peak_rps: float, duration_s: float) -> PiecewiseLinear:
    """From `low_rps` up to `peak_rps` and down again; `duration_s` seconds in all."""
    return PiecewiseLinear(((0.0, low_rps), (duration_s / 2, peak_rps), (duration_s, low_rps)))


def step(
    low_rps: float, high_rps: float, before_s: float, duration_s: float, high_s: float = math.inf
) -> PiecewiseLinear:
    """`low_rps` for `before_s` seconds, then `high_rps` for `high_s`, then `low_rps` again; `duration_s` in all."""
    back_s = before_s + high_s
    jumps = ((before_s, low_rps), (before_s, high_rps), (back_s, high_rps), (back_s, low_rps), (math.inf, low_rps))
    return cut(((0.0, low_rps), *jumps), duration_s)


def spike(
    low_rps: float, peak_rps: float, before_s: float, up_s: float, hold_s: float, down_s: float, duration_s: float
) -> PiecewiseLinear:
    """A flash crowd: `low_rps` for `before_s` seconds, within `up_s` up to `peak_rps`, `hold_s` there, and back within
    `down_s`; `duration_s` in all."""
    up, top, down = before_s, before_s + up_s, before_s + up_s + hold_s
    points = (up, low_rps), (top, peak_rps), (down, peak_rps), (down + down_s, low_rps), (math.inf, low_rps)
    return cut(((0.0, low_rps), *points), duration_s)


def square(low_rps: float, high_rps: float, period_s: float, high_share: float, duration_s: float) -> PiecewiseLinear:
    """In each period `low_rps` first, then `high_rps` for `high_share` of the period."""
    up_s = period_s * (1 - high_share)
    return cut(repeated(((0.0, low_rps), (up_s, low_rps), (up_s, high_rps), (period_s, high_rps))), duration_s)


def triangle(low_rps: float, peak_rps: float, period_s: float, duration_s: float) -> PiecewiseLinear:
    """In each period from `low_rps` up to `peak_rps` and down again."""
    return cut(repeated(((0.0, low_rps), (period_s / 2, peak_rps), (period_s, low_rps))), duration_s)


def onoff(high_rps: float, on_s: float, off_s: float, duration_s: float) -> PiecewiseLinear:
    """`high_rps` for `on_s` seconds, then nothing for `off_s` seconds, and so on."""
    return cut(repeated(((0.0, high_rps), (on_s, high_rps), (on_s, 0.0), (on_s + off_s, 0.0))), duration_s)


def noise(mean_rps: float, spread_rps: float, interval_s: float, duration_s: float, key: str) -> PiecewiseLinear:
    """Straight lines between rates that are drawn every `interval_s` seconds, uniformly from `mean_rps` - `spread_rps`
    to `mean_rps` + `spread_rps`; the same for the same `key`. No swing is shorter than two intervals.

    Raises ValueError when the spread is larger than the mean.
    """
    if spread_rps > mean_rps:
        raise ValueError(f"the spread of {spread_rps}/s is above the mean of {mean_rps}/s: rates would be negative")
    random = Random(f"noise {key}")
    rates_rps = (random.uniform(mean_rps - spread_rps, mean_rps + spread_rps) for _ in count())
    return cut(((number * interval_s, rate_rps) for number, rate_rps in enumerate(rates_rps)), duration_s)


def repeated(period: Sequence[Point]) -> Iterator[Point]:
    """The points of a period, whose last one ends it, again and again without end."""
    period_s = period[-1][0]
    for number in count():  # so written, one period ends at the very number at which the next begins
        yield from (((number + t_s / period_s) * period_s, rate_rps) for t_s, rate_rps in period)


def cut(points: Iterable[Point], duration_s: float) -> PiecewiseLinear:
    """The shape of `points`, which go on for longer than `duration_s`, until then."""
    kept: list[Point] = []
    for t_s, rate_rps in points:
        if t_s >= duration_s and kept:
            start_s, start_rps = kept[-1]
            share = (duration_s - start_s) / (t_s - start_s)
            kept.append((duration_s, start_rps + share * (rate_rps - start_rps)))
            break
        kept.append((t_s, rate_rps))
    return PiecewiseLinear(tuple(kept))
