"""What a load shape is, and how shapes are put together.

A shape is the wanted request rate as a function of the time since the start. It knows its integral and the inverse of
the integral, so that one object gives the schedule of a load generator, the demand curve of a report and the input of
a simulation. Nothing here reads a clock.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

from loadgen.shapes.numeric import quadrature, root

ROUNDING = 1e-7  # requests; 0.1/s for 30 s sums up to 2.9999999999999996
LOOKS = 8  # rates looked at between two edges, where the highest is searched


class Shape(ABC):
    """A wanted rate in requests/s over times in seconds since the start.

    `a + b` is the sum of two, `a * 0.5` and `a * b` are products, `a.then(b)` is one after the other.
    """

    @property
    @abstractmethod
    def edges_s(self) -> Sequence[float]:
        """Rising times from 0 to the end, at least two; between neighbours the rate is smooth, without corners."""

    @abstractmethod
    def rate(self, t_s: float) -> float:
        """The wanted rate at `t_s` in requests/s; 0 before the start and after the end. At a jump the later one."""

    @abstractmethod
    def integral(self, t_s: float) -> float:
        """The number of requests expected until `t_s`: the integral of the rate from 0 to `t_s`."""

    @property
    def duration_s(self) -> float:
        """How long the shape lasts, in seconds."""
        return self.edges_s[-1]

    @property
    def resolution_s(self) -> float:
        """Means of the rate over less than this say nothing, where arrivals were recorded one by one; else 0."""
        return 0.0

    @cached_property
    def total(self) -> float:
        """The number of requests expected in all."""
        return self.integral(self.duration_s)

    def inverse(self, expected: float) -> float:
        """The earliest time in seconds at which the integral is `expected`, to ROUNDING of a request.

        Raises ValueError when the integral never is.
        """
        expected = self.possible(expected)
        index = bisect_left(self._integrals, expected - ROUNDING) - 1
        if index < 0:
            return 0.0
        low, high = ((self.edges_s[at], self._integrals[at]) for at in (index, index + 1))
        return root(self.integral, self.rate, min(expected, high[1]), low, high)

    def possible(self, expected: float) -> float:
        """`expected`, but not above the total; ValueError when the integral never is that."""
        if not 0 <= expected <= self.total + ROUNDING:
            raise ValueError(f"the integral goes from 0 to {self.total}, never to {expected}")
        return min(expected, self.total)

    @cached_property
    def _integrals(self) -> list[float]:
        """The integral at each edge."""
        return [self.integral(edge_s) for edge_s in self.edges_s]

    @cached_property
    def highest_rps(self) -> float:
        """The highest rate in requests/s; where there is a resolution, the highest mean over it."""
        if self.resolution_s:
            bins = range(math.ceil(self.duration_s / self.resolution_s) + 1)
            sums = [self.integral(number * self.resolution_s) for number in bins]
            return max(later - earlier for earlier, later in pairwise(sums)) / self.resolution_s
        highest = self.rate(self.duration_s)
        for start_s, end_s in pairwise(self.edges_s):
            looks = (start_s + (end_s - start_s) * number / LOOKS for number in range(LOOKS))
            highest = max(highest, *map(self.rate, looks), self.rate(math.nextafter(end_s, 0.0)))
        return highest

    def __add__(self, other: Shape) -> Shape:
        return Sum((self, other))

    def __mul__(self, other: Shape | float) -> Shape:
        return Product((self, other)) if isinstance(other, Shape) else Scaled(self, other)

    __rmul__ = __mul__

    def then(self, other: Shape) -> Shape:
        """This shape and, when it has ended, `other`."""
        return Chain((self, other))


def arrival_count(shape: Shape) -> int:
    """The number of evenly spaced arrivals of `shape`: its whole integral, rounded down."""
    return math.floor(shape.total + ROUNDING)


@dataclass(frozen=True)
class Scaled(Shape):
    """`part` with each rate multiplied by `factor`, which is above 0, else ValueError."""

    part: Shape
    factor: float

    def __post_init__(self) -> None:
        if not 0 < self.factor < math.inf:
            raise ValueError(f"the factor {self.factor} must be a finite number above 0")

    @property
    def edges_s(self) -> Sequence[float]:
        return self.part.edges_s

    @property
    def resolution_s(self) -> float:
        return self.part.resolution_s

    @cached_property
    def highest_rps(self) -> float:
        return self.factor * self.part.highest_rps

    def rate(self, t_s: float) -> float:
        return self.factor * self.part.rate(t_s)

    def integral(self, t_s: float) -> float:
        return self.factor * self.part.integral(t_s)

    def inverse(self, expected: float) -> float:
        return self.part.inverse(min(self.possible(expected) / self.factor, self.part.total))


@dataclass(frozen=True)
class Composite(Shape):
    """A shape made of `parts`, of at least one."""

    parts: tuple[Shape, ...]

    @property
    def resolution_s(self) -> float:
        return max(part.resolution_s for part in self.parts)

    def edges_until(self, end_s: float) -> list[float]:
        """The edges of all parts before `end_s`, and `end_s`."""
        inner = {edge_s for part in self.parts for edge_s in part.edges_s if edge_s < end_s}
        return [*sorted(inner), end_s]


class Sum(Composite):
    """At each time the sum of the rates of all parts; lasts as long as the longest."""

    @cached_property
    def edges_s(self) -> Sequence[float]:
        return self.edges_until(max(part.duration_s for part in self.parts))

    def rate(self, t_s: float) -> float:
        return sum(part.rate(t_s) for part in self.parts)

    def integral(self, t_s: float) -> float:
        return sum(part.integral(t_s) for part in self.parts)


class Product(Composite):
    """At each time the product of the rates of all parts, where all but one are plain factors; lasts as long as the
    shortest.

    The integral has no closed form: Gauss-Legendre quadrature between the edges (Abramowitz and Stegun, Handbook of
    Mathematical Functions, 1964, 25.4.29), exact for products of straight lines.
    """

    @cached_property
    def edges_s(self) -> Sequence[float]:
        return self.edges_until(min(part.duration_s for part in self.parts))

    def rate(self, t_s: float) -> float:
        return math.prod(part.rate(t_s) for part in self.parts) if t_s <= self.duration_s else 0.0

    def integral(self, t_s: float) -> float:
        if t_s <= 0:
            return 0.0
        if t_s >= self.duration_s:
            return self._integrals[-1]
        index = bisect_right(self.edges_s, t_s) - 1
        return self._integrals[index] + quadrature(self.rate, self.edges_s[index], t_s)

    @cached_property
    def _integrals(self) -> list[float]:
        areas = (quadrature(self.rate, start_s, end_s) for start_s, end_s in pairwise(self.edges_s))
        return list(accumulate(areas, initial=0.0))


class Chain(Composite):
    """One part after the other."""

    @cached_property
    def _starts_s(self) -> list[float]:
        """When each part starts, and when the last one ends."""
        return list(accumulate((part.duration_s for part in self.parts), initial=0.0))

    @cached_property
    def _before(self) -> list[float]:
        """The requests expected until each start, and until the end."""
        return list(accumulate((part.total for part in self.parts), initial=0.0))

    @cached_property
    def edges_s(self) -> Sequence[float]:
        starts = zip(self._starts_s, self.parts, strict=False)
        inner = {start_s + edge_s for start_s, part in starts for edge_s in part.edges_s}
        return [*sorted(edge_s for edge_s in inner if edge_s < self._starts_s[-1]), self._starts_s[-1]]

    def rate(self, t_s: float) -> float:
        if t_s > self.duration_s:
            return 0.0
        index = self._part(bisect_right(self._starts_s, t_s) - 1)
        return self.parts[index].rate(min(t_s - self._starts_s[index], self.parts[index].duration_s))

    def integral(self, t_s: float) -> float:
        index = self._part(bisect_right(self._starts_s, t_s) - 1)
        return self._before[index] + self.parts[index].integral(t_s - self._starts_s[index])

    def inverse(self, expected: float) -> float:
        expected = self.possible(expected)
        index = self._part(bisect_left(self._before, expected - ROUNDING) - 1)
        part = self.parts[index]
        return self._starts_s[index] + part.inverse(min(expected - self._before[index], part.total))

    def _part(self, index: int) -> int:
        return min(max(0, index), len(self.parts) - 1)
