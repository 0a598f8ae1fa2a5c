"""What the Kubernetes HorizontalPodAutoscaler does between a recommendation and the change: stabilisation windows,
limits of the rate, bounds.

Source: kubernetes/kubernetes, releases 1.32 to 1.34, pkg/controller/podautoscaler/horizontal.go (from
normalizeDesiredReplicas on), pkg/apis/autoscaling/v2/defaults.go and pkg/apis/autoscaling/validation/validation.go.
Words such as ScaleUpLimit in the reasons are those of its conditions.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import Field

from controller.policies.base import Strict
from controller.policies.hpa_replicas import MOST


class ScalingPolicy(Strict):
    """A change of at most so many instances, or so many percent of them, within the period."""

    type: Literal["Pods", "Percent"]
    """Whether `value` is instances or percent of them."""
    value: int = Field(ge=1, le=MOST)
    """[as `type` says] The largest change."""
    period_s: float = Field(gt=0, le=1800)
    """The change counts over so long."""

    def __str__(self) -> str:
        return f"{self.value}{'%' if self.type == 'Percent' else ''} in {self.period_s:g} s"


class ScalingRules(Strict):
    """The options of one direction; what is not given has the direction's default."""

    stabilization_window_s: float | None = Field(default=None, ge=0, le=3600)
    """Of what was recommended in so long the least change counts; none: 0 up, `downscale_stabilization_s` down."""
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"
    """Of several policies the largest or the smallest change counts; or no change at all."""
    policies: list[ScalingPolicy] | None = Field(default=None, min_length=1, max_length=100)
    """None: up the larger of 4 Pods and 100 Percent in 15 s, down 100 Percent in 15 s."""
    tolerance: float | None = Field(default=None, ge=0)
    """In this direction instead of the general one."""


class Behavior(Strict):
    """The options under `behavior`."""

    scale_up: ScalingRules = ScalingRules()
    """For more instances."""
    scale_down: ScalingRules = ScalingRules()
    """For fewer."""


UP = [ScalingPolicy(type="Pods", value=4, period_s=15), ScalingPolicy(type="Percent", value=100, period_s=15)]
DOWN = [ScalingPolicy(type="Percent", value=100, period_s=15)]


@dataclass(frozen=True, slots=True)
class Bounds:
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A recommendation after it was stabilised and limited, and what each step did."""

    wanted: int
    words: tuple[str, ...]


class Settler(Protocol):
    """The way from a recommendation to the change, with its memory."""

    recommendations: "Recommendations"

    def settle(self, now_s: float, current: int, desired: int) -> Settled: ...

    def changed(self, at_s: float, change: int) -> None:
        """The number of replicas was changed."""
        ...

    def describe(self) -> list[str]: ...


class Recommendations:
    """What was recommended lately, before it was stabilised. The first entry is the number of replicas at the start."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._entries: list[tuple[float, int]] | None = None

    def seed(self, now_s: float, current: int) -> None:
        """At the start, a moment before the first recommendation, so that a window of no length leaves it out."""
        if self._entries is None:
            self._entries = [(math.nextafter(now_s, -math.inf), current)]

    def add(self, now_s: float, desired: int) -> None:
        recent = [(at_s, replicas) for at_s, replicas in self._entries or [] if at_s >= now_s - self._longest_s]
        self._entries = [*recent, (now_s, desired)]

    def after(self, cutoff_s: float) -> list[int]:
        return [replicas for at_s, replicas in self._entries or [] if at_s > cutoff_s]

    def since(self, cutoff_s: float) -> list[int]:
        return [replicas for at_s, replicas in self._entries or [] if at_s >= cutoff_s]


class PlainSettler:
    """Without `behavior`: down to the most that was recommended in the window; up to twice as many, or four."""

    def __init__(self, window_s: float, bounds: Bounds) -> None:
        self._window_s = window_s
        self._bounds = bounds
        self.recommendations = Recommendations(window_s)

    def describe(self) -> list[str]:
        return [f"up at most to twice as many (or 4) at once, down to the most that was recommended "
                f"within {self._window_s:g} s"]  # fmt: skip

    def changed(self, at_s: float, change: int) -> None:
        """Events count for `behavior` only."""

    def settle(self, now_s: float, current: int, desired: int) -> Settled:
        stabilised = max([desired, *self.recommendations.since(now_s - self._window_s)])
        self.recommendations.add(now_s, desired)
        words = _stabilised(desired, stabilised, f"the most within {self._window_s:g} s")
        limit, minimum, maximum = max(2 * current, 4), self._bounds.minimum, self._bounds.maximum
        if stabilised < minimum:
            return Settled(minimum, (*words, f"at least the minimum {minimum}, TooFewReplicas"))
        if stabilised > limit and limit < maximum:
            return Settled(limit, (*words, f"at most {limit} at once, ScaleUpLimit"))
        if stabilised > maximum:
            return Settled(maximum, (*words, f"at most the maximum {maximum}, TooManyReplicas"))
        return Settled(stabilised, words)


def _stabilised(desired: int, stabilised: int, how: str) -> tuple[str, ...]:
    if stabilised == desired:
        return ()
    return (f"{desired} stabilised to {stabilised}, {how}, Scale{'Down' if stabilised > desired else 'Up'}Stabilized",)


class Events:
    """The changes in one direction. A new one takes the place of an old one, as in the source: until then a change that
    is older than this direction's longest period still counts for the longer periods of the other direction."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._events: list[tuple[float, int]] = []

    def add(self, at_s: float, replicas: int) -> None:
        old = [index for index, (then_s, _) in enumerate(self._events) if then_s < at_s - self._longest_s]
        if old:
            self._events[old[-1]] = (at_s, replicas)
        else:
            self._events.append((at_s, replicas))

    def within(self, now_s: float, period_s: float) -> int:
        return sum(replicas for at_s, replicas in self._events if at_s > now_s - period_s)


class Direction:
    """One direction's rules with the defaults filled in, and its changes so far."""

    def __init__(self, rules: ScalingRules, default_window_s: float, default_policies: list[ScalingPolicy]) -> None:
        given_s = rules.stabilization_window_s
        self.window_s = default_window_s if given_s is None else given_s
        self.policies = rules.policies or default_policies
        self.select = rules.select_policy
        self.events = Events(max(policy.period_s for policy in self.policies))

    def __str__(self) -> str:
        if self.select == "Disabled":
            return "never"
        which = f"the {'largest' if self.select == 'Max' else 'smallest'} of " if len(self.policies) > 1 else ""
        return f"at most {which}{', '.join(str(policy) for policy in self.policies)}"


class BehaviorSettler:
    """With `behavior`: both windows bound the change, then the policies limit its rate."""

    def __init__(self, behavior: Behavior, window_s: float, bounds: Bounds) -> None:
        self._up = Direction(behavior.scale_up, 0, UP)
        self._down = Direction(behavior.scale_down, window_s, DOWN)
        self._bounds = bounds
        self.recommendations = Recommendations(max(self._up.window_s, self._down.window_s))

    def describe(self) -> list[str]:
        return [f"scale {way}: {direction}, stabilised over {direction.window_s:g} s"
                for way, direction in (("up", self._up), ("down", self._down))]  # fmt: skip

    def changed(self, at_s: float, change: int) -> None:
        (self._up if change > 0 else self._down).events.add(at_s, abs(change))

    def settle(self, now_s: float, current: int, desired: int) -> Settled:
        stabilised = self._stabilise(now_s, current, desired)
        words = _stabilised(desired, stabilised, f"recommended within {self._down.window_s:g} s down, "
                            f"{self._up.window_s:g} s up")  # fmt: skip
        if stabilised > current:
            return self._limit_up(now_s, current, stabilised, words)
        if stabilised < current:
            return self._limit_down(now_s, current, stabilised, words)
        return Settled(stabilised, words)

    def _stabilise(self, now_s: float, current: int, desired: int) -> int:
        """The present number, moved no further than into the range of what was recommended in the windows."""
        lowest = min([desired, *self.recommendations.after(now_s - self._up.window_s)])
        highest = max([desired, *self.recommendations.after(now_s - self._down.window_s)])
        self.recommendations.add(now_s, desired)
        return min(max(current, lowest), highest)

    def _limit_up(self, now_s: float, current: int, wanted: int, words: tuple[str, ...]) -> Settled:
        limit, maximum = max(self._up_limit(now_s, current), current), self._bounds.maximum
        if maximum > limit and wanted > limit:
            return Settled(limit, (*words, f"at most {limit} ({self._up}), ScaleUpLimit"))
        if wanted > maximum:
            return Settled(maximum, (*words, f"at most the maximum {maximum}, TooManyReplicas"))
        return Settled(wanted, words)

    def _limit_down(self, now_s: float, current: int, wanted: int, words: tuple[str, ...]) -> Settled:
        limit, minimum = min(self._down_limit(now_s, current), current), self._bounds.minimum
        if minimum < limit and wanted < limit:
            return Settled(limit, (*words, f"at least {limit} ({self._down}), ScaleDownLimit"))
        if wanted < minimum:
            return Settled(minimum, (*words, f"at least the minimum {minimum}, TooFewReplicas"))
        return Settled(wanted, words)

    def _start(self, now_s: float, current: int, period_s: float) -> int:
        """How many there were when the period began."""
        return current - self._up.events.within(now_s, period_s) + self._down.events.within(now_s, period_s)

    def _up_limit(self, now_s: float, current: int) -> int:
        """Percentages round up, else a small fleet would never grow."""
        if self._up.select == "Disabled":
            return current
        limits = []
        for policy in self._up.policies:
            start = self._start(now_s, current, policy.period_s)
            percent = math.ceil(start * (1 + policy.value / 100))
            limits.append(start + policy.value if policy.type == "Pods" else percent)
        return min(limits) if self._up.select == "Min" else max(limits)

    def _down_limit(self, now_s: float, current: int) -> int:
        if self._down.select == "Disabled":
            return current
        limits = []
        for policy in self._down.policies:
            start = self._start(now_s, current, policy.period_s)
            percent = int(start * (1 - policy.value / 100))
            limits.append(start - policy.value if policy.type == "Pods" else percent)
        return max(limits) if self._down.select == "Min" else min(limits)
