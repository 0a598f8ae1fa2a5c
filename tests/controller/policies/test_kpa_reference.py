"""The policy `kpa` against a second implementation, written after Knative's Go source: the same count at every tick."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from controller.model import Counts, Observation
from controller.policies.kpa import Kpa, KpaConfig
from tests.controller.policies.kpa_reference import PodAutoscaler, Reference, Spec, TimedBuckets, WeightedBuckets

TICKS = 150


@dataclass
class Knative:
    """The reference fed from observations: one sample a second, a reconciliation after each tick of the decider."""

    config: KpaConfig
    windows: tuple[TimedBuckets, TimedBuckets] = field(init=False)
    decider: Reference | None = None
    scaler: PodAutoscaler = field(init=False)
    next_tick: float = 0.0
    seen: float | None = None
    latest: int = -1
    second: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        kind = TimedBuckets if self.config.aggregation == "linear" else WeightedBuckets
        panic = max(1, int(self.config.stable_window_s * self.config.panic_window_percentage / 100 + 0.5))
        self.windows = kind(int(self.config.stable_window_s)), kind(panic)

    def want(self, observation: Observation) -> int:
        now, ready = observation.t_s, observation.counts.in_service
        if self.decider is None:
            self._create(now, ready)
        self._record(observation)
        poked = bool(observation.in_flight_requests) and (self.latest == 0 or observation.counts.wanted == 0)
        ticked = now >= self.next_tick - 1e-9
        if ticked:
            self.next_tick = self.next_tick + self.config.tick_interval_s
        if not ticked and not poked:
            return observation.counts.wanted
        return self._tick(observation)

    def _create(self, now: float, ready: int) -> None:
        config = self.config
        load = config.target if config.target is not None else {"concurrency": 100.0, "rps": 200.0}[config.metric]
        self.decider = Reference(
            Spec(
                target_value=max(0.01, load * config.target_utilization),
                max_scale_up_rate=config.max_scale_up_rate, max_scale_down_rate=config.max_scale_down_rate,
                panic_threshold=config.panic_threshold_percentage / 100, stable_window=config.stable_window_s,
                scale_down_delay=config.scale_down_delay_s, activation_scale=config.activation_scale,
                tick=config.tick_interval_s,
            ),
            ready, now,
        )  # fmt: skip
        self.scaler = PodAutoscaler(
            stable_window=config.stable_window_s, enable_scale_to_zero=config.enable_scale_to_zero,
            grace_period=config.scale_to_zero_grace_period_s, initial_scale=config.initial_scale,
            pod_retention=config.scale_to_zero_pod_retention_period_s, progress_deadline=config.progress_deadline_s,
            since=now,
        )  # fmt: skip
        self.next_tick = now

    def _record(self, observation: Observation) -> None:
        """One sample for each second that was not looked at; the mean, where one second has several."""
        value = observation.in_flight_requests if self.config.metric == "concurrency" else observation.offered_rps
        now, before, self.seen = observation.t_s, self.seen, observation.t_s
        nobody = observation.counts.ordered == 0 and not value and not observation.in_flight_requests
        if before is None or int(before) != int(now):
            self.second = []
        if value is None or nobody:
            return
        if before is not None:
            for skipped in range(max(int(before) + 1, int(now) - 3700), int(now)):
                self._each(skipped, value)
        mean = sum(self.second) / len(self.second) if self.second else 0.0
        self.second.append(value)
        self._each(now, sum(self.second) / len(self.second) - mean)

    def _each(self, now: float, value: float) -> None:
        for window in self.windows:
            window.record(now, value)

    def _tick(self, observation: Observation) -> int:
        assert self.decider is not None
        now, counts = observation.t_s, observation.counts
        value = observation.in_flight_requests if self.config.metric == "concurrency" else observation.offered_rps
        desired = -1
        if not self.windows[0].is_empty(now):
            stable, panic = (window.window_average(now) for window in self.windows)
            desired = self.latest = self.decider.scale(now, counts.in_service, stable, panic)
        created = 1 if not self.scaler.initialized and self.config.initial_scale else 0
        want = self.scaler.reconcile(now, desired, max(counts.wanted, created), counts.in_service)
        if counts.wanted == 0 and want == 0 and observation.in_flight_requests:
            return 1
        return max(want, counts.wanted) if value is None else want


@dataclass
class World:
    """A fleet that follows what is wanted with a delay, under a load that comes in phases and is at times unknown."""

    rng: random.Random
    step_s: float
    wanted: int
    in_service: int
    unknown: float
    phase: tuple[float, float] = (0.0, 0.0)
    left: int = 0

    def observations(self) -> Iterator[Observation]:
        rng, t_s = self.rng, float(self.rng.randrange(1000))
        for _ in range(TICKS):
            if self.left == 0:
                self.left, self.phase = rng.randint(1, 40), (rng.choice([0, 0, 1, 5, 40, 300]), rng.choice([0, 0.5, 1]))
            self.left -= 1
            level, spread = self.phase
            load = max(0, round(level * (1 + spread * rng.uniform(-1, 1))))
            known = rng.random() >= self.unknown
            yield Observation(
                t_s, Counts(wanted=self.wanted, in_service=self.in_service),
                in_flight_requests=load if known else None, offered_rps=load * 1.25 if known else None,
            )  # fmt: skip
            if rng.random() < 0.4:
                self.in_service += (self.wanted > self.in_service) - (self.wanted < self.in_service)
            t_s += self.step_s


def options(rng: random.Random) -> KpaConfig:
    pick = rng.choice
    return KpaConfig(
        metric=pick(["concurrency", "rps"]),
        target=pick([None, 1.0, 4.0, 10.0, 37.5]),
        target_utilization=pick([0.5, 0.7, 1.0]),
        stable_window_s=float(pick([6, 7, 15, 30, 60])),
        panic_window_percentage=pick([1.0, 10.0, 25.0, 100.0]),
        panic_threshold_percentage=pick([110.0, 200.0, 500.0]),
        max_scale_up_rate=pick([1.1, 2.0, 10.0, 1000.0]),
        max_scale_down_rate=pick([1.1, 2.0, 10.0]),
        scale_down_delay_s=float(pick([0, 0, 1, 5, 30])),
        initial_scale=pick([0, 1, 1, 3]),
        activation_scale=pick([1, 1, 2, 5]),
        enable_scale_to_zero=pick([True, True, False]),
        scale_to_zero_grace_period_s=pick([1.0, 5.0, 30.0]),
        scale_to_zero_pod_retention_period_s=pick([0.0, 0.0, 12.0]),
        progress_deadline_s=pick([1.0, 600.0]),
        aggregation=pick(["linear", "linear", "weighted-exponential"]),
        tick_interval_s=float(pick([1, 2, 2, 5])),
    )


REASONS = (
    "panic", "inactive", "activating", "no data", "were wanted within", "raised to the initial", "a request waits",
    "zero is not allowed", "not known", "given up", "bounded",
)  # fmt: skip


@pytest.mark.parametrize("block", range(12))
def test_policy_and_reference_want_the_same_at_every_tick(block: int) -> None:
    """1,200 sequences of 150 ticks, which reach almost everything that there is."""
    reached: set[str] = set()
    for seed in range(100 * block, 100 * (block + 1)):
        rng = random.Random(seed)
        config, start = options(rng), rng.choice([0, 1, 1, 4, 12])
        steps, unknown = rng.choice([0.25, 0.5, 1.0, 1.0, 3.0]), rng.choice([0, 0, 0.1, 0.6])
        world = World(rng, steps, wanted=start, in_service=rng.choice([0, start]), unknown=unknown)
        policy, knative = Kpa(config), Knative(config)
        for number, observation in enumerate(world.observations()):
            decision, want = policy.decide(observation), knative.want(observation)
            assert decision.wanted == want, f"seed {seed}, tick {number}, {observation}, {config}, {decision}"
            world.wanted = min(decision.wanted, 400)
            reached |= {word for word in REASONS if word in decision.reason}
    assert len(reached) >= len(REASONS) - 2, reached
