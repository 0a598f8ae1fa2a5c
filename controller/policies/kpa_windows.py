"""The two memories of the Knative Pod Autoscaler: averages of seconds over a window, and the most of late decisions.

Source: Knative Serving (commit 98e5ef9), pkg/autoscaler/aggregation/bucketing.go and aggregation/max.

An average is taken over the seconds from the first sample on, at most over the window. A second without a sample counts
as 0 when later ones have samples, and does not count when none has; after a whole window without samples the average
starts anew. Knative gets one sample a second; here a second's value is the mean of its samples.
"""

import math
from collections import deque

BUCKET_S = 1.0
DIGITS = 10**6  # averages are cut to six decimals, so that rounding errors never ask for one instance more
LEAST_DECAY = 0.2
WEIGHT_TOLD = 0.9999  # of the weights lies within the window


class Buckets:
    """Seconds of a window, the newest last."""

    def __init__(self, window_s: float) -> None:
        self.size = math.ceil(window_s / BUCKET_S)
        self._seconds: deque[tuple[int, float, int]] = deque()  # second, sum, number of samples
        self._first = 0

    def record(self, second: int, value: float) -> None:
        """Take in a sample; `second` never falls."""
        if self._seconds and self._seconds[-1][0] == second:
            _, total, samples = self._seconds.pop()
            self._seconds.append((second, total + value, samples + 1))
            return
        if not self._seconds or second - self._seconds[-1][0] >= self.size:
            self._seconds.clear()
            self._first = second
        self._seconds.append((second, value, 1))
        while self._seconds[0][0] <= second - self.size:
            self._seconds.popleft()

    def empty(self, now: int) -> bool:
        """Is there no sample of the window? One second longer than that, as Knative has it."""
        return not self._seconds or now - self._seconds[-1][0] > self.size

    def average(self, now: int) -> float:
        """The mean of the seconds that count."""
        silent = now - self._seconds[-1][0] if self._seconds else self.size
        if silent >= self.size:
            return 0.0
        counting = min(self._seconds[-1][0] - self._first + 1, self.size - silent)
        total = math.fsum(value for _, value in self._since(now - self.size))
        return math.floor(total / counting * DIGITS) / DIGITS

    def weighted(self, now: int) -> float:
        """The exponentially weighted mean: each second counts for less than the one after it."""
        decay = max(LEAST_DECAY, 1 - (1 - WEIGHT_TOLD) ** (1 / self.size))
        return math.fsum(
            value * decay * (1 - decay) ** (now - second) for second, value in self._since(now - self.size)
        )

    def _since(self, start: int) -> list[tuple[int, float]]:
        return [(second, total / samples) for second, total, samples in self._seconds if second > start]


class Latest:
    """The most that was wanted within a delay, in steps of the time between two decisions."""

    def __init__(self, delay_s: float, step_s: float) -> None:
        self._steps = math.ceil(delay_s / step_s)
        self._step_s = step_s
        self._wanted: deque[tuple[int, int]] = deque()

    def most(self, now_s: float, wanted: int) -> int:
        """Take in what is wanted now; the most of the last steps."""
        step = math.floor(now_s / self._step_s + 1e-9)
        self._wanted.append((step, wanted))
        while self._wanted[0][0] <= step - self._steps:
            self._wanted.popleft()
        return max(each for _, each in self._wanted)
