"""Threshold rules: when a metric has been beyond a bound for a while, change the number of instances.

Several rules may fire in one tick. Up wins over down; of several ups the largest wins, of several downs the smallest
(as in Azure Monitor autoscale), so a conflict always ends with more instances rather than fewer.

Example:

    instances: {min: 1, max: 20}
    policy:
      rules:
        - when: {metric: rate_per_instance, above: 7, for_s: 1}
          then: {add: 50%}
        - when: {metric: rate_per_instance, below: 4, for_s: 10}
          then: {remove: 1}
          cooldown_s: 5
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, RootModel, WithJsonSchema, model_validator

from controller.model import Decision, Observation, metric
from controller.policies.base import MetricName, Strict


def _step(value: Any) -> str:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[1-9]\d{0,3}%?", text):
        raise ValueError("must be a whole number of instances from 1, or a percentage such as 50%")
    return text


Step = Annotated[str, BeforeValidator(_step), WithJsonSchema({"type": "string", "format": "such as 2 or 50%"})]


class When(Strict):
    """A condition: `metric` above or below a bound, without a break for `for_s` seconds."""

    metric: MetricName
    """What is looked at."""
    above: float | None = None
    """[the metric's] The condition holds above it; either this or `below` is given."""
    below: float | None = None
    """[the metric's] The condition holds below it."""
    for_s: float = Field(default=0, ge=0, le=86400)
    """So long it must have held without a break."""

    @model_validator(mode="after")
    def _one_bound(self) -> "When":
        if (self.above is None) == (self.below is None):
            raise ValueError("needs exactly one of above, below")
        return self

    def holds(self, value: float) -> bool:
        return value > self.above if self.above is not None else self.below is not None and value < self.below

    def __str__(self) -> str:
        bound = f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"
        return f"{self.metric} {bound}" + (f" for {self.for_s:g} s" if self.for_s else "")


class Then(Strict):
    """A change: `add` or `remove` a number or a percentage of the instances wanted now, at least one."""

    add: Step | None = None
    """[instances] What is added, percentages rounded up; either this or `remove` is given."""
    remove: Step | None = None
    """[instances] What is removed, percentages rounded down, but at least one."""

    @model_validator(mode="after")
    def _one_change(self) -> "Then":
        if (self.add is None) == (self.remove is None):
            raise ValueError("needs exactly one of add, remove")
        return self

    def apply(self, wanted: int) -> int:
        """Added percentages round up, removed ones down: in doubt there is more capacity."""
        if self.add is not None:
            return wanted + max(1, math.ceil(_amount(self.add, wanted)))
        assert self.remove is not None
        return max(0, wanted - max(1, math.floor(_amount(self.remove, wanted))))

    def __str__(self) -> str:
        return f"add {self.add}" if self.add is not None else f"remove {self.remove}"


def _amount(step: str, wanted: int) -> float:
    return wanted * int(step[:-1]) / 100 if step.endswith("%") else int(step)


class Rule(Strict):
    """One rule; after it fired it rests for `cooldown_s` seconds."""

    when: When
    """The condition."""
    then: Then
    """The change."""
    cooldown_s: float = Field(default=0, ge=0, le=86400)
    """So long the rule rests after it fired."""

    def __str__(self) -> str:
        return f"when {self.when}: {self.then}" + (f", then rest {self.cooldown_s:g} s" if self.cooldown_s else "")


class RulesConfig(RootModel[list[Rule]]):
    """The list under `rules:`; at least one rule."""

    root: list[Rule] = Field(min_length=1)


class _Memory:
    """What one rule remembers: since when its condition holds, and when it fired last."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.since_s: float | None = None
        self.fired_s = -math.inf

    def ripe(self, value: float | None, now_s: float) -> bool:
        """Has the condition held for long enough, and is the rule rested? Unknown metrics break the condition."""
        if value is None or not self.rule.when.holds(value):
            self.since_s = None
            return False
        self.since_s = now_s if self.since_s is None else self.since_s
        return now_s - self.since_s >= self.rule.when.for_s and now_s - self.fired_s >= self.rule.cooldown_s

    def fire(self, now_s: float) -> None:
        self.fired_s, self.since_s = now_s, None


class Rules:
    """The policy `rules`."""

    Config = RulesConfig

    def __init__(self, config: RulesConfig) -> None:
        self._memories = [_Memory(rule) for rule in config.root]
        self._metrics = tuple(dict.fromkeys(rule.when.metric for rule in config.root))

    def describe(self) -> list[str]:
        return [str(memory.rule) for memory in self._memories]

    def decide(self, observation: Observation) -> Decision:
        wanted, now_s = observation.counts.wanted, observation.t_s
        values = {name: metric(observation, name) for name in self._metrics}
        ripe = [memory for memory in self._memories if memory.ripe(values[memory.rule.when.metric], now_s)]
        ups = [memory for memory in ripe if memory.rule.then.add is not None]
        if not ripe:
            return Decision(wanted, f"no rule fires, {_words(values)}")
        winner = max(ups or ripe, key=lambda memory: memory.rule.then.apply(wanted))
        for memory in ups or ripe:
            memory.fire(now_s)
        rule = winner.rule
        value = values[rule.when.metric]
        reason = f"{rule.when.metric} {value:.3g} is {str(rule.when).removeprefix(rule.when.metric + ' ')}: {rule.then}"
        return Decision(rule.then.apply(wanted), reason)


def _words(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {'unknown' if value is None else format(value, '.3g')}" for name, value in values.items())
