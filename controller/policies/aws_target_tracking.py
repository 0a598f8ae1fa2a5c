"""Target tracking of EC2 Auto Scaling and of Application Auto Scaling: keep a metric per instance at a value.

Source: Amazon EC2 Auto Scaling User Guide (awsdocs/amazon-ec2-auto-scaling-user-guide,
doc_source/as-scaling-target-tracking.md) and Application Auto Scaling User Guide (awsdocs/
application-auto-scaling-user-guide, doc_source/application-auto-scaling-target-tracking.md).

Each target has two alarms: high, above the target in 3 of 3 minutes, and low, below 90 % of it in 15 of 15. At each
period that an alarm spends in ALARM, with `current` as in controller.policies.aws_capacity:

    out  desired = max(desired, ceil(current * metric / target))
    in   desired = min(desired, ceil((current + terminating) * metric / target)), at most `scale_in_percent` of the
         group, but at least one instance, fewer at once

so that 1.5 instances to add are two and 1.5 to remove are one. A group scales out when any target asks for it, and in
only when all targets whose scale-in is not disabled are ready for it; the largest capacity wins. On EC2 an instance
warms up (`warmup_s`, 300 s by default as the group's cooldown is); Application Auto Scaling has cooldowns instead.

AWS does not publish the formula. Documented are the proportion, the rounding, warm-up, cooldowns, and that scaling in
is "more gradual"; from alarms that AWS made come 3 and 15 periods and the 90 % (the guide: "usually more than 10%
lower"; groups of few instances have been seen with 70 to 85 %, and since November 2024 EC2 tunes its alarms itself).
Reconstructed are that the newest datapoint is the metric, and `scale_in_percent`: logs of activities show one instance
less a minute in groups of up to seven. A group of zero that has load takes one instance.

Example:

    instances: {min: 1, max: 20}
    time_scale: 10
    policy:
      aws-target-tracking:
        - {metric: rate_per_instance, target: 7, warmup_s: 30}
"""

import math
from functools import partial

from pydantic import Field, RootModel

from controller.model import Decision, Observation
from controller.policies.aws_capacity import Group, Proposal, settle
from controller.policies.base import MetricName, Strict
from controller.policies.cloudwatch import Alarm, AlarmConfig, State, Statistic

PER_INSTANCE = ("cpu_percent", "rate_per_instance", "in_flight_per_instance")


class TargetOptions(Strict):
    """One target."""

    metric: MetricName = "cpu_percent"
    """What is kept at the target; it must fall as instances are added."""
    statistic: Statistic = "Average"
    """How the samples of a period become a datapoint."""
    target: float = Field(gt=0, le=1e9)
    """[the metric's] Where it is kept."""
    period_s: float = Field(default=60, gt=0, le=3600)
    """Length of a period."""
    scale_out_periods: int = Field(default=3, ge=1, le=1000)
    """[periods] So many above the target: scale out."""
    scale_in_periods: int = Field(default=15, ge=1, le=1000)
    """[periods] So many below: scale in."""
    scale_in_below_percent: float = Field(default=90, gt=0, le=100)
    """Of the target; below it a period is one for scaling in."""
    scale_in_percent: float = Field(default=10, gt=0, le=100)
    """Of the group; so much is removed at once at most, but at least one instance."""
    disable_scale_in: bool = False
    """Never fewer."""
    warmup_s: float = Field(default=300, ge=0, le=86400)
    """So long a new instance counts neither as capacity nor in the metric."""
    scale_out_cooldown_s: float = Field(default=0, ge=0, le=86400)
    """Application Auto Scaling: the rest after scaling out."""
    scale_in_cooldown_s: float = Field(default=0, ge=0, le=86400)
    """Application Auto Scaling: the rest after scaling in."""

    @property
    def high(self) -> AlarmConfig:
        return self._alarm(comparison="GreaterThanThreshold", threshold=self.target,
                           evaluation_periods=self.scale_out_periods)  # fmt: skip

    @property
    def low(self) -> AlarmConfig:
        return self._alarm(comparison="LessThanThreshold", threshold=self.target * self.scale_in_below_percent / 100,
                           evaluation_periods=self.scale_in_periods)  # fmt: skip

    @property
    def _alarm(self) -> "partial[AlarmConfig]":
        return partial(AlarmConfig, metric=self.metric, statistic=self.statistic, period_s=self.period_s)

    def __str__(self) -> str:
        scale_in = f"remove at most {self.scale_in_percent:g}% of the instances at once when {self.low}"
        cooldowns = (f"; cooldowns {self.scale_out_cooldown_s:g} s out, {self.scale_in_cooldown_s:g} s in"
                     if self.scale_out_cooldown_s or self.scale_in_cooldown_s else "")  # fmt: skip
        doubt = (
            "" if self.metric in PER_INSTANCE else "; it does not fall as instances are added, so that it never fits"
        )
        return (f"keep {self.metric} at {self.target:g}: add in proportion when {self.high}, "
                f"{'never remove' if self.disable_scale_in else scale_in}; "
                f"new instances warm up for {self.warmup_s:g} s{cooldowns}{doubt}")  # fmt: skip


class TargetTrackingConfig(RootModel[list[TargetOptions]]):
    """The list under `aws-target-tracking:`, usually of one target."""

    root: list[TargetOptions] = Field(min_length=1)


class _Tracker:
    """One target at work."""

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._group = Group(options.warmup_s, options.scale_out_cooldown_s, options.scale_in_cooldown_s)
        self._high, self._low = Alarm(options.high), Alarm(options.low)

    def see(self, observation: Observation) -> bool:
        """Take in an observation. Has a period ended?"""
        self._group.see(observation)
        value = self._group.value(observation, self._options.metric)
        self._low.add(observation.t_s, value)
        return self._high.add(observation.t_s, value)

    @property
    def asks_for_more(self) -> bool:
        return self._high.state is State.ALARM and bool(self._high.evaluated)

    @property
    def shrinks(self) -> bool:
        return not self._options.disable_scale_in

    @property
    def ready_to_shrink(self) -> bool:
        return self._low.state is State.ALARM and bool(self._low.evaluated)

    def idle(self, observation: Observation) -> Proposal:
        low = f", low alarm is {self._low.state}" if self.shrinks else ""
        return Proposal(f"{self._high.words(observation.t_s)}{low}")

    def grow(self, observation: Observation) -> Proposal:
        desired, current = observation.counts.wanted, self._group.current(observation)
        needed, words = self._needed(self._high, current)
        return Proposal(f"{words}, desired {desired}", max(desired, needed))

    def shrink(self, observation: Observation) -> Proposal:
        desired, capacity = observation.counts.wanted, self._group.terminable(observation)
        needed, words = self._needed(self._low, capacity)
        held = self._group.keeps_from_shrinking(observation) or ("" if self._low.current else "no recent datapoint")
        if held:
            return Proposal(f"{words}, held: {held}", desired)
        at_once = max(1, math.floor(desired * self._options.scale_in_percent / 100))
        after = min(desired, max(needed, desired - at_once))
        gradual = f", at most {at_once} fewer at once" if after > needed else ""
        return Proposal(f"{words}, desired {desired}{gradual}", after)

    def _needed(self, alarm: Alarm, capacity: int) -> tuple[int, str]:
        value, target = alarm.evaluated[-1], self._options.target
        ratio = capacity * value / target if capacity and math.isfinite(value) else 0.0
        needed = math.ceil(round(ratio, 9))
        if value > target:
            needed = max(1, needed)
        words = (
            f"{self._options.metric} {value:.3g} on a capacity of {capacity} for a target of {target:g} needs {needed}"
        )
        return needed, words


class TargetTracking:
    """The policy `aws-target-tracking`."""

    Config = TargetTrackingConfig

    def __init__(self, config: TargetTrackingConfig) -> None:
        self._config = config
        self._trackers = [_Tracker(options) for options in config.root]

    def describe(self) -> list[str]:
        return [str(options) for options in self._config.root]

    def decide(self, observation: Observation) -> Decision:
        ended = [tracker.see(observation) for tracker in self._trackers]
        shrinking = self._all_shrink(ended)
        proposals = []
        for tracker, now in zip(self._trackers, ended, strict=True):
            if now and tracker.asks_for_more:
                proposals.append(tracker.grow(observation))
            elif shrinking and tracker.shrinks:
                proposals.append(tracker.shrink(observation))
            else:
                proposals.append(tracker.idle(observation))
        return settle(observation.counts.wanted, proposals)

    def _all_shrink(self, ended: list[bool]) -> bool:
        shrinking = [tracker for tracker in self._trackers if tracker.shrinks]
        return any(ended) and bool(shrinking) and all(tracker.ready_to_shrink for tracker in shrinking)
