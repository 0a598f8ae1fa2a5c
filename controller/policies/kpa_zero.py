"""Scaling to and from zero as Knative does it: the first instances, and the time between no traffic and no instance.

Source: Knative Serving (commit 98e5ef9), pkg/reconciler/autoscaling/kpa/scaler.go (handleScaleToZero) and kpa.go
(computeActiveCondition).

The service is *activating* until its instances serve, *active* from then on, and *inactive* once none is wanted. An
active service loses its last instance when it was active for the stable window and then inactive for the grace period
(or the retention period, the longer of the two). One that does not become active is given up after a deadline.

Requests for a service without instances wait in HAProxy's queue, which is always in their path. Knative puts its
activator there when it is needed and skips the grace period if it is there already; here the period always holds.
"""

from dataclasses import dataclass, replace
from typing import Literal

from controller.model import Counts, Decision

State = Literal["activating", "active", "inactive"]
ACTIVATION_BUFFER_S = 30.0  # beyond the progress deadline


@dataclass(frozen=True, slots=True)
class Zero:
    """What decides on the last instance and the first ones."""

    allowed: bool
    stable_window_s: float
    grace_s: float
    retention_s: float
    progress_deadline_s: float
    initial: int


class Activity:
    """Follows whether the service is active, and holds back the last instance accordingly."""

    def __init__(self, zero: Zero) -> None:
        self._zero = zero
        self._state: State = "activating" if zero.initial else "inactive"
        self._since_s = 0.0
        self._initialised = zero.initial == 0

    def start(self, now_s: float) -> None:
        """Before the first decision."""
        self._since_s = now_s

    def apply(self, wish: Decision | None, now_s: float, counts: Counts) -> Decision:
        """What to do about what the averages ask for, None where they know nothing."""
        decision, told = self._weigh(wish, now_s, counts)
        self._update(told, now_s, counts.in_service)
        return decision

    def _weigh(self, wish: Decision | None, now_s: float, counts: Counts) -> tuple[Decision, int | None]:
        """The decision, and what it says of the wanted count: None for nothing."""
        first = 0 if self._initialised else self._zero.initial
        if wish is None:
            return _raised(Decision(counts.wanted, "no data on the stable window: nothing is done"), first), None
        if wish.wanted or first > 1:
            raised = _raised(wish, first)
            return raised, raised.wanted
        return self._last(wish, now_s, counts.wanted)

    def _last(self, wish: Decision, now_s: float, hold: int) -> tuple[Decision, int | None]:
        """No instance is wanted: is it time?"""
        zero, since_s = self._zero, now_s - self._since_s
        if not zero.allowed:
            return replace(wish, wanted=1, reason=f"{wish.reason}; raised to 1, zero is not allowed"), 1
        if self._state == "activating":
            deadline_s = zero.progress_deadline_s + ACTIVATION_BUFFER_S
            if since_s > deadline_s:
                return replace(wish, reason=f"{wish.reason}; not in service after {deadline_s:g} s: given up"), 0
            why = f"activating for {since_s:.1f} s of at most {deadline_s:g} s"
            return replace(wish, wanted=hold, reason=f"{wish.reason}; held, {why}"), None
        if self._state == "active":
            if since_s < zero.stable_window_s:
                why = f"active for {since_s:.1f} s of at least {zero.stable_window_s:g} s, the last one stays"
                return replace(wish, wanted=1, reason=f"{wish.reason}; {why}"), 1
            return replace(wish, wanted=hold, reason=f"{wish.reason}; inactive from now on, the last one stays"), 0
        rest_s = max(zero.grace_s, zero.retention_s)
        if since_s >= rest_s:
            return replace(wish, reason=f"{wish.reason}; inactive for {since_s:.1f} s"), 0
        why = f"inactive for {since_s:.1f} s of {rest_s:g} s, the last one stays"
        return replace(wish, wanted=hold, reason=f"{wish.reason}; {why}"), 0

    def _update(self, told: int | None, now_s: float, in_service: int) -> None:
        least = 1 if self._initialised else self._zero.initial
        self._initialised = self._initialised or in_service >= least
        if told == 0:
            self._become("inactive", now_s)
        elif told is not None or self._state != "inactive":
            self._become("active" if in_service >= least else "activating", now_s)

    def _become(self, state: State, now_s: float) -> None:
        if state != self._state:
            self._state, self._since_s = state, now_s


def _raised(wish: Decision, first: int) -> Decision:
    if wish.wanted >= first:
        return wish
    return replace(wish, wanted=first, reason=f"{wish.reason}; raised to the initial {first}, not in service yet")
