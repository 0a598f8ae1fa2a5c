"""The rules of the policy `azure`: what they look at, when they are triggered, and what they lead to."""

import math
import operator
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from pydantic import Field, model_validator

from controller.model import Observation, Phase, metric
from controller.policies.base import MetricName, Strict

Combine = Callable[[Sequence[float]], float]
ACROSS: dict[str, Combine] = {"average": fmean, "min": min, "max": max, "sum": math.fsum, "count": len}
OVER_TIME: dict[str, Combine] = {
    "average": fmean, "minimum": min, "maximum": max, "total": math.fsum, "count": len, "last": lambda each: each[-1],
}  # fmt: skip
COMPARE: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "equals": ("equal to", operator.eq), "not_equals": ("other than", operator.ne),
    "greater_than": ("above", operator.gt), "greater_than_or_equal": ("at least", operator.ge),
    "less_than": ("below", operator.lt), "less_than_or_equal": ("at most", operator.le),
}  # fmt: skip
PER_INSTANCE = {"cpu_percent": "cpu_percent", "in_flight_per_instance": "in_flight_requests"}


class Rule(Strict):
    """One rule: what triggers it and what it does then."""

    metric: MetricName = "cpu_percent"
    """What is looked at."""
    time_grain_s: float = Field(default=60, gt=0, le=43_200)
    """Length of a grain, of which each gives a point."""
    statistic: Literal["average", "min", "max", "sum", "count"] = "average"
    """How the instances' values of a grain become a point."""
    time_window_s: float = Field(default=600, gt=0, le=43_200)
    """How far back points are looked at."""
    time_aggregation: Literal["average", "minimum", "maximum", "total", "count", "last"] = "average"
    """How the points of the window become the value."""
    operator: Literal[
        "equals", "not_equals", "greater_than", "greater_than_or_equal", "less_than", "less_than_or_equal"
    ] = "greater_than"
    """Of the value with the threshold."""
    threshold: float
    """[the metric's] What the value is compared with."""
    divide_per_instance: bool = False
    """Is the value divided by the instances first?"""
    direction: Literal["increase", "decrease"]
    """Whether it scales out or in."""
    type: Literal["change_count", "percent_change_count", "exact_count"] = "change_count"
    """Whether `value` is a number of instances, a percentage of them, or the new number."""
    value: int = Field(default=1, ge=0, le=100_000)
    """[as `type` says] The change."""
    cooldown_s: float = Field(default=300, ge=0, le=604_800)
    """The rule's rest after any scale action."""

    @model_validator(mode="after")
    def _whole_grains(self) -> "Rule":
        if self.time_window_s < self.time_grain_s:
            raise ValueError(f"time_window_s {self.time_window_s:g} is shorter than time_grain_s {self.time_grain_s:g}")
        return self

    @property
    def grains(self) -> int:
        """How many whole grains the window holds."""
        return int(self.time_window_s / self.time_grain_s + 1e-9)

    def triggered(self, value: float) -> bool:
        return COMPARE[self.operator][1](value, self.threshold)

    def result(self, wanted: int) -> int:
        """The instances that the action leads to, never against its direction."""
        increases = self.direction == "increase"
        if self.type == "exact_count":
            return max(wanted, self.value) if increases else min(wanted, self.value)
        step = self.value
        if self.type == "percent_change_count" and step:
            exact = wanted * self.value / 100
            step = max(1, math.ceil(exact) if increases else math.floor(exact))
        return wanted + step if increases else max(0, wanted - step)

    @property
    def name(self) -> str:
        return self.metric + (" per instance" if self.divide_per_instance else "")

    @property
    def condition(self) -> str:
        return f"{COMPARE[self.operator][0]} {self.threshold:g}"

    @property
    def action(self) -> str:
        if self.type == "exact_count":
            return f"{self.direction} to {self.value}"
        return f"{self.direction} by {self.value}" + ("%" if self.type == "percent_change_count" else "")

    def __str__(self) -> str:
        points = f"points of {self.time_grain_s:g} s, {self.statistic} of the instances"
        return (f"{self.action} when {self.name}, {self.time_aggregation} over {self.time_window_s:g} s ({points}), "
                f"is {self.condition}; cooldown {self.cooldown_s:g} s")  # fmt: skip


class Series:
    """The points of one rule's metric: one for each finished grain that had samples, grains counted from time zero."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._points: deque[tuple[int, float]] = deque()
        self._first: int | None = None
        self._grain = 0
        self._samples: list[float] = []

    def add(self, now_s: float, values: Sequence[float]) -> None:
        """Take in what one tick saw of the instances; nothing where that is not known."""
        grain = math.floor(now_s / self._rule.time_grain_s + 1e-9)
        if self._first is None:
            self._first = self._grain = grain
        if grain > self._grain:
            self._finish(grain)
        if values:
            self._samples.append(ACROSS[self._rule.statistic](values))

    def _finish(self, grain: int) -> None:
        """Several ticks of a grain: their extreme where the rule asks for one, else their mean."""
        if self._samples:
            combine: Combine = {"min": min, "max": max}.get(self._rule.statistic, fmean)
            self._points.append((self._grain, combine(self._samples)))
        self._grain, self._samples = grain, []
        while self._points and self._points[0][0] < grain - self._rule.grains:
            self._points.popleft()

    @property
    def young(self) -> bool:
        """No grain is finished yet."""
        return self._grain == self._first

    def value(self) -> float | None:
        points = [point for _, point in self._points]
        return OVER_TIME[self._rule.time_aggregation](points) if points else None


def seen(observation: Observation, name: str) -> list[float]:
    """The metric of each instance in service where that is known, else of the fleet."""
    if observation.missing:
        return []
    if name in PER_INSTANCE:
        serving = (sample for sample in observation.instances if sample.phase is Phase.IN_SERVICE)
        each = [value for sample in serving if (value := getattr(sample, PER_INSTANCE[name])) is not None]
        if each:
            return each
    value = metric(observation, name)
    return [] if value is None else [value]


def scaled(value: float, instances: int, fewer: int) -> float:
    """What each gets when the load of so many instances falls on fewer; on none any load is too much."""
    if fewer:
        return value * instances / fewer
    return math.inf if value else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one rule sees at one evaluation."""

    rule: Rule
    value: float | None
    rests_s: float  # until its cooldown is over

    @property
    def triggered(self) -> bool:
        return self.value is not None and self.rule.triggered(self.value)

    @property
    def fires(self) -> bool:
        return self.triggered and not self.rests_s

    def flaps(self, wanted: int, count: int) -> str:
        """Words when this increase rule would be triggered after a scale-in to `count`, else nothing."""
        projected = scaled(self.value or 0.0, wanted, count)
        if not self.rule.triggered(projected):
            return ""
        return f"{self.rule.name} would be {projected:.4g} at {count}, {self.rule.condition}"

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.rule.name} is unknown"
        rest = f" (cooldown, {self.rests_s:.1f} s left)" if self.rests_s else ""
        return f"{self.rule.name} is {self.value:.4g}, {'' if self.triggered else 'not '}{self.rule.condition}{rest}"
