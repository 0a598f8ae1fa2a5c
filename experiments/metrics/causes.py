"""Why requests were not served: what the fleet was doing at the time."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from controller.model import Phase
from experiments.metrics.capacity import WINDOW_S
from experiments.metrics.course import Course, Event, course_of, stays_of
from experiments.oracle import Steps
from loadgen.ledger import Record

Span = tuple[float, float]
CAUSES = ("too small", "booting", "reloading", "draining", "stopped", "queue timeout", "disk full", "other")
QUEUE_TIMEOUT_S = 5.0  # timeout queue of haproxy/haproxy.cfg.j2
EARLY_S = 0.05  # the clocks of HAProxy and the load generator differ by less
NOTICE_S = 0.5  # a dead instance is found at a tick; how long finding it may take beyond that
DEATHS = ((Phase.IN_SERVICE, Phase.FAILED), (Phase.DRAINING, Phase.FAILED))
DRAINS = ((Phase.IN_SERVICE, Phase.DRAINING), (Phase.DRAINING, Phase.STOPPING))


def causes_of(events: Sequence[Event], records: Iterable[Record], demand: Steps | None) -> list[str]:
    """For each request one of CAUSES, "" for one that was served; times of both on the journal's axis.

    A request's life is from when it was sent (due, if it never was) until it ended. It *failed* when its outcome is
    that; 429 is no failure. It *found no room* when it ended with 429, 503 or 504, or was not sent. The fleet is *too
    small* while fewer instances are in service than `demand` says, or, where that is not known, than the policy wants.
    The cause is the first of these that is true:

    0. disk full: the application said so, by 507.
    1. queue timeout: 503 after QUEUE_TIMEOUT_S or more, where the service queues.
    2. stopped: it failed, and within its life an instance that had died was not yet known to be dead, which takes the
       controller up to a tick, or not yet out of the balancer; or, 429 aside, none was in service and none on its way.
    3. queue timeout: the client's own timeout ended it: it waited at HAProxy or at an instance.
    4. booting: it found no room, was sent while the fleet was too small, and instances were on their way;
       too small: the same, and none were on their way.
    5. The same two for what was sent within WINDOW_S of such a time. Before it, since demand counts a window back and
       so is late; after it, since the rate limiter does: an instance that was full remains so for a window, and
       HAProxy, which knows nothing of that, goes on choosing it.
    6. draining: it failed, and within its life an instance drained.
    7. reloading: within its life HAProxy was being reloaded.
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
    def of(cls, spans_s: Iterable[Span]) -> "_Spans":
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
    """A run as it matters to the requests; `booting` and `too_small` are when the fleet was too small, with instances
    on their way and with none."""

    course: Course
    deaths: _Spans
    booting: _Spans
    too_small: _Spans
    drains: _Spans
    reloads: _Spans
    queues: bool

    @classmethod
    def of(cls, events: Sequence[Event], demand: Steps | None) -> "_Story":
        policy: dict[str, Any] = next((event["policy"] for event in events if event["event"] == "start"), {})
        notice_s = policy.get("tick_s", 0.0) + NOTICE_S
        stays = [((stay.before, stay.phase), stay.start_s, stay.end_s) for stay in stays_of(events)]
        course = course_of(events)
        booting_s, too_small_s = _shortages(course, course.wanted if demand is None else demand)
        return cls(
            course,
            _Spans.of((start_s - notice_s, end_s) for change, start_s, end_s in stays if change in DEATHS),
            _Spans.of(booting_s),
            _Spans.of(too_small_s),
            _Spans.of((start_s, end_s) for change, start_s, end_s in stays if change in DRAINS),
            _Spans.of((e["t_s"] - e["took_ms"] / 1000, e["t_s"]) for e in events if e["event"] == "reload"),
            policy.get("service", {}).get("overload") == "queue",
        )

    def cause(self, record: Record) -> str:
        sent_s = record.due_s if record.sent_s is None else record.sent_s
        life_s = (sent_s, sent_s if record.done_s is None else record.done_s)
        near_s = (sent_s - WINDOW_S, sent_s + WINDOW_S)
        failed, no_room = record.outcome == "failed", _found_no_room(record)
        expired = self.queues and record.status == 503 and life_s[1] - life_s[0] >= QUEUE_TIMEOUT_S - EARLY_S
        nobody = not (self.course.in_service.at(sent_s) or self.course.coming.at(sent_s))
        told = (
            ("disk full", record.status == 507),
            ("queue timeout", expired),
            ("stopped", (failed and self.deaths.meet(*life_s)) or (nobody and record.outcome != "rejected")),
            ("queue timeout", record.error == "timeout"),
            ("booting", no_room and self.booting.meet(sent_s, sent_s)),
            ("too small", no_room and self.too_small.meet(sent_s, sent_s)),
            ("booting", no_room and self.booting.meet(*near_s)),
            ("too small", no_room and self.too_small.meet(*near_s)),
            ("draining", failed and self.drains.meet(*life_s)),
            ("reloading", self.reloads.meet(*life_s)),
        )
        return next((cause for cause, is_so in told if is_so), "other")


def _shortages(course: Course, needed: Steps) -> tuple[list[Span], list[Span]]:
    """When fewer instances were in service than needed: with some on their way, and with none."""
    booting_s: list[Span] = []
    too_small_s: list[Span] = []
    curves = (needed, course.in_service, course.coming)
    times_s = sorted({t_s for curve in curves for t_s in curve.times_s} | {course.in_service.end_s})
    for start_s, end_s in pairwise(times_s):
        if course.in_service.at(start_s) < needed.at(start_s):
            (booting_s if course.coming.at(start_s) else too_small_s).append((start_s, end_s))
    return booting_s, too_small_s


def _found_no_room(record: Record) -> bool:
    return record.status in (429, 503, 504) or record.outcome == "dropped"
