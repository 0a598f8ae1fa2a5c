"""The fleet's course, read from the journal of a simulated run and from small ones."""

import math

from experiments.metrics.course import Stay, course_of, stays_of
from tests.experiments.build import STEP, policy, simulated
from tests.experiments.story import decision, phase, start, stop, tick


def test_instances_count_from_their_own_event_on_not_from_the_next_tick() -> None:
    events = [
        start(), tick(0.0, 1, 1), decision(1.0, 1, 3), tick(1.0, 3, 1), phase(1.0, "web-2", "BOOTING"),
        phase(1.0, "web-3", "BOOTING"), phase(1.2, "web-2", "STANDBY"), phase(1.3, "web-2", "IN_SERVICE"),
        phase(1.4, "web-3", "FAILED"), tick(1.5, 3, 2), decision(2.0, 3, 1), tick(2.0, 1, 2),
        phase(2.0, "web-1", "DRAINING"), stop(3.0),
    ]  # fmt: skip
    course = course_of(events)
    assert [course.in_service.at(t_s) for t_s in (0.5, 1.25, 1.3, 1.99, 2.0, 2.9, 3.0)] == [1, 1, 2, 2, 1, 1, 0]
    assert [course.wanted.at(t_s) for t_s in (0.5, 1.0, 2.0)] == [1, 3, 1]
    assert [course.coming.at(t_s) for t_s in (0.5, 1.0, 1.25, 1.3, 1.4)] == [0, 2, 2, 1, 0]


def test_a_tick_tells_of_instances_that_an_earlier_controller_left() -> None:
    course = course_of([start(), tick(0.0, 2, 2), phase(1.0, "web-7", "FAILED"), stop(2.0)])
    assert [course.in_service.at(t_s) for t_s in (0.5, 1.5)] == [2, 1]


def test_an_empty_journal_has_an_empty_course() -> None:
    assert course_of([]).in_service.counts == ()


def test_between_ticks_the_events_of_a_run_lead_to_what_the_next_tick_tells() -> None:
    ran = simulated(policy(boot="exec"), STEP)
    without_ticks = [event for event in ran.events if event["event"] != "tick"]
    course, ticks = course_of([*without_ticks, {"t_s": 1e9, "event": "stop"}]), ran.of("tick")
    assert len({each["in_service"] for each in ticks}) > 2
    assert [course.in_service.at(math.nextafter(each["t_s"], 0)) for each in ticks] == [
        each["in_service"] for each in ticks
    ]


def test_stays_tell_where_an_instance_came_from_and_a_name_may_come_again() -> None:
    events = [phase(1.0, "web-1", "BOOTING"), phase(2.0, "web-1", "FAILED"), phase(3.0, "web-1", "GONE"),
              phase(4.0, "web-1", "BOOTING")]  # fmt: skip
    assert list(stays_of(events)) == [
        Stay("BOOTING", "GONE", 1.0, 2.0), Stay("FAILED", "BOOTING", 2.0, 3.0), Stay("GONE", "FAILED", 3.0, 4.0),
        Stay("BOOTING", "GONE", 4.0, math.inf),
    ]  # fmt: skip
