"""What the fleet did in a run, from its journal."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.model import Phase
from experiments.oracle import Steps, staircase

Event = Mapping[str, Any]
COUNTED = (Phase.BOOTING, Phase.STANDBY, Phase.IN_SERVICE)


@dataclass(frozen=True, slots=True)
class Course:
    """Staircases of instances from the journal's first event to its last. `coming` are those on their way into service:
    they boot or are healthy, and the policy wants more than there are in service. The pool's are none."""

    wanted: Steps
    in_service: Steps
    coming: Steps


def course_of(events: Iterable[Event]) -> Course:
    """A tick tells how many instances are in each phase; between two ticks each instance's own events do."""
    phases: dict[str, str] = {}
    counts: Counter[str] = Counter()
    wanted = 0
    wanted_at, serving_at, coming_at = [], [], []
    for event in events:
        match event["event"]:
            case "tick":
                wanted = event["wanted"]
                counts = Counter({phase: event.get(phase.lower(), 0) for phase in COUNTED})
            case "decision":
                wanted = event["wanted"]
            case "instance":
                counts[_phase_before(phases, event)] -= 1
                counts[event["phase"]] += 1
                phases[event["instance"]] = event["phase"]
        serving = max(0, counts[Phase.IN_SERVICE])
        ready = max(0, counts[Phase.BOOTING] + counts[Phase.STANDBY])
        wanted_at.append((event["t_s"], wanted))
        serving_at.append((event["t_s"], serving))
        coming_at.append((event["t_s"], min(ready, max(0, wanted - serving))))
    end_s = wanted_at[-1][0] if wanted_at else 0.0
    return Course(*(staircase(steps, end_s) for steps in (wanted_at, serving_at, coming_at)))


@dataclass(frozen=True, slots=True)
class Stay:
    """An instance's time in one phase; `before` is the phase that it came from. One that lasts ends at infinity."""

    phase: str
    before: str
    start_s: float
    end_s: float


def stays_of(events: Iterable[Event]) -> Iterator[Stay]:
    """Every instance's stays, as they end; a name may come again."""
    phases: dict[str, str] = {}
    open_stays: dict[str, Stay] = {}
    for event in events:
        if event["event"] == "instance":
            name, t_s = event["instance"], event["t_s"]
            if name in open_stays:
                yield replace(open_stays[name], end_s=t_s)
            open_stays[name] = Stay(event["phase"], _phase_before(phases, event), t_s, math.inf)
            phases[name] = event["phase"]
    yield from open_stays.values()


def _phase_before(phases: Mapping[str, str], event: Event) -> str:
    """The phase that an instance leaves with this event. One that was not heard of leaves service, for the controller
    adopted it, unless it just comes."""
    comes = event["phase"] in COUNTED
    return phases.get(event["instance"], Phase.GONE if comes else Phase.IN_SERVICE)
