"""The Knative Pod Autoscaler (KPA): enough instances for the mean load of a long and, in panic, of a short window.

Source: Knative Serving (commit 98e5ef9), pkg/autoscaler/scaling/autoscaler.go and multiscaler.go; defaults of its
ConfigMap config-autoscaler. Each `tick_interval_s`, with `ready` = instances in service, at least 1, and the averages
of the load of all instances over the stable and the panic window:

    target = target of one instance × target_utilization
    S = ceil(stable average / target), P = ceil(panic average / target)
    both at least floor(ready / max_scale_down_rate) and at most ceil(max_scale_up_rate × ready),
    and where there is load at least activation_scale
    panic begins when P (before these bounds) ≥ panic_threshold × ready, and ends a stable window after that was last so
    wanted = S, or in panic max(S, P) and never fewer than before in this panic
    wanted = the most that was wanted within scale_down_delay_s

The load is `in_flight_requests` (those in HAProxy's queue are among them, as those in Knative's activator are) or
`offered_rps`. Zero is left at once when a request waits; the way there is in `kpa_zero`. With several instances in
service at its first decision it starts in panic, for it does not know the load of the past.

Different from Knative: there are no other revisions, so every service is reachable; the bounds of the policy file apply
afterwards; seconds without a look at the load between two looks have the later one's; and without a known load there
are never fewer instances. The excess burst capacity decides nothing, for the queue is always in the path.

Example:

    instances: {min: 0, max: 20}
    service: {overload: queue}
    apply: runtime
    policy:
      kpa: {metric: concurrency, target: 4, stable_window_s: 20}
"""

import math
from typing import Literal

from pydantic import Field, field_validator

from controller.model import Decision, Observation, metric
from controller.policies.base import Period, Strict
from controller.policies.kpa_windows import Buckets, Latest
from controller.policies.kpa_zero import Activity, Zero

LOADS = {"concurrency": "in_flight_requests", "rps": "offered_rps"}
UNITS = {"concurrency": "requests in flight", "rps": "requests/s"}
TARGETS = {"concurrency": 100.0, "rps": 200.0}
LEAST_TARGET = 0.01
ANY_BURST = -1.0


class KpaConfig(Strict):
    """Options under `kpa:`."""

    metric: Literal["concurrency", "rps"] = "concurrency"
    """The load: requests in flight, or offered requests a second."""
    target: float | None = Field(default=None, ge=LEAST_TARGET, le=1e6)  # of one instance; None: 100 or 200
    """[the metric's] The load that one instance can bear; none: 100 in flight, 200 requests/s."""
    target_utilization: float = Field(default=0.7, gt=0, le=1)
    """Share of `target` that each instance is to have."""
    stable_window_s: float = Field(default=60, ge=6, le=3600, multiple_of=1)
    """The long window, in whole seconds."""
    panic_window_percentage: float = Field(default=10, ge=1, le=100)
    """The short window, of the long one."""
    panic_threshold_percentage: float = Field(default=200, ge=110, le=1000)
    """Panic begins when the short window needs so much of the instances in service."""
    max_scale_up_rate: float = Field(default=1000, gt=1, le=1e6)
    """At one time at most so many times those in service."""
    max_scale_down_rate: float = Field(default=2, gt=1, le=1e6)
    """At one time at least those in service divided by it."""
    scale_down_delay_s: float = Field(default=0, ge=0, le=3600)
    """Fewer only when no more were wanted in so long."""
    initial_scale: int = Field(default=1, ge=0, le=200)
    """[instances] At least so many at first, until they serve."""
    activation_scale: int = Field(default=1, ge=1, le=200)
    """[instances] At least so many where there is load."""
    enable_scale_to_zero: bool = True
    """May the last instance go?"""
    scale_to_zero_grace_period_s: float = Field(default=30, gt=0, le=86400)
    """So long the last instance stays after no load is left in the mean."""
    scale_to_zero_pod_retention_period_s: float = Field(default=0, ge=0, le=3600)
    """The same; the longer of the two counts."""
    progress_deadline_s: float = Field(default=600, gt=0, le=86400)
    """After this time and 30 s a service whose instances do not serve is given up."""
    target_burst_capacity: float = Field(default=211, ge=ANY_BURST, le=1e6)
    """[requests] Told by `--explain`, of no effect here; -1: any burst."""
    aggregation: Literal["linear", "weighted-exponential"] = "linear"
    """Whether all seconds of a window count alike, or newer ones more."""
    tick_interval_s: float = Field(default=2, ge=0.1, le=60)
    """After this time it decides again."""

    @field_validator("target_burst_capacity")
    @classmethod
    def _any_or_some(cls, capacity: float) -> float:
        if ANY_BURST < capacity < 0:
            raise ValueError("must be at least 0, or -1 for any burst")
        return capacity

    @property
    def total(self) -> float:
        """The load that one instance can bear."""
        return TARGETS[self.metric] if self.target is None else self.target

    @property
    def each(self) -> float:
        """The load that each instance is to have."""
        return max(LEAST_TARGET, self.total * self.target_utilization)

    @property
    def panic_threshold(self) -> float:
        return self.panic_threshold_percentage / 100

    @property
    def panic_window_s(self) -> float:
        return max(1.0, math.floor(self.stable_window_s * self.panic_window_percentage / 100 + 0.5))

    def zero(self) -> Zero:
        return Zero(
            allowed=self.enable_scale_to_zero, stable_window_s=self.stable_window_s, initial=self.initial_scale,
            grace_s=self.scale_to_zero_grace_period_s, retention_s=self.scale_to_zero_pod_retention_period_s,
            progress_deadline_s=self.progress_deadline_s,
        )  # fmt: skip


class Autoscaler:
    """The wanted count from the averages of both windows; remembers panic, and what was wanted lately."""

    def __init__(self, config: KpaConfig) -> None:
        self._config = config
        self._panic_s: float | None = None
        self._most_in_panic = 0
        delay_s = config.scale_down_delay_s
        self._latest = Latest(delay_s, config.tick_interval_s) if delay_s else None

    def start(self, now_s: float, in_service: int) -> None:
        """Before the first decision."""
        self._most_in_panic = in_service
        self._panic_s = now_s if in_service > 1 else None

    def decide(self, now_s: float, in_service: int, stable: float, panic: float) -> Decision:
        config, ready = self._config, max(1, in_service)
        needs = math.ceil(stable / config.each), math.ceil(panic / config.each)
        fewest, most = math.floor(ready / config.max_scale_down_rate), math.ceil(config.max_scale_up_rate * ready)
        by_stable, by_panic = (self._bounded(need, fewest, most) for need in needs)
        self._watch(now_s, needs[1] / ready)
        considered = (
            f"stable window of {config.stable_window_s:g} s: {self._words(stable, needs[0])}",
            f"panic window of {config.panic_window_s:g} s: {self._words(panic, needs[1])}, "
            f"{needs[1] / ready:.3g} times {ready} in service, panic is from {config.panic_threshold:g} times",
            f"rates allow {fewest} to {most} at {ready} in service: {by_stable} and {by_panic}",
            self._burst(in_service, panic),
        )
        if self._panic_s is None:
            wanted, reason = by_stable, self._words(stable, needs[0]) + _bound(needs[0], by_stable)
        else:
            wanted, reason = self._panic(max(stable, panic), max(needs), max(by_stable, by_panic))
        return self._delay(now_s, Decision(wanted, reason, considered))

    def _words(self, load: float, need: int) -> str:
        return f"{load:.4g} {UNITS[self._config.metric]} at {self._config.each:g} each need {need}"

    def _bounded(self, need: int, fewest: int, most: int) -> int:
        bounded = min(max(need, fewest), most)
        return max(bounded, self._config.activation_scale) if need and self._config.activation_scale > 1 else bounded

    def _watch(self, now_s: float, share: float) -> None:
        """Begin, prolong or end panic."""
        if share >= self._config.panic_threshold:
            self._panic_s = now_s
        elif self._panic_s is not None and self._panic_s + self._config.stable_window_s < now_s:
            self._panic_s, self._most_in_panic = None, 0

    def _panic(self, load: float, need: int, bounded: int) -> tuple[int, str]:
        self._most_in_panic = wanted = max(bounded, self._most_in_panic)
        kept = f"; never fewer than {wanted} in this panic" if wanted > bounded else ""
        return wanted, f"panic: {self._words(load, need)}{_bound(need, bounded)}{kept}"

    def _delay(self, now_s: float, decision: Decision) -> Decision:
        if self._latest is None:
            return decision
        most, why = self._latest.most(now_s, decision.wanted), f"within {self._config.scale_down_delay_s:g} s"
        considered = (*decision.considered, f"scale-down delay: at most {most} were wanted {why}")
        kept = f"; {most} were wanted {why}" if most > decision.wanted else ""
        return Decision(most, decision.reason + kept, considered)

    def _burst(self, in_service: int, panic: float) -> str:
        burst = self._config.target_burst_capacity
        if burst == ANY_BURST:
            return "excess burst capacity: -1, any burst is expected (no effect here)"
        excess = math.floor(in_service * self._config.total - burst - panic) if burst else 0
        return f"excess burst capacity: {excess} beyond a burst of {burst:g} (no effect here)"


def _bound(need: int, bounded: int) -> str:
    return "" if need == bounded else f", bounded to {bounded}"


class Kpa:
    """The policy `kpa`."""

    Config = KpaConfig

    def __init__(self, config: KpaConfig) -> None:
        self._config = config
        self._windows = Buckets(config.stable_window_s), Buckets(config.panic_window_s)
        self._autoscaler = Autoscaler(config)
        self._activity = Activity(config.zero())
        self._period = Period(config.tick_interval_s)
        self._seen_s: float | None = None
        self._wished = -1

    def describe(self) -> list[str]:
        config, stable_s = self._config, f"{self._config.stable_window_s:g} s"
        share = "" if config.target_utilization == 1 else f" ({config.target_utilization:.0%} of {config.total:g})"
        lines = [
            f"as many instances that each has at most {config.each:g} {UNITS[config.metric]}{share}, "
            f"in the mean of {stable_s}, looked at every {config.tick_interval_s:g} s",
            f"panic when the mean of {config.panic_window_s:g} s needs {config.panic_threshold:g} times those in "
            f"service: as many as either mean needs, and no fewer until {stable_s} after the last time",
            f"at one time at most {config.max_scale_up_rate:g} times "
            f"and at least 1/{config.max_scale_down_rate:g} of those in service",
        ]
        if config.scale_down_delay_s:
            lines.append(f"fewer only when no more were wanted for {config.scale_down_delay_s:g} s")
        if not config.enable_scale_to_zero:
            return [*lines, "never zero"]
        rest_s = max(config.scale_to_zero_grace_period_s, config.scale_to_zero_pod_retention_period_s)
        return [*lines, f"zero {rest_s:g} s after no load is left in the mean; 1 at once when a request waits"]

    def decide(self, observation: Observation) -> Decision:
        counts, now_s = observation.counts, observation.t_s
        load = metric(observation, LOADS[self._config.metric])
        if self._seen_s is None:
            self._autoscaler.start(now_s, counts.in_service)
            self._activity.start(now_s)
        self._record(observation, load)
        knocks = _waiting(observation) and (self._wished == 0 or counts.wanted == 0)
        if not self._period.due(now_s) and not knocks:
            return Decision(counts.wanted, f"held, next evaluation in {self._period.left_s(now_s):.1f} s")
        decision = self._activity.apply(self._wish(observation), now_s, counts)
        if counts.wanted == 0 and decision.wanted == 0 and knocks:
            return Decision(1, "a request waits and there is no instance", decision.considered)
        if load is None and decision.wanted < counts.wanted:
            why = f"{decision.reason} (wanted {decision.wanted}; held, the load is not known)"
            return Decision(counts.wanted, why, decision.considered)
        return decision

    def _record(self, observation: Observation, load: float | None) -> None:
        """Knative's scraper finds nobody to ask where there is no instance, and records nothing."""
        now, seen_s, self._seen_s = math.floor(observation.t_s), self._seen_s, observation.t_s
        nobody = observation.counts.ordered == 0 and not load and not _waiting(observation)
        if load is None or nobody:
            return
        start = now if seen_s is None else min(now, math.floor(seen_s) + 1)
        for window in self._windows:
            for second in range(max(start, now - window.size + 1), now + 1):
                window.record(second, load)

    def _wish(self, observation: Observation) -> Decision | None:
        now = math.floor(observation.t_s)
        if self._windows[0].empty(now):
            return None
        weighted = self._config.aggregation == "weighted-exponential"
        stable, panic = (window.weighted(now) if weighted else window.average(now) for window in self._windows)
        wish = self._autoscaler.decide(observation.t_s, observation.counts.in_service, stable, panic)
        self._wished = wish.wanted
        return wish


def _waiting(observation: Observation) -> bool:
    return bool(observation.in_flight_requests or observation.queue_requests)
