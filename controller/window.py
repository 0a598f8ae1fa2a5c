"""Sliding windows over time. The caller passes `now_s`; nothing here reads a clock."""

import math
from collections import deque
from collections.abc import Sequence


class Window:
    """The (time, value) samples of the last `length_s` seconds."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self._samples: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, value: float) -> None:
        self._samples.append((now_s, value))
        self.trim(now_s)

    def trim(self, now_s: float) -> None:
        while self._samples and self._samples[0][0] <= now_s - self.length_s:
            self._samples.popleft()

    def __len__(self) -> int:
        return len(self._samples)

    def values(self) -> list[float]:
        return [value for _, value in self._samples]

    def sum(self) -> float:
        return math.fsum(value for _, value in self._samples)


class Highest:
    """The highest of the values of the last `length_s` seconds. Those that a later one exceeds are not kept."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self._falling: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, value: int) -> int | None:
        """The highest with this one; None where the window has no length."""
        falling = self._falling
        while falling and falling[-1][1] <= value:
            falling.pop()
        falling.append((now_s, value))
        while falling and falling[0][0] <= now_s - self.length_s:
            falling.popleft()
        return falling[0][1] if falling else None


class Counter:
    """A rate from a growing total, summed over restarts of its source.

    HAProxy's counters start at zero in each new worker; `source` names the worker, so that a fall is never taken for
    a negative rate and a new worker's first requests are not lost.
    """

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self._source: object = None
        self._last = 0
        self._total = 0
        self._points: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, source: object, value: int) -> None:
        if self._source is None:
            self._last = value
        elif source != self._source or value < self._last:
            self._last = 0
        self._source = source
        self._total += value - self._last
        self._last = value
        self._points.append((now_s, self._total))
        while len(self._points) > 2 and self._points[1][0] <= now_s - self.length_s:
            self._points.popleft()

    def restart(self) -> None:
        """Forget the points: the rate is not known, until there are new ones."""
        self._points.clear()

    def span_s(self) -> float:
        """So many seconds the points cover."""
        return self._points[-1][0] - self._points[0][0] if self._points else 0.0

    def rate(self) -> float | None:
        """Units per second over the last `length_s` seconds, None until two points exist."""
        if len(self._points) < 2:
            return None
        (first_s, first), (last_s, last) = self._points[0], self._points[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else None


def percentile(sorted_values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile (0 < share <= 1) of values in ascending order, None when there are none."""
    if not sorted_values:
        return None
    return sorted_values[max(0, math.ceil(share * len(sorted_values)) - 1)]
