"""The state machine when things come late, twice, from an earlier controller, or fail."""

import pytest

from controller.actions import Apply, Clone, Member, Stop
from controller.backoff import BACKOFF_S
from controller.model import Phase
from tests.controller.fleets import fleet, kinds, phases, serving, settle, succeed


def test_adopted_instance_that_serves_goes_on_and_others_must_be_healthy_first() -> None:
    made = fleet(2)
    made.adopt("web-5", 5, 0, Phase.IN_SERVICE)
    made.adopt("web-7", 7, 0, Phase.BOOTING)
    assert phases(made) == {"web-5": "IN_SERVICE", "web-7": "BOOTING"}
    assert made.plan(0) == [Apply((Member("web-5", 5),))]
    made.booted("web-5", 1, {})
    made.booted("web-7", 1, {})
    assert phases(made) == {"web-5": "IN_SERVICE", "web-7": "STANDBY"}


def test_adopted_instance_that_drained_goes_on_draining_and_leaves_the_balancer_before_it_is_stopped() -> None:
    made = fleet(1)
    made.adopt("web-5", 5, 0, Phase.IN_SERVICE)
    made.adopt("web-7", 7, 0, Phase.DRAINING)
    assert made.plan(0) == [Apply((Member("web-5", 5), Member("web-7", 7, draining=True)))]
    made.applied((Member("web-5", 5), Member("web-7", 7, draining=True)), 0)
    made.drained("web-7", 1)
    assert made.plan(1) == [Apply((Member("web-5", 5),))]
    made.applied((Member("web-5", 5),), 2)
    assert made.plan(2) == [Stop("web-7")]


def test_adopted_instance_that_is_broken_is_stopped_at_once_and_delays_no_other() -> None:
    made = fleet(1)
    made.adopt("web-5", 5, 0, Phase.FAILED)
    actions = made.plan(0)
    assert Clone("web-1", 1) in actions
    assert Apply(()) in actions
    made.applied((), 0)
    assert made.plan(0) == [Stop("web-5")]


def test_first_apply_happens_even_when_the_balancer_seems_right() -> None:
    """An earlier controller may have been killed while it drained an instance."""
    made = fleet(1)
    made.adopt("web-5", 5, 0, Phase.IN_SERVICE)
    assert kinds(made.plan(0)) == ["Apply"]


def test_new_instances_take_slots_that_adopted_ones_leave_free() -> None:
    made = fleet(3)
    made.adopt("web-1", 1, 0, Phase.IN_SERVICE)
    made.adopt("web-3", 3, 0, Phase.IN_SERVICE)
    assert Clone("web-2", 2) in made.plan(0)


@pytest.mark.parametrize("event", ["booted", "drained", "failed", "stopped"])
def test_event_of_an_instance_that_is_gone_changes_nothing(event: str) -> None:
    made = serving(1)
    before = dict(made.instances)
    match event:
        case "booted":
            made.booted("web-9", 5, {})
        case "drained":
            made.drained("web-9", 5)
        case "failed":
            made.failed("web-9", 5)
        case "stopped":
            made.stopped("web-9")
    assert made.instances == before
    assert made.plan(5) == []


def test_late_drained_does_not_touch_an_instance_that_serves() -> None:
    made = serving(2)
    made.drained("web-2", 5)
    assert made.plan(5) == []


def test_failed_arriving_twice_is_one_failure() -> None:
    made = serving(2)
    made.failed("web-1", 5)
    made.failed("web-1", 5.1)
    assert kinds(made.plan(5.2)) == ["Clone", "Apply"]


def test_boots_that_fail_side_by_side_lead_to_one_pause() -> None:
    made = fleet(8)
    for action in made.plan(0):
        if isinstance(action, Clone):
            made.failed(action.name, 1)
    assert "Clone" in kinds(made.plan(1 + BACKOFF_S[1]))


def test_stop_that_failed_is_tried_again() -> None:
    made = serving(2)
    made.wanted = 1
    made.plan(1)
    made.drained("web-2", 1)
    made.plan(1)
    made.applied((Member("web-1", 1),), 1)
    assert made.plan(1) == [Stop("web-2")]
    made.stop_failed("web-2", 21)
    assert Stop("web-2") in made.plan(60)


def test_stopped_arriving_late_does_not_forget_the_next_instance_of_that_name() -> None:
    made = serving(1, slots=1)
    made.failed("web-1", 1)
    settle(made, 1)
    made.stopped("web-1")
    assert made.counts().in_service == 1


def test_instances_that_die_as_soon_as_they_booted_are_replaced_after_growing_pauses() -> None:
    made, now_s, clones = fleet(1), 0.0, 0
    for _ in range(100):
        for action in made.plan(now_s):
            clones += isinstance(action, Clone)
            succeed(made, action, now_s)
        for instance in made.within(Phase.STANDBY, Phase.IN_SERVICE):
            made.failed(instance.name, now_s)
        now_s += 0.1
    assert clones < 20
