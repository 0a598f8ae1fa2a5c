"""Bounds, steps, cooldown and stabilisation: from a policy's decision to the one that is carried out.

Each clamp adds its words to the reason, so that the log always tells what the policy wanted and what held it back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from controller.model import Decision, Observation
from controller.window import Window


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for every policy. Steps are instances per tick; 0 means no such limit."""

    minimum: int
    maximum: int
    step_up: int = 0
    step_down: int = 0
    cooldown_down_s: float = 0
    stabilise_down_s: float = 0


class Limiter:
    """Applies limits to decisions; remembers what was wanted lately and when that last changed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lately = Window(limits.stabilise_down_s)
        self._changed_s: float | None = None

    def apply(self, decision: Decision, observation: Observation) -> Decision:
        clamps: tuple[Callable[[Decision, Observation], Decision], ...] = (
            self._no_data, self._stabilise, self._cool_down, self._steps, self._bounds,
        )  # fmt: skip
        for clamp in clamps:
            decision = clamp(decision, observation)
        if decision.wanted != observation.counts.wanted:
            self._changed_s = observation.t_s
        return decision

    def _no_data(self, decision: Decision, observation: Observation) -> Decision:
        if observation.missing and decision.wanted < observation.counts.wanted:
            return _clamp(decision, observation.counts.wanted, f"held, no data: {observation.missing}")
        return decision

    def _stabilise(self, decision: Decision, observation: Observation) -> Decision:
        """Shrink only to the most that was wanted in the window, as the Kubernetes HPA's scale-down window does."""
        self._lately.add(observation.t_s, decision.wanted)
        most = int(self._lately.max() or decision.wanted)
        floor = min(most, observation.counts.wanted)
        if decision.wanted < floor:
            return _clamp(decision, floor, f"held, {most} were wanted within {self._limits.stabilise_down_s:g} s")
        return decision

    def _cool_down(self, decision: Decision, observation: Observation) -> Decision:
        if decision.wanted >= observation.counts.wanted or self._changed_s is None:
            return decision
        left_s = self._limits.cooldown_down_s - (observation.t_s - self._changed_s)
        if left_s > 0:
            return _clamp(decision, observation.counts.wanted, f"held, cooldown, {left_s:.1f} s left")
        return decision

    def _steps(self, decision: Decision, observation: Observation) -> Decision:
        wanted, limits = observation.counts.wanted, self._limits
        if limits.step_up and decision.wanted > wanted + limits.step_up:
            return _clamp(decision, wanted + limits.step_up, f"at most {limits.step_up} up at once")
        if limits.step_down and decision.wanted < wanted - limits.step_down:
            return _clamp(decision, wanted - limits.step_down, f"at most {limits.step_down} down at once")
        return decision

    def _bounds(self, decision: Decision, _: Observation) -> Decision:
        if decision.wanted > self._limits.maximum:
            return _clamp(decision, self._limits.maximum, "capped by instances.max")
        if decision.wanted < self._limits.minimum:
            return _clamp(decision, self._limits.minimum, "raised to instances.min")
        return decision


def _clamp(decision: Decision, wanted: int, why: str) -> Decision:
    return replace(decision, wanted=wanted, reason=f"{decision.reason} (wanted {decision.wanted}; {why})")
