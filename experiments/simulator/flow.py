"""Load, balancer and instances as flows: how much arrives, is served, waits and is lost between two moments.

In each span of at most a second the load's arrivals meet what the instances' rate limiters admit. Where instances
reject, the arrivals are spread evenly and each instance refuses what exceeds its window. Where they pace, all wait in
one queue that is served in the order of arrival, until its timeout. A reload leaves the queue behind: it is served by
the instances of that time, before others. Without a rate limit an instance serves what its CPU can.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor

import numpy as np

from controller.config import Service as Settings
from controller.haproxy_config import HELD_REQUESTS
from experiments.simulator.balancer import QUEUE_S
from experiments.simulator.client import TIMEOUT_S
from experiments.simulator.parameters import Service
from experiments.simulator.windows import Cohort, Windows
from loadgen.load import OpenLoad
from webapp.pacing import WINDOW_S

SPAN_S = WINDOW_S  # the longest that is looked at as a whole


class Arrivals:
    """How many requests of a load have come; even ones by the load's integral, others by chance with that mean. `times`
    as many come as the load says, in a time that is stretched."""

    def __init__(self, load: OpenLoad, origin_s: float, times: int = 1, stretch: float = 1.0) -> None:
        self._curve = load.curve()
        self._origin_s = origin_s
        self._stretch = stretch
        self._factor = times * stretch
        self._random = np.random.default_rng([load.seed, *b"arrivals"]) if load.arrivals == "poisson" else None
        self._expected = 0.0

    def until(self, now_s: float) -> int:
        """How many have come since the last call."""
        before = self._expected
        expected = self._expected = self._factor * self._curve.integral((now_s - self._origin_s) / self._stretch)
        if self._random is None:
            return floor(expected + 1e-9) - floor(before + 1e-9)
        return int(self._random.poisson(max(0.0, expected - before)))


@dataclass(slots=True)
class Totals:
    """Requests since the beginning."""

    offered: int = 0
    served: float = 0.0
    rejected: float = 0.0
    failed: float = 0.0


@dataclass(slots=True, eq=False)
class Queue:
    """What waits: when it came and how much. `cohorts` are the only ones that serve it, None for all."""

    cohorts: tuple[Cohort, ...] | None = None
    waiting: deque[tuple[float, float]] = field(default_factory=deque)
    amount: float = 0.0


class Flow:
    """The state at a moment, and how it goes on. With `waits_for_first` requests wait while there is no instance.
    `span` is told of each span: its end, how many came, how many were served and how long these had waited, in seconds
    on average."""

    def __init__(
        self, arrivals: Arrivals, settings: Settings, service: Service, waits_for_first: bool,
        span: Callable[[float, int, float, float], None],
    ) -> None:  # fmt: skip
        cpu_rps = 1000 * (min(1.0, settings.cpu_cores) if settings.cpu_cores else 1.0) / max(service.cpu_ms, 1e-3)
        limited = 0 < settings.rate_limit <= cpu_rps
        self.totals = Totals()
        self.windows = Windows()
        self._limit = (settings.rate_limit if limited else cpu_rps) * WINDOW_S
        self._rejects = limited and settings.overload == "reject"
        self._patience_s = QUEUE_S if limited else TIMEOUT_S
        self.held = HELD_REQUESTS if limited and not self._rejects else 0  # at an instance, not in the queue
        self._waits_for_first = waits_for_first
        self._arrivals = arrivals
        self._span = span
        self._at_s = 0.0
        self._queue = Queue()
        self._left: list[Queue] = []  # behind, with workers that were replaced

    @property
    def queue_requests(self) -> float:
        return self._queue.amount + sum(queue.amount for queue in self._left)

    @property
    def seen_requests(self) -> float:
        """What waits as HAProxy's statistics tell it: without what lies behind with workers that were replaced."""
        return self._queue.amount

    @property
    def queues(self) -> bool:
        """Do requests wait?"""
        return bool(self._queue.waiting or self._left)

    @property
    def each_rps(self) -> float:
        """What one instance serves at most."""
        return self._limit / WINDOW_S

    def leave_queue_behind(self) -> None:
        if self._queue.waiting:
            self._queue.cohorts = tuple(self.windows.cohorts)
            self._left.append(self._queue)
            self._queue = Queue()

    def advance(self, now_s: float) -> None:
        """Go on until then."""
        while self._at_s < now_s - 1e-9:
            until_s = min(now_s, self._at_s + SPAN_S)
            self._pass(self._at_s, until_s)
            self._at_s = until_s
        self.windows.merge(now_s)

    def _pass(self, from_s: float, until_s: float) -> None:
        came = self._arrivals.until(until_s)
        self.totals.offered += came
        served, waited_s = 0.0, 0.0
        if not self.windows.usable and not self._waits_for_first:
            self.totals.failed += came
        elif self._rejects and self.windows.usable:
            served, waited_s = self._spread(came, from_s, until_s) if came or self.queues else (0.0, 0.0)
        elif came or self.queues:
            served, waited_s = self._serve(came, from_s, until_s)
        self.totals.served += served
        self._span(until_s, came, served, waited_s)

    def _spread(self, came: int, from_s: float, until_s: float) -> tuple[float, float]:
        """Evenly over all instances, with what waited for the first one; what exceeds the window of one it refuses. How
        much is served, and how long it had waited on average."""
        late = sum(queue.amount for queue in (*self._left, self._queue))
        waited = sum(self._take(queue, queue.amount, (from_s + until_s) / 2) for queue in (*self._left, self._queue))
        self._left.clear()
        amount = came + late
        each, served = amount / self.windows.usable, 0.0
        for cohort in self.windows.cohorts:
            if cohort.usable:
                admitted = min(each, cohort.room(until_s, self._limit))
                cohort.admit(from_s, until_s, admitted)
                served += admitted * cohort.usable
        self.totals.rejected += max(0.0, amount - served)
        return served, waited / amount

    def _serve(self, came: int, from_s: float, until_s: float) -> tuple[float, float]:
        """What came before goes first; how much is served, and how long it had waited on average."""
        middle_s = (from_s + until_s) / 2
        if came:
            self._queue.waiting.append((middle_s, float(came)))
            self._queue.amount += came
        served, waited = 0.0, 0.0
        for queue in (*self._left, self._queue):
            cohorts = self.windows.cohorts if queue.cohorts is None else queue.cohorts
            rooms = [(cohort, cohort.room(until_s, self._limit)) for cohort in cohorts if cohort.usable]
            room = sum(cohort.usable * each for cohort, each in rooms)
            taken = min(queue.amount, room)
            if taken > 0:
                for cohort, each in rooms:
                    cohort.admit(from_s, until_s, each * taken / room)
                waited += self._take(queue, taken, middle_s)
                served += taken
            self._expire(queue, until_s)
        self._left = [queue for queue in self._left if queue.waiting]
        return served, waited / served if served else 0.0

    @staticmethod
    def _take(queue: Queue, amount: float, now_s: float) -> float:
        """Take so much from the front; the sum of how long it had waited."""
        queue.amount -= amount
        waited = 0.0
        while amount > 1e-9 and queue.waiting:
            came_s, count = queue.waiting.popleft()
            part = min(count, amount)
            waited += part * (now_s - came_s)
            amount -= part
            if count - part > 1e-9:
                queue.waiting.appendleft((came_s, count - part))
        if not queue.waiting:
            queue.amount = 0.0
        return waited

    def _expire(self, queue: Queue, now_s: float) -> None:
        while queue.waiting and queue.waiting[0][0] <= now_s - self._patience_s:
            _, count = queue.waiting.popleft()
            queue.amount -= count
            self.totals.failed += count
