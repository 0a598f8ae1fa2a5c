"""Step scaling of EC2 Auto Scaling and of Application Auto Scaling: the further beyond the threshold, the larger the
change.

Source: Amazon EC2 Auto Scaling User Guide, "Step and simple scaling policies" (awsdocs/
amazon-ec2-auto-scaling-user-guide, doc_source/as-scaling-simple-step.md), and the API reference of StepAdjustment.

At each period that its alarm spends in ALARM, a policy aggregates the datapoints that the alarm evaluated, takes the
step whose interval holds aggregate - threshold, and adjusts the capacity by it (see controller.policies.aws_capacity
for capacity, warm-up, cooldown, rounding, and for several policies at once). Above the threshold a step's lower bound
is inclusive and its upper one exclusive, below it the other way round. There is no cooldown on EC2 (`cooldown_s` is
Application Auto Scaling's), so that a breach that grows is answered while an activity is in progress.

Reconstructed: at the threshold itself the bounds are as on the side to which the alarm looks (the API's examples need
both); the datapoints aggregated are those that the alarm evaluated, AWS says "the most recent" ones. Different from
AWS: without current data no instance is removed, whatever treat_missing_data says.

Example:

    instances: {min: 1, max: 20}
    policy:
      aws-step:
        - alarm: {metric: cpu_percent, period_s: 10, evaluation_periods: 2, threshold: 50,
                  comparison: GreaterThanOrEqualToThreshold}
          adjustment_type: PercentChangeInCapacity
          steps: [{lower: 0, upper: 20, adjust: 20}, {lower: 20, adjust: 50}]
          min_adjustment_magnitude: 1
          warmup_s: 20
        - alarm: {metric: cpu_percent, period_s: 10, evaluation_periods: 6, threshold: 20,
                  comparison: LessThanThreshold}
          adjustment_type: ChangeInCapacity
          steps: [{upper: 0, adjust: -1}]
"""

import math
from itertools import pairwise
from statistics import fmean
from typing import Literal

from pydantic import Field, RootModel, model_validator

from controller.model import Decision, Observation
from controller.policies.aws_capacity import AdjustmentType, Group, Proposal, adjusted, in_words, settle
from controller.policies.base import Strict
from controller.policies.cloudwatch import Alarm, AlarmConfig, State

AGGREGATIONS = {"Average": fmean, "Minimum": min, "Maximum": max}


class Step(Strict):
    """One step: bounds relative to the alarm's threshold, without one it is open; `adjust` by the adjustment type."""

    lower: float | None = None
    """[the metric's] Where it begins, from the threshold; none: open."""
    upper: float | None = None
    """[the metric's] Where it ends, from the threshold; none: open."""
    adjust: int = Field(ge=-1000, le=1000)
    """[as `adjustment_type` says] The change."""

    @model_validator(mode="after")
    def _interval(self) -> "Step":
        if self.lower is None and self.upper is None:
            raise ValueError("needs a lower bound, an upper bound, or both")
        if self.bottom >= self.top:
            raise ValueError(f"lower {self.lower:g} must be below upper {self.upper:g}")
        return self

    @property
    def bottom(self) -> float:
        return -math.inf if self.lower is None else self.lower

    @property
    def top(self) -> float:
        return math.inf if self.upper is None else self.upper

    def interval(self, threshold: float) -> str:
        """The values that it is for, in words."""
        if self.upper is None:
            return f"from {self.bottom + threshold:g}"
        return f"{'up' if self.lower is None else f'from {self.lower + threshold:g}'} to {self.upper + threshold:g}"

    def holds(self, beyond: float, upward: bool) -> bool:
        """Is this far beyond the threshold in the interval?"""
        if beyond > 0 or (beyond == 0 and upward):
            return self.bottom <= beyond and (beyond < self.top or beyond == self.top == math.inf)
        return self.bottom < beyond <= self.top


class StepPolicy(Strict):
    """One step scaling policy with its alarm."""

    alarm: AlarmConfig
    """What invokes it."""
    adjustment_type: AdjustmentType
    """Whether `adjust` is a number of instances, a percentage of them, or the new number."""
    steps: list[Step] = Field(min_length=1)
    """Without gaps and overlaps."""
    min_adjustment_magnitude: int = Field(default=0, ge=0, le=1000)
    """[instances] The least change by a percentage."""
    metric_aggregation_type: Literal["Average", "Minimum", "Maximum"] = "Average"
    """How the datapoints that the alarm evaluated become one value."""
    warmup_s: float = Field(default=300, ge=0, le=86400)
    """So long a new instance counts neither as capacity nor in the metric."""
    cooldown_s: float = Field(default=0, ge=0, le=86400)
    """Application Auto Scaling: the rest after a change."""

    @model_validator(mode="after")
    def _without_gaps(self) -> "StepPolicy":
        steps = self.ordered
        for below, above in pairwise(steps):
            if below.top != above.bottom:
                low, high = sorted((below.top, above.bottom))
                kind = "overlap" if below.top > above.bottom else "leave a gap"
                raise ValueError(f"steps {kind} between {low:g} and {high:g}")
        if steps[0].bottom < 0 and steps[0].lower is not None:
            raise ValueError("with a negative lower bound there must be a step without a lower bound")
        if steps[-1].top > 0 and steps[-1].upper is not None:
            raise ValueError("with a positive upper bound there must be a step without an upper bound")
        if self.adjustment_type == "ExactCapacity" and any(step.adjust < 0 for step in steps):
            raise ValueError("an ExactCapacity must not be negative")
        if self.adjustment_type != "PercentChangeInCapacity" and self.min_adjustment_magnitude:
            raise ValueError("min_adjustment_magnitude is for PercentChangeInCapacity only")
        return self

    @property
    def ordered(self) -> list[Step]:
        return sorted(self.steps, key=lambda step: step.bottom)

    def __str__(self) -> str:
        threshold = self.alarm.threshold
        steps = "; ".join(f"{step.interval(threshold)}: {in_words(self.adjustment_type, step.adjust)}"
                          for step in self.ordered)  # fmt: skip
        least = f" by at least {self.min_adjustment_magnitude}" if self.min_adjustment_magnitude else ""
        cooldown = f", cooldown {self.cooldown_s:g} s" if self.cooldown_s else ""
        return f"when {self.alarm}: {steps}{least}; new instances warm up for {self.warmup_s:g} s{cooldown}"


class StepConfig(RootModel[list[StepPolicy]]):
    """The list under `aws-step:`, usually a policy that scales out and one that scales in."""

    root: list[StepPolicy] = Field(min_length=1)


class _Scaler:
    """One policy at work."""

    def __init__(self, policy: StepPolicy) -> None:
        self._policy = policy
        self._alarm = Alarm(policy.alarm)
        self._group = Group(policy.warmup_s, policy.cooldown_s, policy.cooldown_s)

    def propose(self, observation: Observation) -> Proposal:
        self._group.see(observation)
        value = self._group.value(observation, self._policy.alarm.metric)
        evaluated = self._alarm.add(observation.t_s, value)
        if not evaluated or self._alarm.state is not State.ALARM:
            return Proposal(self._alarm.words(observation.t_s))
        if not self._alarm.evaluated:
            return Proposal(f"{self._policy.alarm.metric} is in ALARM without a value, so no step is chosen")
        return self._step(observation)

    def _step(self, observation: Observation) -> Proposal:
        policy, alarm = self._policy, self._policy.alarm
        value = AGGREGATIONS[policy.metric_aggregation_type](self._alarm.evaluated)  # type: ignore[operator]
        beyond = value - alarm.threshold
        step = next((each for each in policy.steps if each.holds(beyond, alarm.upward)), None)
        seen = f"{alarm.metric} {value:.3g} is {beyond:+.3g} from the threshold {alarm.threshold:g}"
        if step is None or (step.adjust == 0 and policy.adjustment_type != "ExactCapacity"):
            return Proposal(f"{seen}, for which no step changes anything")
        return self._adjust(step, observation, f"{seen}: {in_words(policy.adjustment_type, step.adjust)}")

    def _adjust(self, step: Step, observation: Observation, words: str) -> Proposal:
        kind, least = self._policy.adjustment_type, self._policy.min_adjustment_magnitude
        desired, current = observation.counts.wanted, self._group.current(observation)
        if step.adjust > 0 and (kind != "ExactCapacity" or step.adjust >= desired):
            after = adjusted(current, kind, step.adjust, least)
            return Proposal(f"{words} on a current capacity of {current} gives {after}, desired {desired}",
                            max(desired, after))  # fmt: skip
        held = self._group.keeps_from_shrinking(observation) or ("" if self._alarm.current else "no recent datapoint")
        if held:
            return Proposal(f"{words}, held: {held}", desired)
        current = self._group.terminable(observation)
        after = adjusted(current, kind, step.adjust, least)
        return Proposal(f"{words} on a capacity of {current} gives {after}, desired {desired}", min(desired, after))


class StepScaling:
    """The policy `aws-step`."""

    Config = StepConfig

    def __init__(self, config: StepConfig) -> None:
        self._config = config
        self._scalers = [_Scaler(policy) for policy in config.root]

    def describe(self) -> list[str]:
        return [str(policy) for policy in self._config.root]

    def decide(self, observation: Observation) -> Decision:
        return settle(observation.counts.wanted, [scaler.propose(observation) for scaler in self._scalers])
