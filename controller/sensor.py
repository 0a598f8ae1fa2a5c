"""From HAProxy's statistics and request log, and the instances' cgroups, to one observation."""

import threading
from bisect import bisect_left
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from controller.model import Counts, Instance, Observation, Phase, Sample
from controller.requestlog import Request, Requests
from controller.statistics import Arrivals, Statistics
from controller.window import Counter, percentile

LATENCY_WINDOW_S = 5.0  # enough requests for a percentile even at a low rate


class Balancer(Protocol):
    """Where the statistics come from: HAProxy, or a model of it."""

    def read(self) -> Statistics:
        """The current worker's statistics. Raises OSError or ValueError where there are none."""
        ...


class Recent:
    """The requests that ended lately: how many a second over `rate_window_s`, by outcome, and how long the served ones
    took over at least LATENCY_WINDOW_S."""

    def __init__(self, rate_window_s: float) -> None:
        self._rate_window_s = rate_window_s
        self._latency_window_s = max(LATENCY_WINDOW_S, rate_window_s)
        self._ended: deque[tuple[float, str]] = deque()  # (when, outcome)
        self._tally: Tally[str] = Tally()
        self._served: deque[tuple[float, float]] = deque()  # (when, milliseconds)
        self.latencies_ms: list[float] = []  # in ascending order

    def add(self, requests: Iterable[Request], now_s: float) -> None:
        """Take in what has ended since the last call, and forget what has left the windows."""
        for request in requests:
            outcome = request.outcome
            self._ended.append((request.at_s, outcome))
            self._tally[outcome] += 1
            if outcome == "served" and request.at_s > now_s - self._latency_window_s:
                self._served.append((request.at_s, request.total_ms))
                self.latencies_ms.append(request.total_ms)
        self.latencies_ms.sort()
        while self._ended and self._ended[0][0] <= now_s - self._rate_window_s:
            self._tally[self._ended.popleft()[1]] -= 1
        self._forget(now_s - self._latency_window_s)

    def _forget(self, until_s: float) -> None:
        """Forget the times of what ended until then; few are taken out one by one, of many the rest is sorted anew."""
        gone_ms = []
        while self._served and self._served[0][0] <= until_s:
            gone_ms.append(self._served.popleft()[1])
        if len(gone_ms) > len(self._served):
            self.latencies_ms = sorted(took_ms for _, took_ms in self._served)
            return
        for took_ms in gone_ms:
            del self.latencies_ms[bisect_left(self.latencies_ms, took_ms)]

    def rps(self, outcome: str) -> float:
        return self._tally[outcome] / self._rate_window_s


class HostSensor:
    """The live sensor. `cpu_percent` gives the CPU use of each instance where it is known, in percent of a core.

    Rates are means over `rate_window_s`: a short window reacts soon, but turns single arrivals into noise.
    """

    def __init__(
        self,
        balancer: Balancer,
        requests: Requests,
        clock: Callable[[], float],
        cpu_percent: Callable[[], Mapping[str, float]],
        rate_window_s: float,
    ) -> None:
        self._balancer = balancer
        self._requests = requests
        self._clock = clock
        self._cpu_percent = cpu_percent
        self._recent = Recent(rate_window_s)
        self._arrivals = Arrivals()
        self._offered = Counter(rate_window_s)
        self._rate_window_s = rate_window_s
        self._blind = False  # the rates are not known for a whole window yet, and are not nought for that
        self._lock = threading.Lock()

    def take_over(self) -> None:
        """The fleet served already before this sensor looked at it."""
        self._blind = True

    def sample(self) -> None:
        """Take in the statistics as they are now; also called just before a reload resets the counters."""
        self._read()

    def observe(self, now_s: float, counts: Counts, instances: Sequence[Instance]) -> Observation:
        try:
            statistics = self._read()
        except (OSError, ValueError) as error:
            samples = samples_of(instances, self._cpu_percent(), {})
            missing = f"no statistics from HAProxy ({error or type(error).__name__})"
            self._blind = True
            return Observation(t_s=now_s, counts=counts, instances=samples, missing=missing)
        samples = samples_of(instances, self._cpu_percent(), statistics.servers)
        recent = self._recent
        recent.add(self._requests.take(), now_s)
        latencies = recent.latencies_ms
        return Observation(
            t_s=now_s, counts=counts, missing=self._unsure(), offered_rps=self._offered.rate(),
            served_rps=recent.rps("served"), rejected_rps=recent.rps("rejected"), failed_rps=recent.rps("failed"),
            queue_requests=statistics.queue_requests, in_flight_requests=statistics.in_flight_requests,
            latency_ms_p50=percentile(latencies, 0.50), latency_ms_p95=percentile(latencies, 0.95),
            latency_ms_p99=percentile(latencies, 0.99), cpu_percent=mean_cpu_percent(samples), instances=samples,
        )  # fmt: skip

    def _unsure(self) -> str:
        """After a time without statistics, or with an earlier controller's: until what has arrived is known for a
        whole window."""
        if self._blind and (span_s := self._offered.span_s()) < 0.99 * self._rate_window_s:
            return f"statistics from HAProxy are known for {span_s:.1f} s only"
        self._blind = False
        return ""

    def _read(self) -> Statistics:
        with self._lock:
            try:
                statistics = self._balancer.read()
                pid, total = statistics.worker_pid, statistics.offered_total
                arrived = self._arrivals.total(pid, total, self._requests.finished())
            except (OSError, ValueError):
                self._offered.restart()
                raise
            self._offered.add(self._clock(), "all workers", arrived)
            return statistics


def samples_of(
    instances: Iterable[Instance], cpu_percent: Mapping[str, float], in_flight: Mapping[str, int]
) -> tuple[Sample, ...]:
    """What the fleet, the control groups and HAProxy know of each instance."""
    return tuple([
        Sample(each.name, each.phase, each.ordered_s, each.since_s, cpu_percent.get(each.name),
               in_flight.get(each.name))
        for each in instances
    ])  # fmt: skip


def mean_cpu_percent(samples: Iterable[Sample]) -> float | None:
    """Over the instances in service whose CPU use is known."""
    known = [s.cpu_percent for s in samples if s.phase is Phase.IN_SERVICE and s.cpu_percent is not None]
    return sum(known) / len(known) if known else None
