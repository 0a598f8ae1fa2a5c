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
    service next; what serves from the controller's start on has none.
    """
    decided_s = [event["t_s"] for event in growths(events)]
    found = []
    for event in events:
        if event.get("phase") != "IN_SERVICE":
            continue
        own = [each for each in events if each.get("instance") == event["instance"]]
        ordered_s = _latest([each["t_s"] for each in own if each.get("phase") == "BOOTING"], event["t_s"])
        cause_s = _latest(decided_s, event["t_s"]) if promoted else ordered_s
        if ordered_s is not None and cause_s is not None and cause_s in decided_s:
            answers = [each for each in own if each["event"] == "first_answer" and each["t_s"] >= ordered_s]
            found.append(_scale_up(event, cause_s, answers[0] if answers else None, promoted))
    return found


def _latest(times_s: Iterable[float], until_s: float) -> float | None:
    return max((t_s for t_s in times_s if t_s <= until_s), default=None)


def _scale_up(entered: Event, decided_s: float, answer: Event | None, promoted: bool) -> ScaleUp:
    """A standby's answer is taken by its time in the journal: what the journal counts from may be its order."""
    answer_ms = None
    if answer is not None:
        answer_ms = 1000 * (answer["t_s"] - decided_s) if promoted else answer["since_decision_ms"]
    parts_ms = {part: entered[part] for part in PARTS if part in entered}
    return ScaleUp(entered["instance"], 1000 * (entered["t_s"] - decided_s), answer_ms, parts_ms)


def all_in_service_s(events: Sequence[Event], instances: int) -> float | None:
    """From the first decision to grow until so many instances were in service; None while they are not."""
    decisions = growths(events)
    entered_s = [event["t_s"] for event in events if event.get("phase") == "IN_SERVICE"]
    if not decisions or len(entered_s) < instances:
        return None
    return float(entered_s[instances - 1] - decisions[0]["t_s"])
