"""The replica calculator of the Kubernetes HorizontalPodAutoscaler: from one metric to a number of replicas.

Source: kubernetes/kubernetes, releases 1.32 to 1.34, pkg/controller/podautoscaler/replica_calculator.go and
metrics/utilization.go. Amounts are whole thousandths, as there, because the rounding shows in the result:
an average and a utilisation are cut down to whole ones, the number of replicas is rounded up.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.model import Phase, Sample

MOST = 2**31 - 1  # replicas: the API counts them in 32 bits
LARGEST = 2**63 - 1  # thousandths of a metric


def milli(value: float) -> int:
    """Whole thousandths, rounded up; what only binary fractions add is not rounded up."""
    return math.ceil(round(value * 1000, 6)) if value * 1000 < LARGEST else LARGEST


def figure(amount: float, unit: int = 1000) -> str:
    """Thousandths, or others that `unit` tells, in a unit and with the digits that people read."""
    return f"{amount / unit:.3g}" if amount < 1000 * unit else f"{amount / unit:.0f}"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far the ratio of a metric to its target may be below and above 1 without an effect."""

    down: float
    up: float

    def cover(self, ratio: float) -> bool:
        return 1 - self.down <= ratio <= 1 + self.up


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one metric asks for, and why; None where the metric has failed."""

    wanted: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """When an instance's CPU usage does not count yet, because it is still that of its start."""

    cpu_initialization_period_s: float
    initial_readiness_delay_s: float
    cpu_window_s: float

    def lacks(self, pod: Sample, now_s: float) -> bool:
        """Is it not ready, or was the usage not measured all after it became so? Whether it ever was ready is guessed
        from the time of the last change. What is not in service has not changed since it was ordered."""
        ready = pod.phase is Phase.IN_SERVICE
        changed_s = pod.since_s if ready else pod.ordered_s
        if pod.ordered_s + self.cpu_initialization_period_s > now_s:
            return not ready or now_s < changed_s + self.cpu_window_s
        return not ready and pod.ordered_s + self.initial_readiness_delay_s > changed_s


@dataclass(frozen=True, slots=True)
class Pods:
    """What the instances that count report, and how many are set aside: not ready, or without a value."""

    levels: tuple[int, ...]
    unready: int = 0
    missing: int = 0

    def filled(self, ratio: float, stand_in: int) -> list[int]:
        """The levels with those set aside put in so that they dampen the change that the ratio asks for."""
        missing = [stand_in if ratio < 1 else 0] * (self.missing if ratio != 1 else 0)
        return [*self.levels, *missing, *([0] * self.unready if ratio > 1 else [])]


def group(pods: Iterable[Sample], reported: Mapping[str, int], now_s: float, readiness: Readiness | None) -> Pods:
    """Which of them count. One that is on its way and uses no CPU yet is pending; `readiness` is for CPU only."""
    levels, unready, missing = [], 0, 0
    for pod in pods:
        level = reported.get(pod.name)
        if pod.phase is not Phase.IN_SERVICE and pod.cpu_percent is None:
            unready += 1
        elif level is None:
            missing += 1
        elif readiness is not None and readiness.lacks(pod, now_s):
            unready += 1
        else:
            levels.append(level)
    return Pods(tuple(levels), unready, missing)


class Target(Protocol):
    """What the instances' levels are compared with; `stand_in` is the level of one that reports none while the others
    ask for fewer."""

    @property
    def stand_in(self) -> int: ...

    def ratio(self, levels: Sequence[int]) -> float: ...

    def words(self, levels: Sequence[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class Utilization:
    """A percentage of what the instances request: the ratio of the sums."""

    percent: int
    request: int

    @property
    def stand_in(self) -> int:
        return self.request * max(100, self.percent) // 100

    def usage(self, levels: Sequence[int]) -> int:
        return sum(levels) * 100 // (self.request * len(levels))

    def ratio(self, levels: Sequence[int]) -> float:
        return self.usage(levels) / self.percent

    def words(self, levels: Sequence[int]) -> str:
        return (f"is {self.usage(levels)}% of the request over {len(levels)}, "
                f"{figure(self.ratio(levels), 1)} of the target {self.percent}%")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Average:
    """A mean over the instances."""

    target: int
    unit: int = 1000

    @property
    def stand_in(self) -> int:
        return self.target

    def usage(self, levels: Sequence[int]) -> int:
        return sum(levels) // len(levels)

    def ratio(self, levels: Sequence[int]) -> float:
        return self.usage(levels) / self.target

    def words(self, levels: Sequence[int]) -> str:
        return (f"is {figure(self.usage(levels), self.unit)} on average over {len(levels)}, "
                f"{figure(self.ratio(levels), 1)} of the target {figure(self.target, self.unit)}")  # fmt: skip


def by_instances(pods: Pods, target: Target, current: int, tolerances: Tolerances) -> Proposal:
    """For Resource and Pods metrics. Those set aside can only dampen a change, never turn it round."""
    if not pods.levels:
        return Proposal(None, "is not known of any instance that is ready")
    ratio, words = target.ratio(pods.levels), target.words(pods.levels)
    if not pods.missing and not (pods.unready and ratio > 1):
        if tolerances.cover(ratio):
            return Proposal(current, f"{words}, within the tolerance")
        return Proposal(math.ceil(ratio * len(pods.levels)), words)
    levels = pods.filled(ratio, target.stand_in)
    damped = target.ratio(levels)
    words += f", damped to {figure(damped, 1)} by {pods.missing} missing and {pods.unready} not ready"
    if tolerances.cover(damped) or ratio < 1 < damped or damped < 1 < ratio:
        return Proposal(current, f"{words}, no reason for a change")
    wanted = math.ceil(damped * len(levels))
    if (damped < 1 and wanted > current) or (damped > 1 and wanted < current):
        return Proposal(current, f"{words}, which would turn the change round")
    return Proposal(wanted, words)


def by_value(value: int, target: int, current: int, ready: int | None, tolerances: Tolerances) -> Proposal:
    """For Object and External metrics with a Value; `ready` is None where there are no instances at all."""
    ratio = float(value) / float(target)
    words = f"is {figure(value)}, {figure(ratio, 1)} of the target {figure(target)}"
    if current == 0:
        return Proposal(math.ceil(ratio), f"{words}, from zero")
    if tolerances.cover(ratio):
        return Proposal(current, f"{words}, within the tolerance")
    if ready is None:
        return Proposal(None, f"{words}, but there are no instances")
    return Proposal(math.ceil(ratio * ready), f"{words}, with {ready} in service")


def by_average(value: int, target: int, present: int, tolerances: Tolerances) -> Proposal:
    """For Object and External metrics with an AverageValue: a total, compared with so much for each instance."""
    words = f"is {figure(value)} over {present}"
    if not present:
        return Proposal(math.ceil(float(value) / float(target)), f"{words}, target {figure(target)} each")
    ratio = float(value) / (float(target) * float(present))
    words += f", {figure(ratio, 1)} of the target {figure(target)} each"
    if tolerances.cover(ratio):
        return Proposal(present, f"{words}, within the tolerance")
    return Proposal(math.ceil(float(value) / float(target)), words)
