"""From a controller's journal to samples; pure, times in seconds on the journal's axis unless the name says else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
PARTS = ("wait_ms", "clone_ms", "address_ms", "application_ms", "balancer_ms")


@dataclass(frozen=True, slots=True)
class ScaleUp:
    """One instance that a decision put into service, counted from that decision."""

    instance: str
    in_service_ms: float
    first_answer_ms: float | None
    parts_ms: dict[str, float]


def growths(events: Iterable[Event]) -> list[Event]:
    """The decisions to grow."""
    return [event for event in events if event["event"] == "decision" and event["wanted"] > event["was"]]


def scale_ups(events: Sequence[Event], promoted: bool) -> list[ScaleUp]:
    """The instances that decisions put into service, in order.

    A decision's instance is the one that was ordered with it, or, where standbys are `promoted`, the one that entered
    service next; what served from the controller's start on has none.
    """
    decided_s = [event["t_s"] for event in growths(events)]
    found = []
    for event in events:
        if event.get("phase") == "IN_SERVICE":
            ordered_s = _last(events, event, "BOOTING")
            cause_s = max((t_s for t_s in decided_s if t_s <= event["t_s"]), default=None) if promoted else ordered_s
            if ordered_s is not None and cause_s in decided_s:
                found.append(_scale_up(events, event, ordered_s, cause_s))
    return found


def _scale_up(events: Sequence[Event], entered: Event, ordered_s: float, decided_s: float) -> ScaleUp:
    """The journal counts a first answer from when the instance was ordered, here it counts from the decision."""
    since_ms = [
        event["since_decision_ms"]
        for event in events
        if event["event"] == "first_answer"
        and event["instance"] == entered["instance"]
        and event["t_s"] >= ordered_s
    ]
    before_ms = 1000 * (decided_s - ordered_s)
    return ScaleUp(
        entered["instance"],
        1000 * (entered["t_s"] - decided_s),
        since_ms[0] - before_ms if since_ms else None,
        {part: entered[part] for part in PARTS if part in entered},
    )


def _last(events: Iterable[Event], until: Event, phase: str) -> float | None:
    """When the instance of the event last entered a phase before it."""
    times_s = [
        event["t_s"]
        for event in events
        if event.get("phase") == phase and event["instance"] == until["instance"] and event["t_s"] <= until["t_s"]
    ]
    return times_s[-1] if times_s else None


def all_in_service_s(events: Sequence[Event], instances: int) -> float | None:
    """From the first decision to grow until so many instances were in service; None while they are not."""
    decisions = growths(events)
    entered_s = [event["t_s"] for event in events if event.get("phase") == "IN_SERVICE"]
    if not decisions or len(entered_s) < instances:
        return None
    return float(entered_s[instances - 1] - decisions[0]["t_s"])
