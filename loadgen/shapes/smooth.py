"""Shapes without corners, whose integrals are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from loadgen.shapes.shape import Shape

CELLS_A_PERIOD = 8
CELLS = 60  # of a double wave: a quarter of a wave's width each


@dataclass(frozen=True)
class Sine(Shape):
    """From `low_rps` up to `peak_rps` and down again in each period of `period_s` seconds."""

    low_rps: float
    peak_rps: float
    period_s: float
    end_s: float

    @cached_property
    def edges_s(self) -> Sequence[float]:
        cell_s = self.period_s / CELLS_A_PERIOD
        cells_s = (number * cell_s for number in range(math.ceil(self.end_s / cell_s)))
        return [*(edge_s for edge_s in cells_s if edge_s < self.end_s), self.end_s]

    def rate(self, t_s: float) -> float:
        if t_s < 0 or t_s > self.end_s:
            return 0.0
        swing_rps = (self.peak_rps - self.low_rps) / 2
        return self.low_rps + swing_rps * (1 - math.cos(2 * math.pi * t_s / self.period_s))

    def integral(self, t_s: float) -> float:
        t_s = min(max(0.0, t_s), self.end_s)
        swing_rps, per_s = (self.peak_rps - self.low_rps) / 2, 2 * math.pi / self.period_s
        return self.low_rps * t_s + swing_rps * (t_s - math.sin(per_s * t_s) / per_s)


@dataclass(frozen=True)
class DoubleWave(Shape):
    """`low_rps` and on it two bell curves, which reach `first_rps` and `second_rps` after one and two thirds of the
    time, as in Locust's example `double_wave.py`."""

    low_rps: float
    first_rps: float
    second_rps: float
    end_s: float

    @cached_property
    def edges_s(self) -> Sequence[float]:
        return [number * self.end_s / CELLS for number in range(CELLS)] + [self.end_s]

    @cached_property
    def _waves(self) -> tuple[tuple[float, float], ...]:
        """Height in requests/s above `low_rps` and middle in s of each."""
        heights_rps = self.first_rps - self.low_rps, self.second_rps - self.low_rps
        return tuple(zip(heights_rps, (self.end_s / 3, 2 * self.end_s / 3), strict=True))

    @property
    def _width_s(self) -> float:
        """How far from the middle a wave is 1/e high."""
        return self.end_s / 15

    def rate(self, t_s: float) -> float:
        if t_s < 0 or t_s > self.end_s:
            return 0.0
        heights = (height * math.exp(-(((t_s - middle_s) / self._width_s) ** 2)) for height, middle_s in self._waves)
        return self.low_rps + sum(heights)

    def integral(self, t_s: float) -> float:
        t_s = min(max(0.0, t_s), self.end_s)
        areas = (
            height * (math.erf((t_s - middle_s) / self._width_s) + math.erf(middle_s / self._width_s))
            for height, middle_s in self._waves
        )
        return self.low_rps * t_s + self._width_s * math.sqrt(math.pi) / 2 * sum(areas)
