"""The oracle: the cheapest fleet that would have served every request without a wait, for it knew the load before.

What n instances serve in any second is known from their capacity; with the web application's rate limit it is n times
that, as the limiter counts. So n instances are enough at a moment when at most so many requests came within the second
before it, both ends included: then one of them has a turn left, whoever served the others. An instance has to be
ordered `boot_s` before it serves and costs from then on; to stop it takes no time and costs nothing. Hence the cheapest
fleet at t is the most that is needed at any time from t to t + boot_s.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from experiments.metrics.capacity import WINDOW_S, Capacity


@dataclass(frozen=True, slots=True)
class Steps:
    """A staircase of instances: `counts[i]` holds from `times_s[i]` to the next time, the last one until `end_s`."""

    times_s: tuple[float, ...]
    counts: tuple[int, ...]
    end_s: float

    def at(self, t_s: float) -> int:
        """The count at `t_s`; 0 before the first step and from the end on."""
        index = bisect_right(self.times_s, t_s) - 1
        return self.counts[index] if index >= 0 and t_s < self.end_s else 0

    @property
    def instance_seconds(self) -> float:
        """The area below."""
        spans_s = (later - earlier for earlier, later in pairwise((*self.times_s, self.end_s)))
        return math.fsum(count * span_s for count, span_s in zip(self.counts, spans_s, strict=True))


def demand(due_s: Iterable[float], capacity: Capacity) -> Steps:
    """The instances that are needed at least, while requests are due at these times."""
    came_s = sorted(due_s)
    if not came_s:
        return Steps((), (), 0.0)
    left_s = [math.nextafter(t_s + WINDOW_S, math.inf) for t_s in came_s]  # a second later it counts for the last time
    steps, within = [], 0
    for t_s, change in sorted([(t_s, 1) for t_s in came_s] + [(t_s, -1) for t_s in left_s]):
        within += change
        steps.append((t_s, capacity.instances_for(within)))
    return staircase(steps, left_s[-1])


def ordered_ahead(needed: Steps, boot_s: float) -> Steps:
    """The smallest fleet, booting instances included, of which `needed` can serve at any time: the greatest of
    `needed` over the `boot_s` to come."""
    spans = list(zip(needed.times_s, (*needed.times_s[1:], needed.end_s), needed.counts, strict=True))
    steps: list[tuple[float, int]] = []
    ahead: deque[tuple[float, int]] = deque()  # (until, count) of what is needed ahead, falling counts
    moments = sorted({start_s - boot_s for start_s, _, _ in spans} | {end_s for _, end_s, _ in spans})
    upcoming = deque(spans)
    for t_s in moments:
        while upcoming and upcoming[0][0] - boot_s <= t_s:
            _, end_s, count = upcoming.popleft()
            while ahead and ahead[-1][1] <= count:
                ahead.pop()
            ahead.append((end_s, count))
        while ahead and ahead[0][0] <= t_s:
            ahead.popleft()
        steps.append((t_s, ahead[0][1] if ahead else 0))
    return staircase(steps, needed.end_s)


def oracle(
    due_s: Iterable[float], capacity: Capacity, boot_s: float, span_s: tuple[float, float], minimum: int = 0
) -> Steps:
    """The cheapest fleet from `span_s[0]` to `span_s[1]`, never below `minimum`, that serves all that is due within."""
    return oracle_of(demand(due_s, capacity), boot_s, span_s, minimum)


def oracle_of(needed: Steps, boot_s: float, span_s: tuple[float, float], minimum: int = 0) -> Steps:
    """The same where the instances that are needed at least are known."""
    return over(ordered_ahead(needed, boot_s) if needed.times_s else needed, span_s, minimum)


def over(steps: Steps, span_s: tuple[float, float], minimum: int = 0) -> Steps:
    """The part of a staircase from `span_s[0]` to `span_s[1]`, never below `minimum`."""
    start_s, end_s = span_s
    moments = [start_s, *(t_s for t_s in (*steps.times_s, steps.end_s) if start_s < t_s < end_s)]
    return staircase([(t_s, max(minimum, steps.at(t_s))) for t_s in moments], end_s)


def staircase(steps: Sequence[tuple[float, int]], end_s: float) -> Steps:
    """Of several counts at one time the last one holds; steps that change nothing are left out."""
    last = dict(steps)  # keeps the order of the times
    kept: list[tuple[float, int]] = []
    for t_s, count in last.items():
        if t_s < end_s and (not kept or kept[-1][1] != count):
            kept.append((t_s, count))
    return Steps(tuple(t_s for t_s, _ in kept), tuple(count for _, count in kept), end_s)
