"""Simple scaling of EC2 Auto Scaling: one adjustment for an alarm, then a rest.

Source: Amazon EC2 Auto Scaling User Guide, "Step and simple scaling policies" and "Scaling cooldowns" (awsdocs/
amazon-ec2-auto-scaling-user-guide, doc_source/as-scaling-simple-step.md and Cooldown.md). AWS advises against it.

At each period that a policy's alarm spends in ALARM, the desired capacity is adjusted (rounding as in
controller.policies.aws_capacity), unless a scaling activity or a replacement of an instance is in progress or the
cooldown of the last activity has not ended. The cooldown is that of the policy that acted; it begins when the last
instance of the activity has entered service or has gone, and holds back all simple policies of the group.

Different from AWS: without current data no instance is removed, whatever treat_missing_data says.

Example:

    instances: {min: 1, max: 20}
    policy:
      aws-simple:
        - alarm: {metric: queue_requests, period_s: 10, evaluation_periods: 1, threshold: 0,
                  comparison: GreaterThanThreshold}
          adjustment_type: ChangeInCapacity
          adjust: 2
          cooldown_s: 20
"""

from pydantic import Field, RootModel, model_validator

from controller.model import Decision, Observation
from controller.policies.aws_capacity import AdjustmentType, Group, Proposal, adjusted, in_words, settle
from controller.policies.base import Strict
from controller.policies.cloudwatch import Alarm, AlarmConfig, State


class SimplePolicy(Strict):
    """One simple scaling policy with its alarm."""

    alarm: AlarmConfig
    """What invokes it."""
    adjustment_type: AdjustmentType
    """Whether `adjust` is a number of instances, a percentage of them, or the new number."""
    adjust: int = Field(ge=-1000, le=1000)
    """[as `adjustment_type` says] The change."""
    min_adjustment_magnitude: int = Field(default=0, ge=0, le=1000)
    """[instances] The least change by a percentage."""
    cooldown_s: float = Field(default=300, ge=0, le=86400)
    """The rest, from when the change is done."""

    @model_validator(mode="after")
    def _sensible(self) -> "SimplePolicy":
        if self.adjustment_type == "ExactCapacity" and self.adjust < 0:
            raise ValueError("an ExactCapacity must not be negative")
        if self.adjustment_type != "PercentChangeInCapacity" and self.min_adjustment_magnitude:
            raise ValueError("min_adjustment_magnitude is for PercentChangeInCapacity only")
        return self

    @property
    def change(self) -> str:
        return in_words(self.adjustment_type, self.adjust)

    def __str__(self) -> str:
        least = f" by at least {self.min_adjustment_magnitude}" if self.min_adjustment_magnitude else ""
        return f"when {self.alarm}: {self.change}{least}, then rest {self.cooldown_s:g} s from when that is done"


class SimpleConfig(RootModel[list[SimplePolicy]]):
    """The list under `aws-simple:`, usually a policy that scales out and one that scales in."""

    root: list[SimplePolicy] = Field(min_length=1)


class _Rest:
    """What holds back all simple policies: an activity in progress, and the cooldown after it."""

    def __init__(self) -> None:
        self._wanted: int | None = None
        self._active = False
        self._until_s = 0.0
        self.cooldown_s = 0.0  # of the policy that acted last

    def see(self, observation: Observation) -> None:
        counts, self._wanted, before = observation.counts, observation.counts.wanted, self._wanted
        self._active = self._active or before not in (None, counts.wanted)
        if self._active and not self._in_progress(observation):
            self._active, self._until_s = False, observation.t_s + self.cooldown_s

    def _in_progress(self, observation: Observation) -> bool:
        return observation.counts.in_service != observation.counts.wanted or observation.counts.draining > 0

    def holds(self, observation: Observation) -> str:
        """Why no policy may act now, empty when one may."""
        if self._in_progress(observation):
            return "an activity or a replacement is in progress"
        left_s = self._until_s - observation.t_s
        return f"cooldown, {left_s:.1f} s left" if left_s > 1e-9 else ""


class SimpleScaling:
    """The policy `aws-simple`."""

    Config = SimpleConfig

    def __init__(self, config: SimpleConfig) -> None:
        self._policies = config.root
        self._alarms = [Alarm(policy.alarm) for policy in config.root]
        self._group, self._rest = Group(warmup_s=0), _Rest()

    def describe(self) -> list[str]:
        return [str(policy) for policy in self._policies]

    def decide(self, observation: Observation) -> Decision:
        self._rest.see(observation)
        pairs = zip(self._policies, self._alarms, strict=True)
        proposals = [self._propose(policy, alarm, observation) for policy, alarm in pairs]
        decision = settle(observation.counts.wanted, proposals)
        if decision.wanted != observation.counts.wanted:
            acted = next(at for at, each in enumerate(proposals) if each.wanted == decision.wanted)
            self._rest.cooldown_s = self._policies[acted].cooldown_s
        return decision

    def _propose(self, policy: SimplePolicy, alarm: Alarm, observation: Observation) -> Proposal:
        evaluated = alarm.add(observation.t_s, self._group.value(observation, policy.alarm.metric))
        words = alarm.words(observation.t_s)
        if not evaluated or alarm.state is not State.ALARM:
            return Proposal(words)
        if held := self._rest.holds(observation):
            return Proposal(f"{words}, but held: {held}")
        wanted = observation.counts.wanted
        after = adjusted(wanted, policy.adjustment_type, policy.adjust, policy.min_adjustment_magnitude)
        if after < wanted and (observation.missing or not alarm.current):
            return Proposal(f"{words}: {policy.change}, but held: no data", wanted)
        return Proposal(f"{words}: {policy.change} on {wanted} gives {after}", after)
