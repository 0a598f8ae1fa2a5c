"""What went on in a fluid run: flows from span to span, what the sensor sees of them, and latencies from both."""

import math
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from controller.model import Counts, Instance, Observation, Phase, Sample
from controller.sensor import LATENCY_WINDOW_S
from experiments.simulator.flow import Flow, Totals
from experiments.simulator.parameters import Service, Times, draws_s
from loadgen.load import OpenLoad

RANKS = (0.5, 0.95, 0.99, 1.0)
SAMPLES = 2000  # of the times that answers take
QUANTILES = 100  # of these, where they are added to waits


class Answers:
    """How long answers take where nothing waits, for the kinds of requests that a load has; with `lag`, from when they
    were due."""

    def __init__(self, service: Service, load: OpenLoad, lag: Times | None = None) -> None:
        integrals = round(load.integral_share * SAMPLES)
        drawn = np.array([*islice(draws_s(service.integral, 0, "integral"), integrals),
                          *islice(draws_s(service.get, 0, "get"), SAMPLES - integrals)])  # fmt: skip
        if lag is not None:
            drawn += list(islice(draws_s(lag, 0, "lag"), SAMPLES))
        self.mean_s = float(np.mean(drawn))
        self._ms = 1000 * np.quantile(drawn, (np.arange(QUANTILES) + 0.5) / QUANTILES)
        p50, p95, p99, most = (1000 * float(np.quantile(drawn, rank)) for rank in RANKS)
        self._alone = (p50, p95, p99, most)

    def latencies_ms(
        self, served: Sequence[float], waited_s: Sequence[float]
    ) -> tuple[float, float, float, float] | None:
        """The latencies at RANKS of amounts that were served after they had waited so long; None for nothing."""
        if not any(served):
            return None
        if not any(waited_s):
            return self._alone
        waits_ms, index = np.unique(np.round(1000 * np.asarray(waited_s)), return_inverse=True)
        weights = np.repeat(np.bincount(index, weights=np.asarray(served)), QUANTILES)
        latencies = np.add.outer(waits_ms, self._ms).ravel()
        order = np.argsort(latencies)
        upto = np.cumsum(weights[order])
        places = np.searchsorted(upto, np.asarray(RANKS) * upto[-1] * (1 - 1e-9))
        p50, p95, p99, most = (float(latencies[order[min(place, len(order) - 1)]]) for place in places)
        return p50, p95, p99, most


class Flows:
    """All spans of a run: until when, how many came, how many were served and how long these had waited; and the totals
    at each tick with what waits then."""

    def __init__(self) -> None:
        self.until_s, self.came, self.served, self.waited_s = array("d"), array("q"), array("d"), array("d")
        self.last_waited_s = -math.inf  # when something that had waited was served for the last time
        self.ticks: list[tuple[float, int, float, float, float, float]] = []

    def note(self, until_s: float, came: int, served: float, waited_s: float) -> None:
        self.until_s.append(until_s)
        self.came.append(came)
        self.served.append(served)
        self.waited_s.append(waited_s)
        if waited_s:
            self.last_waited_s = until_s

    def tick(self, now_s: float, totals: Totals, queue_requests: float) -> None:
        self.ticks.append((now_s, totals.offered, totals.served, totals.rejected, totals.failed, queue_requests))

    def since(self, start_s: float) -> slice:
        """The spans that ended after then."""
        return slice(bisect_right(self.until_s, start_s), None)


class Samples(Sequence[Sample]):
    """The instances as policies see them, made when one looks: few policies do."""

    def __init__(self, instances: Sequence[Instance], cpu_percent: float | None, in_flight_requests: int) -> None:
        self._instances = instances
        self._shown = (cpu_percent, in_flight_requests)
        self._made: tuple[Sample, ...] | None = None

    def __len__(self) -> int:
        return len(self._instances)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._all())

    def __getitem__(self, index: int | slice) -> Sample | tuple[Sample, ...]:  # type: ignore[override]
        return self._all()[index]

    def _all(self) -> tuple[Sample, ...]:
        if self._made is None:
            cpu_percent, in_flight = self._shown
            self._made = tuple([
                Sample(each.name, each.phase, each.ordered_s, each.since_s, cpu_percent, in_flight)
                if each.phase is Phase.IN_SERVICE
                else Sample(each.name, each.phase, each.ordered_s, each.since_s)
                for each in self._instances
            ])  # fmt: skip
        return self._made


class FlowSensor:
    """Sees the flows as the live sensor sees requests. `cpu_s` is what each answer takes of its instance's CPU."""

    def __init__(self, flow: Flow, flows: Flows, answers: Answers, rate_window_s: float, cpu_s: float) -> None:
        self._flow = flow
        self._flows = flows
        self._answers = answers
        self._cpu_s = cpu_s
        self._rate_window_s = rate_window_s
        self._latency_window_s = max(LATENCY_WINDOW_S, rate_window_s)
        self._points: deque[tuple[float, int, float, float, float]] = deque()

    def observe(self, now_s: float, counts: Counts, instances: Sequence[Instance]) -> Observation:
        self._flow.advance(now_s)
        self._flows.tick(now_s, self._flow.totals, self._flow.queue_requests)
        waiting = self._flow.seen_requests
        offered, served, rejected, failed = self._rates(now_s)
        p50, p95, p99 = self._latencies(now_s)
        serving = max(1, self._flow.windows.usable)
        computing = ((served or 0.0) + (rejected or 0.0)) / serving
        held = min(waiting, self._flow.held * serving)
        in_flight = waiting + (served or 0.0) * self._answers.mean_s
        cpu_percent = min(100.0, 100 * computing * self._cpu_s) if counts.in_service else None
        return Observation(
            t_s=now_s, counts=counts, offered_rps=offered, served_rps=served or 0.0, rejected_rps=rejected or 0.0,
            failed_rps=failed or 0.0, queue_requests=round(waiting - held), in_flight_requests=round(in_flight),
            latency_ms_p50=p50, latency_ms_p95=p95, latency_ms_p99=p99, cpu_percent=cpu_percent,
            instances=Samples(instances, cpu_percent, round(in_flight / serving)),
        )  # fmt: skip

    def _rates(self, now_s: float) -> tuple[float | None, ...]:
        """Of what was offered, served, rejected and failed, over the rate window, as controller.window.Counter does."""
        totals, points = self._flow.totals, self._points
        points.append((now_s, totals.offered, totals.served, totals.rejected, totals.failed))
        while len(points) > 2 and points[1][0] <= now_s - self._rate_window_s:
            points.popleft()
        began_s, *before = points[0]
        span_s = now_s - began_s
        if not span_s > 0:
            return None, None, None, None
        offered, served, rejected, failed = before
        return ((totals.offered - offered) / span_s, (totals.served - served) / span_s,
                (totals.rejected - rejected) / span_s, (totals.failed - failed) / span_s)  # fmt: skip

    def _latencies(self, now_s: float) -> tuple[float | None, ...]:
        start_s, flows = now_s - self._latency_window_s, self._flows
        lately = flows.since(start_s)
        waited_s = flows.waited_s[lately] if flows.last_waited_s > start_s else ()
        found = self._answers.latencies_ms(flows.served[lately], waited_s)
        return (None, None, None) if found is None else found[:3]
