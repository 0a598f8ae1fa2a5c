"""Why requests were not served: what the fleet was doing at the time."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from controller.model import Phase
from experiments.metrics.course import Course, Event, course_of, stays_of
from experiments.oracle import Steps
from loadgen.ledger import Record

CAUSES = ("too small", "booting", "reloading", "draining", "stopped", "queue timeout", "other")
QUEUE_TIMEOUT_S = 5.0  # timeout queue of haproxy/haproxy.cfg.j2
EARLY_S = 0.05  # the clocks of HAProxy and the load generator differ by less
NOTICE_S = 0.5  # a dead instance is found at a tick; how long finding it may take beyond that
DEATHS = ((Phase.IN_SERVICE, Phase.FAILED), (Phase.DRAINING, Phase.FAILED))
DRAINS = ((Phase.IN_SERVICE, Phase.DRAINING), (Phase.DRAINING, Phase.STOPPING))


def causes_of(events: Sequence[Event], records: Iterable[Record], demand: Steps | None) -> list[str]:
    """For each request one of CAUSES, "" for one that was served; times of both on the journal's axis.

    The fleet is looked at when the request was sent (due, if it was never sent), and during its life, from then until
    its end. `demand` is the instances needed; where that is not known it is the number that the policy wanted. The
    fleet is *too small* for a request when fewer are in service, and the request ended as one does that finds no room:
    429, 503, 504, a timeout, or not sent. It *failed* when its outcome is that; 429 is no failure. The first that is
    true of these:

    1. queue timeout: 503 after QUEUE_TIMEOUT_S or more, where the service queues.
    2. stopped: it failed, and within its life an instance that had died was not yet known to be dead, which takes the
       controller up to a tick, or not yet out of the balancer; or, 429 aside, none was in service and none on its way.
    3. queue timeout: the client's own timeout ended it: it waited at HAProxy or at an instance.
    4. draining: it failed, the fleet was not too small, and within its life an instance drained.
    5. reloading: the fleet was not too small, and within its life HAProxy was being reloaded.
    6. booting: the fleet was too small, with instances on their way.
    7. too small: the fleet was too small, with none on their way.
    8. other.
    """
    story = _Story.of(events, demand)
    return ["" if record.outcome == "served" else story.cause(record) for record in records]


def counts_by_cause(causes: Iterable[str]) -> dict[str, int]:
    """How many requests each of CAUSES has."""
    found = list(causes)
    return {cause: found.count(cause) for cause in CAUSES}


@dataclass(frozen=True, slots=True)
class _Spans:
    """Spans of time, merged: `starts_s` and `ends_s` both rise."""

    starts_s: tuple[float, ...]
    ends_s: tuple[float, ...]

    @classmethod
    def of(cls, spans_s: Iterable[tuple[float, float]]) -> "_Spans":
        merged: list[list[float]] = []
        for start_s, end_s in sorted(spans_s):
            if merged and start_s <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end_s)
            else:
                merged.append([start_s, end_s])
        return cls(tuple(start_s for start_s, _ in merged), tuple(end_s for _, end_s in merged))

    def meet(self, start_s: float, end_s: float) -> bool:
        """Does one of them share a moment with this span?"""
        index = bisect_right(self.starts_s, end_s) - 1
        return index >= 0 and self.ends_s[index] >= start_s


@dataclass(frozen=True, slots=True)
class _Story:
    """A run as it matters to the requests."""

    course: Course
    needed: Steps
    deaths: _Spans
    drains: _Spans
    reloads: _Spans
    queues: bool

    @classmethod
    def of(cls, events: Sequence[Event], demand: Steps | None) -> "_Story":
        policy: dict[str, Any] = next((event["policy"] for event in events if event["event"] == "start"), {})
        course = course_of(events)
        notice_s = policy.get("tick_s", 0.0) + NOTICE_S
        stays = [((stay.before, stay.phase), stay.start_s, stay.end_s) for stay in stays_of(events)]
        deaths_s = [(start_s - notice_s, end_s) for change, start_s, end_s in stays if change in DEATHS]
        drains_s = [(start_s, end_s) for change, start_s, end_s in stays if change in DRAINS]
        reloads_s = [(event["t_s"] - event["took_ms"] / 1000, event["t_s"])
                     for event in events if event["event"] == "reload"]  # fmt: skip
        queues = policy.get("service", {}).get("overload") == "queue"
        needed = course.wanted if demand is None else demand
        return cls(course, needed, _Spans.of(deaths_s), _Spans.of(drains_s), _Spans.of(reloads_s), queues)

    def cause(self, record: Record) -> str:
        sent_s = record.due_s if record.sent_s is None else record.sent_s
        life_s = (sent_s, sent_s if record.done_s is None else record.done_s)
        coming, serving = self.course.coming.at(sent_s), self.course.in_service.at(sent_s)
        failed, rejected = record.outcome == "failed", record.outcome == "rejected"
        too_small = _found_no_room(record) and serving < self.needed.at(sent_s)
        expired = self.queues and record.status == 503 and life_s[1] - life_s[0] >= QUEUE_TIMEOUT_S - EARLY_S
        told = (
            ("queue timeout", expired),
            ("stopped", (failed and self.deaths.meet(*life_s)) or not (rejected or serving or coming)),
            ("queue timeout", record.error == "timeout"),
            ("draining", failed and not too_small and self.drains.meet(*life_s)),
            ("reloading", not too_small and self.reloads.meet(*life_s)),
            ("booting", too_small and coming > 0),
            ("too small", too_small),
        )
        return next((cause for cause, is_so in told if is_so), "other")


def _found_no_room(record: Record) -> bool:
    return record.status in (429, 503, 504) or record.error == "timeout" or record.outcome == "dropped"
