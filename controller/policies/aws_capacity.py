"""What EC2 Auto Scaling and Application Auto Scaling mean by capacity, and how an adjustment changes it.

Source: Amazon EC2 Auto Scaling User Guide (awsdocs/amazon-ec2-auto-scaling-user-guide, as-scaling-simple-step.md,
ec2-auto-scaling-default-instance-warmup.md) and Application Auto Scaling User Guide (awsdocs/
application-auto-scaling-user-guide, application-auto-scaling-step-scaling-policies.md).

- Desired capacity is the count of instances wanted. Current capacity is the count in service without those that still
  warm up. Scaling out starts from the current capacity, so that several breaches alike lead to one activity:
  new desired = max(desired, current + adjustment).
- An instance warms up for `warmup_s` seconds from when it entered service, and is left out of aggregated metrics. As
  documented for EstimatedInstanceWarmup, that holds for instances that a scale-out launched: those that were in
  service before the first one never warm up.
- Scaling in counts instances that are terminating as capacity, new desired = min(desired, current + terminating +
  adjustment), and cannot start while a scale-out is in progress or warms up.
- Application Auto Scaling has cooldowns instead. For `scale_out_cooldown_s` after a scale-out what it added is no
  current capacity, so only a larger scale-out adds, and only the difference; for `scale_in_cooldown_s` after a
  scale-in none can start, which a scale-out ends.
- Several policies that act at once: the largest capacity wins, for scaling out and for scaling in.

Reconstructed: a cooldown begins when the count of instances wanted has changed, and a larger scale-out within one
begins it anew from the same current capacity.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from controller.model import Decision, Observation, Phase, Sample, metric

AdjustmentType = Literal["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"]


def adjusted(capacity: int, kind: AdjustmentType, adjustment: int, least: int = 0) -> int:
    """The capacity after an adjustment. `least` is MinAdjustmentMagnitude, for percentages."""
    if kind == "ExactCapacity":
        return adjustment
    change = adjustment
    if kind == "PercentChangeInCapacity":
        change = _rounded_percent(capacity * adjustment)
        if adjustment and abs(change) < least:
            change = least if adjustment > 0 else -least
    return max(0, capacity + change)


def _rounded_percent(hundredths: int) -> int:
    """Toward zero, but never to it: 12.7 is 12, 0.67 is 1, -0.58 is -1, -6.67 is -6."""
    whole = abs(hundredths) // 100
    size = max(1, whole) if hundredths else 0
    return size if hundredths > 0 else -size


def in_words(kind: AdjustmentType, adjustment: int) -> str:
    """An adjustment for a person: +30%, -2, or = 5."""
    if kind == "ExactCapacity":
        return f"= {adjustment}"
    return f"{adjustment:+d}" + ("%" if kind == "PercentChangeInCapacity" else "")


class Group:
    """The group's capacity as one policy sees it; remembers only when the count of instances wanted changed."""

    def __init__(self, warmup_s: float, scale_out_cooldown_s: float = 0, scale_in_cooldown_s: float = 0) -> None:
        self._warmup_s, self._out_s, self._in_s = warmup_s, scale_out_cooldown_s, scale_in_cooldown_s
        self._seen: Observation | None = None
        self._launching_from_s = math.inf  # when the first scale-out was ordered
        self._rose_s = self._fell_s = -math.inf
        self._before_rise = 0

    def see(self, observation: Observation) -> None:
        """Take note of an observation, before anything is asked about it."""
        before, self._seen = self._seen, observation
        if before is None or before.counts.wanted == observation.counts.wanted:
            return
        if observation.counts.wanted > before.counts.wanted:
            if not self._cooling_out(observation.t_s):
                self._before_rise = before.counts.wanted
            self._rose_s, self._fell_s = observation.t_s, -math.inf
            self._launching_from_s = min(self._launching_from_s, before.t_s)
        else:
            self._fell_s, self._rose_s = observation.t_s, -math.inf

    def _cooling_out(self, now_s: float) -> bool:
        return now_s - self._rose_s < self._out_s

    def _warms_up(self, sample: Sample, now_s: float) -> bool:
        return (
            sample.phase is Phase.IN_SERVICE
            and sample.since_s >= self._launching_from_s
            and now_s - sample.since_s < self._warmup_s
        )

    def warming(self, observation: Observation) -> list[Sample]:
        """The instances in service that warm up."""
        return [sample for sample in observation.instances if self._warms_up(sample, observation.t_s)]

    def current(self, observation: Observation) -> int:
        """The capacity that a scale-out starts from."""
        ready = max(0, observation.counts.in_service - len(self.warming(observation)))
        return min(ready, self._before_rise) if self._cooling_out(observation.t_s) else ready

    def terminable(self, observation: Observation) -> int:
        """The capacity that a scale-in starts from."""
        return observation.counts.in_service + observation.counts.draining

    def keeps_from_shrinking(self, observation: Observation) -> str:
        """Why no scale-in may start now, empty when one may."""
        counts, left_s = observation.counts, self._in_s - (observation.t_s - self._fell_s)
        if observation.missing:
            return f"no data: {observation.missing}"
        if counts.wanted > counts.in_service:
            return f"{counts.wanted - counts.in_service} instances are still to enter service"
        if warming := len(self.warming(observation)):
            return f"{warming} instances warm up"
        return f"cooldown, {left_s:.1f} s left" if left_s > 0 else ""

    def value(self, observation: Observation, name: str) -> float | None:
        """A metric as CloudWatch gets it: per instance in service, none where none serves yet, none without data."""
        if observation.missing:
            return None
        if name == "cpu_percent":
            return self._cpu_percent(observation)
        if name == "rate_per_instance":
            return _share(observation, observation.offered_rps)
        if name == "in_flight_per_instance":
            return _share(observation, observation.in_flight_requests)
        return metric(observation, name)

    def _cpu_percent(self, observation: Observation) -> float | None:
        if not self.warming(observation):
            return observation.cpu_percent
        serving = (each for each in observation.instances if each.phase is Phase.IN_SERVICE)
        ready = (each for each in serving if not self._warms_up(each, observation.t_s))
        known = [each.cpu_percent for each in ready if each.cpu_percent is not None]
        return math.fsum(known) / len(known) if known else None


def _share(observation: Observation, amount: float | None) -> float | None:
    """Per instance in service. A group of zero that has load is overloaded without bound, so that it can leave zero."""
    counts = observation.counts
    if amount is None or (counts.wanted and not counts.in_service):
        return None
    return amount / counts.in_service if counts.in_service else math.inf if amount else 0.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one policy of several would do, in words; `wanted` is None when it has nothing to do."""

    words: str
    wanted: int | None = None


def settle(wanted: int, proposals: Sequence[Proposal]) -> Decision:
    """The largest capacity that a policy asks for, else what there is."""
    acting = [each for each in proposals if each.wanted is not None]
    winner = max(acting, key=lambda each: each.wanted or 0, default=proposals[0])
    others = tuple(each.words for each in proposals if each is not winner)
    return Decision(wanted if winner.wanted is None else winner.wanted, winner.words, others)
