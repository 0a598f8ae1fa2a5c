"""Random fleets and random HPA configurations, each as the policy sees it and as the reference does.

How an instance stands for a pod is written out here once more (see the docstring of controller.policies.hpa), in
exact fractions, so that a fault in the policy's own translation shows too.
"""

import math
import random
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from controller.model import Counts, Observation, Phase, Sample
from controller.policies.hpa_config import HpaConfig
from tests.controller.policies.hpa_reference import HorizontalController
from tests.controller.policies.hpa_reference_calculator import Cluster, Pod, PodMetric
from tests.controller.policies.hpa_reference_rules import (
    Behavior,
    HPAScalingPolicy,
    HPAScalingRules,
    MetricSpec,
    Spec,
)

TENTHS = ("offered_rps", "rejected_rps", "latency_ms_p95")  # metrics that a world has, in tenths


def thousandths(value: Fraction) -> int:
    return math.ceil(value * 1000)


@dataclass
class Member:
    """One instance of a world."""

    name: str
    phase: Phase
    ordered_s: float
    since_s: float
    next_s: float  # when it goes on to its next phase
    pool: bool = False
    cpu: list[tuple[float, int]] = field(default_factory=list)
    cpu_now: int | None = None
    in_flight: int | None = None


@dataclass
class World:
    """A fleet that follows what is wanted, with instances that boot, fail, drain, and tell or do not tell their CPU."""

    random: random.Random
    wanted: int
    cpu_window_s: float
    request: int  # thousandths of a core, of each instance
    now_s: float = 0
    members: list[Member] = field(default_factory=list)
    load: float = 50
    tenths: dict[str, int | None] = field(default_factory=dict)
    queue: int | None = None
    made: int = 0

    def __post_init__(self) -> None:
        self.slow = self.random.choice([0.0, 5.0, 20.0, 60.0])  # the longest boot
        self.faults = self.random.choice([0.0, 0.02, 0.15])
        for _ in range(self.wanted):
            self._order(pool=False)
            self.members[-1].phase = Phase.IN_SERVICE
            self.members[-1].ordered_s = self.members[-1].since_s = -self.random.choice([0, 1, 50, 1000])
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self._order(pool=True)

    def _order(self, pool: bool) -> None:
        self.made += 1
        boot_s = self.random.uniform(0, self.slow)
        self.members.append(Member(f"i-{self.made}", Phase.BOOTING, self.now_s, self.now_s, self.now_s + boot_s, pool))

    def advance(self, now_s: float) -> None:
        self.now_s = now_s
        self._age()
        self._follow()
        self._measure()

    def _age(self) -> None:
        after = {Phase.BOOTING: Phase.STANDBY, Phase.DRAINING: Phase.STOPPING, Phase.STOPPING: Phase.GONE,
                 Phase.FAILED: Phase.STOPPING}  # fmt: skip
        for each in self.members:
            if each.phase in after and each.next_s <= self.now_s:
                self._enter(each, after[each.phase])
            elif each.phase is Phase.STANDBY and not each.pool and self.random.random() < 0.8:
                self._enter(each, Phase.IN_SERVICE)
            elif self.random.random() < self.faults:
                self._enter(each, Phase.FAILED)
        self.members = [each for each in self.members if each.phase is not Phase.GONE]

    def _enter(self, member: Member, phase: Phase) -> None:
        member.phase, member.since_s = phase, self.now_s
        member.next_s = self.now_s + self.random.uniform(0, 20)

    def _follow(self) -> None:
        serving = self.within(Phase.IN_SERVICE)
        for each in serving[self.wanted :]:
            self._enter(each, Phase.DRAINING)
        coming = [each for each in self.within(Phase.BOOTING, Phase.STANDBY) if not each.pool]
        for each in coming[max(0, self.wanted - len(serving)) :]:
            each.pool = True
        if self.random.random() > self.faults * 3:  # else it waits, as after a failed boot
            for _ in range(self.wanted - len(serving) - len(coming)):
                self._order(pool=False)

    def _measure(self) -> None:
        self.load = max(
            0.0, self.load * self.random.choice([0.5, 0.9, 0.97, 1, 1, 1.03, 1.1, 2]) + self.random.uniform(-2, 2)
        )
        if self.random.random() < 0.05:
            self.load = self.random.choice([0, 1, 30, 300])
        serving = max(1, len(self.within(Phase.IN_SERVICE)))
        for each in self.members:
            known = self.random.random() > self.faults * 2
            share = self.load / serving if each.phase is Phase.IN_SERVICE else self.random.choice([0, 0, 90])
            each.cpu_now = int(share * self.random.uniform(0.8, 1.2)) if known else None
            if each.phase is Phase.BOOTING and self.random.random() < 0.5:
                each.cpu_now = None
            each.in_flight = self.random.choice([None, 0, int(share / 5), int(share / 2)]) if known else None
            if each.cpu_now is not None:
                each.cpu.append((self.now_s, each.cpu_now))
        for name in TENTHS:
            self.tenths[name] = int(self.load * 10 * self.random.uniform(0.9, 1.1))
            if self.random.random() < self.faults:
                self.tenths[name] = None
        self.queue = self.random.choice([None, 0, int(self.load / 3), int(self.load)])

    def within(self, *phases: Phase) -> list[Member]:
        return [each for each in self.members if each.phase in phases]

    def observation(self) -> Observation:
        """As the policy sees it."""
        phases = [each.phase for each in self.members]
        counts = Counts(
            self.wanted, phases.count(Phase.BOOTING), phases.count(Phase.STANDBY), phases.count(Phase.IN_SERVICE),
            phases.count(Phase.DRAINING),
        )  # fmt: skip
        samples = tuple(
            Sample(each.name, each.phase, each.ordered_s, each.since_s, each.cpu_now, each.in_flight)
            for each in self.members
        )
        totals: dict[str, Any] = {name: None if value is None else value / 10 for name, value in self.tenths.items()}
        return Observation(self.now_s, counts, queue_requests=self.queue, instances=samples, **totals)

    def cluster(self) -> Cluster:
        """As the reference sees it."""
        serving, coming = self.within(Phase.IN_SERVICE), self.within(Phase.STANDBY, Phase.BOOTING)
        coming.sort(key=lambda each: (each.phase is Phase.BOOTING, each.ordered_s, each.name))
        coming = coming[: max(0, self.wanted - len(serving))]
        leaving = self.within(Phase.DRAINING, Phase.STOPPING, Phase.FAILED)
        pods = [self._pod(each) for each in serving + coming + leaving]
        cluster = Cluster(self.wanted, len(serving + coming), pods)
        cluster.resource_metrics = self._metrics({each.name: self._cpu(each) for each in serving + coming + leaving})
        cluster.pods_metrics = {
            name: self._metrics(values) for name, values in self._reported(serving + coming).items()
        }
        cluster.value_metrics = {name: thousandths(Fraction(value, 10)) for name, value in self.tenths.items()
                                 if value is not None}  # fmt: skip
        if self.queue is not None:
            cluster.value_metrics["queue_requests"] = self.queue * 1000
        return cluster

    def _pod(self, member: Member) -> Pod:
        ready = member.phase is Phase.IN_SERVICE
        phase = "Running" if ready or member.cpu_now is not None else "Pending"
        changed_s, deleted = (
            member.since_s if ready else member.ordered_s,
            member.phase in (Phase.DRAINING, Phase.STOPPING),
        )
        phase = "Failed" if member.phase is Phase.FAILED else phase
        return Pod(member.name, phase, ready, member.ordered_s, changed_s, deleted, self.request)

    def _cpu(self, member: Member) -> Fraction | None:
        """The mean over the window, in cores."""
        recent = [percent for at_s, percent in member.cpu if at_s > self.now_s - self.cpu_window_s]
        return Fraction(sum(recent), 100 * len(recent)) if recent else None

    def _reported(self, members: list[Member]) -> dict[str, dict[str, Fraction | None]]:
        """What each instance tells of each Pods metric."""
        serving = [each.name for each in members if each.phase is Phase.IN_SERVICE]
        reported: dict[str, dict[str, Fraction | None]] = {
            "cpu_percent": {each.name: None if (cores := self._cpu(each)) is None else
                            Fraction(thousandths(cores), 10) for each in members},
            "in_flight_requests": {each.name: None if each.in_flight is None else Fraction(each.in_flight)
                                   for each in members},
            "queue_requests": {name: None if self.queue is None else Fraction(self.queue, len(serving))
                               for name in serving},
        }  # fmt: skip
        for name, value in self.tenths.items():
            share = 1 if name == "latency_ms_p95" else len(serving)
            reported[name] = {each: None if value is None else Fraction(value, 10 * share) for each in serving}
        return reported

    def _metrics(self, values: dict[str, Fraction | None]) -> dict[str, PodMetric]:
        return {name: PodMetric(thousandths(value), self.now_s, self.cpu_window_s) for name, value in values.items()
                if value is not None}  # fmt: skip


def random_config(rng: random.Random) -> HpaConfig:
    metrics = [_random_metric(rng) for _ in range(rng.choice([1, 1, 2, 3]))]
    total = any(metric["type"] in ("Object", "External") for metric in metrics)
    period_s = rng.choice([1.0, 5.0, 15.0, 30.0])
    return HpaConfig.model_validate({
        "metrics": metrics, "behavior": rng.choice([None, {}, _random_behavior(rng), _random_behavior(rng)]),
        "minimum": rng.choice([None, 1, 2, 0 if total else 3]), "maximum": rng.choice([6, 12, 30, 60]),
        "sync_period_s": period_s, "cpu_window_s": rng.choice([0.5, 1.0, 15.0, 40.0]),
        "tolerance": rng.choice([0.1, 0.1, 0.0, 0.3]),
        "downscale_stabilization_s": rng.choice([300.0, 0.0, 60.0]),
        "cpu_initialization_period_s": rng.choice([300.0, 0.0, 40.0]),
        "initial_readiness_delay_s": rng.choice([30.0, 0.0]), "cpu_request_percent": rng.choice([100.0, 20.0, 250.0]),
    })  # fmt: skip


def _random_metric(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(["Resource", "Resource", "Pods", "Object", "External"])
    if kind == "Resource":
        target = rng.choice(["average_utilization_percent", "average_value"])
        return {"type": kind, target: rng.choice([10, 50, 80, 150])}
    name = rng.choice([*TENTHS, "queue_requests"])
    if kind == "Pods":
        name = rng.choice([name, "in_flight_requests", "cpu_percent"])
        return {"type": kind, "metric": name, "average_value": rng.choice([0.5, 3, 10, 33.3])}
    return {"type": kind, "metric": name, rng.choice(["value", "average_value"]): rng.choice([0.5, 10, 33.3, 100])}


def _random_behavior(rng: random.Random) -> dict[str, Any]:
    return {name: _random_rules(rng) for name in ("scale_up", "scale_down") if rng.random() < 0.9}


def _random_rules(rng: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {
        "stabilization_window_s": rng.choice([0.0, 15.0, 60.0, 300.0]), "select_policy": rng.choice(["Max", "Min"]),
        "tolerance": rng.choice([0.0, 0.05, 0.5]),
        "policies": [{"type": rng.choice(["Pods", "Percent"]), "value": rng.choice([1, 2, 10, 33, 100, 300]),
                      "period_s": rng.choice([1.0, 15.0, 60.0, 180.0])} for _ in range(rng.choice([1, 2, 3]))],
    }  # fmt: skip
    if rng.random() < 0.05:
        options["select_policy"] = "Disabled"
    return {name: value for name, value in options.items() if rng.random() < 0.7}


def reference_of(config: HpaConfig) -> HorizontalController:
    metrics = []
    for each in config.metrics:
        cores = 100 if each.type == "Resource" else 1
        average, value = each.average_value, each.value
        metrics.append(MetricSpec(
            each.type, each.name, each.average_utilization_percent,
            None if average is None else thousandths(Fraction(str(average)) / cores),
            None if value is None else thousandths(Fraction(str(value))),
        ))  # fmt: skip
    spec = Spec(2**31 - 1 if config.maximum is None else config.maximum, metrics, config.minimum)
    if config.behavior is not None:
        spec.behavior = Behavior(_rules(config.behavior.scale_up), _rules(config.behavior.scale_down))
    return HorizontalController(
        spec, config.downscale_stabilization_s, config.tolerance, config.cpu_initialization_period_s,
        config.initial_readiness_delay_s,
    )  # fmt: skip


def _rules(rules: Any) -> HPAScalingRules:
    policies = None if rules.policies is None else [
        HPAScalingPolicy(each.type, each.value, each.period_s) for each in rules.policies
    ]  # fmt: skip
    return HPAScalingRules(rules.stabilization_window_s, rules.select_policy, policies, rules.tolerance)
