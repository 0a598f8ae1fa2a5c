"""The checks of the policy `nomad`: what each looks at, and the strategies that turn it into a vote."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from controller.policies.base import MetricName, Strict


@dataclass(frozen=True, slots=True)
class Vote:
    """What one check wants: a count and the direction to it, which is 0 for none."""

    count: int
    direction: int
    words: str
    known: bool = True


def vote(wanted: int, count: int, words: str) -> Vote:
    return Vote(count, (count > wanted) - (count < wanted), words)


class Steps(Strict):
    """The most that one action of a strategy adds and removes."""

    max_scale_up: int | None = Field(default=None, ge=0)
    """[instances] The most that is added at once; none: any number."""
    max_scale_down: int | None = Field(default=None, ge=0)
    """[instances] The most that is removed at once; none: any number."""

    def limit(self, wanted: int, count: int) -> int:
        if self.max_scale_up is not None:
            count = min(count, wanted + self.max_scale_up)
        return count if self.max_scale_down is None else max(count, wanted - self.max_scale_down)

    def __str__(self) -> str:
        steps = ((self.max_scale_up, "up"), (self.max_scale_down, "down"))
        return "".join(f", at most {most} {way} at once" for most, way in steps if most is not None)


class TargetValue(Steps):
    """Keeps the newest point at `target`: count × point / target, rounded up; 1 ± `threshold` is near enough."""

    target: float = Field(ge=0)
    """[the metric's] Where the metric is kept."""
    threshold: float = Field(default=0.01, ge=0)
    """So far the ratio of metric and target may be from 1 without an effect."""

    def vote(self, points: Sequence[float], wanted: int) -> Vote:
        factor = points[-1] / self.target if self.target else points[-1]
        words = f"{points[-1]:.4g} is {factor:.4g} of the target {self.target:g}"
        if wanted and 1 - self.threshold <= factor <= 1 + self.threshold:
            return vote(wanted, wanted, words)
        exact = factor * wanted if wanted else factor
        if math.isinf(exact):  # a share of no instances, or of next to no target
            return vote(wanted, self.limit(wanted, wanted + 1), words)
        return vote(wanted, self.limit(wanted, math.ceil(exact)), words)

    def __str__(self) -> str:
        return f"kept at {self.target:g} (±{100 * self.threshold:g}%){super().__str__()}"


class Threshold(Strict):
    """Acts when enough points lie in `lower_bound` ≤ point < `upper_bound`."""

    lower_bound: float | None = None
    """[the metric's] A point counts from it on; none: from any value."""
    upper_bound: float | None = None
    """[the metric's] A point counts below it; none: up to any value."""
    within_bounds_trigger: int = Field(default=5, ge=1)
    """[points] So many must count."""
    delta: int | None = None
    """[instances] What is added, or removed below 0; one of this, `percentage` and `value` is given."""
    percentage: float | None = None
    """What is added, or removed below 0, rounded up."""
    value: int | None = Field(default=None, ge=0)
    """[instances] The new number."""

    @model_validator(mode="after")
    def _complete(self) -> "Threshold":
        if self.lower_bound is None and self.upper_bound is None:
            raise ValueError("needs lower_bound, upper_bound or both")
        if [self.delta, self.percentage, self.value].count(None) != 2:
            raise ValueError("needs exactly one of delta, percentage, value")
        return self

    def _within(self, point: float) -> bool:
        lower = -math.inf if self.lower_bound is None else self.lower_bound
        return lower <= point and (self.upper_bound is None or point < self.upper_bound)

    def vote(self, points: Sequence[float], wanted: int) -> Vote:
        within = sum(map(self._within, points))
        words = f"{within} of {len(points)} points {self.bounds}, {self.within_bounds_trigger} needed"
        return vote(wanted, self._count(wanted) if within >= self.within_bounds_trigger else wanted, words)

    def _count(self, wanted: int) -> int:
        """The percentage in the very order of operations of the original, whose rounding errors count as well."""
        if self.value is not None:
            return self.value
        if self.percentage is not None:
            return max(0, math.ceil(wanted * (1 + self.percentage / 100)))
        return max(0, wanted + (self.delta or 0))

    @property
    def bounds(self) -> str:
        lower = "" if self.lower_bound is None else f"at least {self.lower_bound:g}"
        upper = "" if self.upper_bound is None else f"below {self.upper_bound:g}"
        return " and ".join(end for end in (lower, upper) if end)

    def __str__(self) -> str:
        change = f"set {self.value}" if self.value is not None else (
            f"{self.delta:+d}" if self.delta is not None else f"{self.percentage:+g}%")  # fmt: skip
        return f"{change} when {self.within_bounds_trigger} points are {self.bounds}"


class FixedValue(Strict):
    """Always the same count; looks at no metric."""

    value: int = Field(ge=0)
    """[instances] How many."""

    def vote(self, _: Sequence[float], wanted: int) -> Vote:
        return vote(wanted, self.value, "")

    def __str__(self) -> str:
        return str(self.value)


class PassThrough(Steps):
    """The newest point is the count, its fraction cut off."""

    def vote(self, points: Sequence[float], wanted: int) -> Vote:
        count = wanted + 1 if math.isinf(points[-1]) else int(points[-1])
        return vote(wanted, self.limit(wanted, count), f"is {points[-1]:.4g}")

    def __str__(self) -> str:
        return f"the newest value{super().__str__()}"


class Strategy(Strict):
    """Exactly one strategy."""

    target_value: TargetValue | None = None
    """Keeps the newest point at a target."""
    threshold: Threshold | None = None
    """Acts when enough points are within bounds."""
    fixed_value: FixedValue | None = None
    """Always the same number."""
    pass_through: PassThrough | None = None
    """The newest point is the number."""

    @model_validator(mode="after")
    def _one(self) -> "Strategy":
        if sum(each is not None for _, each in self) != 1:
            raise ValueError(f"needs exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def the(self) -> TargetValue | Threshold | FixedValue | PassThrough:
        found = self.target_value or self.threshold or self.fixed_value or self.pass_through
        assert found is not None
        return found


class Check(Strict):
    """One check; `query_window_s: 0` looks at the newest point alone, as an instant query does."""

    name: str = Field(min_length=1)
    """What it is called in reasons; no two alike."""
    metric: MetricName = "cpu_percent"
    """What is looked at."""
    group: str = ""
    """Votes for no change do not count beside others of the same group."""
    query_window_s: float = Field(default=60, ge=0, le=86_400)
    """How far back points are looked at; 0: the newest alone."""
    query_window_offset_s: float = Field(default=0, ge=0, le=86_400)
    """The window ends so long ago."""
    on_error: Literal["ignore", "fail"] | None = None
    """In place of `on_check_error`, for this check."""
    strategy: Strategy
    """Exactly one."""

    @property
    def blind(self) -> bool:
        """It needs no data."""
        return self.strategy.fixed_value is not None

    def __str__(self) -> str:
        kind = next(name.replace("_", "-") for name, each in self.strategy if each is not None)
        group = f" in group {self.group}" if self.group else ""
        window = f" over {self.query_window_s:g} s" if self.query_window_s else ""
        late = f", {self.query_window_offset_s:g} s ago" if self.query_window_offset_s else ""
        source = "" if self.blind else f" of {self.metric}{window}{late}"
        return f"check {self.name}{group}: {kind}{source}: {self.strategy.the}"


class Points:
    """The points of one check's metric, one for each step of time."""

    def __init__(self, check: Check, step_s: float) -> None:
        self._check = check
        self._step_s = step_s
        self._points: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, value: float) -> None:
        self._points.append((now_s, value))
        oldest_s = now_s - self._check.query_window_offset_s - self._check.query_window_s - self._step_s
        while self._points[0][0] < oldest_s:
            self._points.popleft()

    def within(self, now_s: float) -> list[float]:
        """What a query finds now: the points of the window, or the newest when it is not older than one step."""
        until_s = now_s - self._check.query_window_offset_s + 1e-9
        length_s = (self._check.query_window_s or self._step_s) + 2e-9
        found = [value for t_s, value in self._points if until_s - length_s <= t_s <= until_s]
        return found if self._check.query_window_s else found[-1:]
