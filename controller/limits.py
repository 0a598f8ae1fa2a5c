"""Bounds, steps, cooldown and stabilisation: from a policy's decision to the one that is carried out.

Each limit that changes something adds its words to the reason, so that the log always tells what the policy wanted and
what held it back.
"""

from collections.abc import Callable
from dataclasses import dataclass

from controller.model import Decision, Observation
from controller.window import Highest


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for every policy. Steps are instances per tick; 0 means no such limit."""

    minimum: int
    maximum: int
    step_up: int = 0
    step_down: int = 0
    cooldown_down_s: float = 0
    stabilise_down_s: float = 0


@dataclass(frozen=True, slots=True)
class Clamp:
    """What one limit made of a number of instances; `limit` is its key in the policy file, or `no data`."""

    limit: str
    before: int
    after: int
    why: str


@dataclass(frozen=True, slots=True)
class Limited(Decision):
    """A decision after the limits, with what they changed, in order."""

    clamps: tuple[Clamp, ...] = ()


class Limiter:
    """Applies limits to decisions; remembers what was wanted lately and when that last changed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lately = Highest(limits.stabilise_down_s)
        self._changed_s: float | None = None
        self._in_force: tuple[Callable[[int, Observation], Clamp | None], ...] = (
            self._no_data,
            *([self._stabilise] if limits.stabilise_down_s else []),
            *([self._cool_down] if limits.cooldown_down_s else []),
            *([self._steps] if limits.step_up or limits.step_down else []),
            self._bounds,
        )

    def apply(self, decision: Decision, observation: Observation) -> Limited:
        wanted, clamps = decision.wanted, []
        for limit in self._in_force:
            clamp = limit(wanted, observation)
            if clamp is not None:
                clamps.append(clamp)
                wanted = clamp.after
        if wanted != observation.counts.wanted:
            self._changed_s = observation.t_s
        words = "".join(f" (wanted {clamp.before}; {clamp.why})" for clamp in clamps)
        return Limited(wanted, decision.reason + words, decision.considered, tuple(clamps))

    def _no_data(self, wanted: int, observation: Observation) -> Clamp | None:
        if not observation.missing or wanted >= observation.counts.wanted:
            return None
        return Clamp("no data", wanted, observation.counts.wanted, f"held, no data: {observation.missing}")

    def _stabilise(self, wanted: int, observation: Observation) -> Clamp | None:
        """Shrink only to the most that was wanted in the window, as the Kubernetes HPA's scale-down window does."""
        most = self._lately.add(observation.t_s, wanted) or wanted
        floor, window_s = min(most, observation.counts.wanted), self._limits.stabilise_down_s
        if wanted >= floor:
            return None
        return Clamp("limits.stabilise_down_s", wanted, floor, f"held, {most} were wanted within {window_s:g} s")

    def _cool_down(self, wanted: int, observation: Observation) -> Clamp | None:
        was = observation.counts.wanted
        if wanted >= was or self._changed_s is None:
            return None
        left_s = self._limits.cooldown_down_s - (observation.t_s - self._changed_s)
        if left_s <= 0:
            return None
        return Clamp("limits.cooldown_down_s", wanted, was, f"held, cooldown, {left_s:.1f} s left")

    def _steps(self, wanted: int, observation: Observation) -> Clamp | None:
        was, up, down = observation.counts.wanted, self._limits.step_up, self._limits.step_down
        if up and wanted > was + up:
            return Clamp("limits.step_up", wanted, was + up, f"at most {up} up at once")
        if down and wanted < was - down:
            return Clamp("limits.step_down", wanted, was - down, f"at most {down} down at once")
        return None

    def _bounds(self, wanted: int, observation: Observation) -> Clamp | None:
        """A fleet that is too large, as one that was adopted may be, is not made smaller without data."""
        low, high = self._limits.minimum, self._limits.maximum
        high = max(high, observation.counts.wanted) if observation.missing else high
        if wanted > high:
            return Clamp("instances.max", wanted, high, "capped by instances.max")
        return Clamp("instances.min", wanted, low, "raised to instances.min") if wanted < low else None
