"""The instances' state machine, one story a test. Random histories are in test_fleet_histories.py."""

from copy import deepcopy

from controller.actions import Apply, Clone, Drain, Member, Stop
from controller.backoff import BACKOFF_S
from controller.fleet import APPLY_RETRY_S, Fleet
from controller.model import Phase
from tests.controller.fleets import fleet, gathering, kinds, phases, serving, settle


def test_new_fleet_orders_what_is_wanted_and_starts_the_balancer() -> None:
    assert fleet(2).plan(0) == [Clone("web-1", 1), Clone("web-2", 2), Apply(())]


def test_plan_orders_nothing_twice() -> None:
    made = fleet(3)
    made.plan(0)
    assert made.plan(0.5) == []


def test_booted_instance_serves_only_after_the_balancer_confirmed_it() -> None:
    made = fleet(1)
    made.plan(0)
    made.applied((), 0)
    made.booted("web-1", 1, {})
    assert made.plan(1) == [Apply((Member("web-1", 1),))]
    assert phases(made) == {"web-1": "STANDBY"}
    entered = made.applied((Member("web-1", 1),), 2)
    assert [instance.name for instance in entered] == ["web-1"]
    assert phases(made) == {"web-1": "IN_SERVICE"}


def test_instances_that_become_healthy_together_cost_one_change() -> None:
    made = gathering(3)
    made.booted("web-1", 1, {})
    assert made.plan(1) == []
    assert made.wake_s() == 1.05
    made.booted("web-2", 1.01, {})
    assert made.plan(1.01) == []
    made.booted("web-3", 1.02, {})
    assert kinds(made.plan(1.02)) == ["Apply"]
    assert len(made.members()) == 3
    assert made.wake_s() is None  # the change is under way


def test_nobody_waits_longer_than_the_limit_for_others_to_boot() -> None:
    made = gathering(2)
    made.booted("web-1", 1, {})
    assert made.plan(1.049) == []
    assert made.plan(1.05) == [Apply((Member("web-1", 1),))]


def test_nobody_waits_for_an_instance_that_fails_or_is_for_the_pool_only() -> None:
    made = gathering(2)
    made.booted("web-1", 1, {})
    made.failed("web-2", 1.01)
    assert kinds(made.plan(1.01)) == ["Apply"]
    pool = Fleet("web", 20, 1, standby=1, gather_s=0.05)
    pool.plan(0)
    pool.applied((), 0)
    pool.booted("web-1", 1, {})
    assert pool.wake_s() is None
    assert kinds(pool.plan(1)) == ["Apply"]


def test_standby_instances_wait_outside_the_balancer() -> None:
    made = serving(1, standby=2)
    assert made.members() == (Member("web-1", 1),)
    assert made.counts().standby == 2


def test_growth_promotes_standby_at_once_and_refills_it() -> None:
    made = serving(1, standby=1)
    made.wanted = 2
    members = (Member("web-1", 1), Member("web-2", 2))
    assert made.plan(1) == [Apply(members)]
    made.applied(members, 2)
    assert made.plan(2) == [Clone("web-3", 3, spare=True)]


def test_shrinking_drains_the_youngest_first() -> None:
    made = serving(3)
    made.wanted = 1
    assert made.plan(1) == [Drain("web-3"), Drain("web-2")]


def test_draining_instance_is_not_stopped_while_busy() -> None:
    made = serving(2)
    made.wanted = 1
    assert made.plan(1) == [Drain("web-2")]
    assert made.plan(100) == []
    assert Member("web-2", 2, draining=True) in made.members()


def test_drained_instance_is_stopped_only_after_the_balancer_forgot_it() -> None:
    made = serving(2)
    made.wanted = 1
    made.plan(1)
    made.drained("web-2", 2)
    assert made.plan(2) == [Apply((Member("web-1", 1),))]
    assert made.plan(3) == []
    made.applied((Member("web-1", 1),), 4)
    assert made.plan(4) == [Stop("web-2")]


def test_apply_in_flight_when_a_drain_begins_does_not_bring_the_instance_back() -> None:
    made = serving(2)
    made.wanted = 3
    made.plan(1)
    made.booted("web-3", 2, {})
    (apply,) = made.plan(2)
    assert isinstance(apply, Apply)
    made.wanted = 1
    assert made.plan(3) == [Drain("web-2")]
    made.applied(apply.members, 4)
    assert phases(made) == {"web-1": "IN_SERVICE", "web-2": "DRAINING", "web-3": "IN_SERVICE"}
    assert made.plan(4) == [Drain("web-3")]


def test_nothing_is_stopped_while_an_apply_is_in_flight() -> None:
    """The balancer may come to serve any of its members at any moment."""
    made = fleet(1)
    made.plan(0)
    made.applied((), 0)
    made.booted("web-1", 1, {})
    made.plan(1)
    made.wanted = 0
    assert made.plan(2) == []
    made.applied((Member("web-1", 1),), 3)
    assert made.plan(3) == [Drain("web-1")]


def test_instance_that_dies_on_its_way_into_the_balancer_does_not_enter_service() -> None:
    made = fleet(1)
    made.plan(0)
    made.applied((), 0)
    made.booted("web-1", 1, {})
    made.plan(1)
    made.failed("web-1", 2)
    assert made.applied((Member("web-1", 1),), 3) == []
    assert kinds(made.plan(10)) == ["Clone", "Apply"]
    made.applied((), 11)
    assert made.plan(11) == [Stop("web-1")]


def test_instance_that_is_booting_is_not_stopped_when_it_is_not_needed_any_more() -> None:
    made = fleet(2)
    made.plan(0)
    made.applied((), 0)
    made.wanted = 1
    assert made.plan(1) == []
    made.booted("web-1", 2, {})
    made.booted("web-2", 2, {})
    settle(made, 3)
    assert phases(made) == {"web-1": "IN_SERVICE"}


def test_dead_instance_is_replaced_without_waiting_for_its_removal() -> None:
    made = serving(2)
    made.failed("web-1", 5)
    assert made.plan(5) == [Clone("web-3", 3), Apply((Member("web-2", 2),))]
    made.applied((Member("web-2", 2),), 6)
    assert made.plan(6) == [Stop("web-1")]


def test_dead_draining_instance_is_removed_like_any_dead_one() -> None:
    made = serving(2)
    made.wanted = 1
    made.plan(1)
    made.failed("web-2", 2)
    settle(made, 3)
    assert phases(made) == {"web-1": "IN_SERVICE"}


def test_boots_that_fail_in_a_row_are_retried_after_growing_pauses() -> None:
    made, now_s, pauses = fleet(1), 0.0, []
    for _ in range(len(BACKOFF_S) + 2):
        (clone,) = (action for action in made.plan(now_s) if isinstance(action, Clone))
        made.failed(clone.name, now_s)
        failed_s = now_s
        while not any(isinstance(action, Clone) for action in deepcopy(made).plan(now_s)):
            now_s += 0.25
        pauses.append(now_s - failed_s)
    assert pauses == [*BACKOFF_S, BACKOFF_S[-1], BACKOFF_S[-1]]


def test_boot_that_succeeds_ends_the_pauses() -> None:
    made = fleet(1)
    for now_s in (0.0, 10.0, 20.0):
        made.plan(now_s)
        made.failed(next(i.name for i in made.within(Phase.BOOTING)), now_s)
    made.plan(30)
    made.booted(next(i.name for i in made.within(Phase.BOOTING)), 31, {})
    made.wanted = 2
    made.plan(32)
    made.failed(next(i.name for i in made.within(Phase.BOOTING)), 33)
    assert "Clone" in kinds(made.plan(33 + BACKOFF_S[0]))


def test_refused_apply_is_tried_again_after_a_pause() -> None:
    made = fleet(0)
    assert made.plan(0) == [Apply(())]
    made.apply_failed(1)
    assert made.plan(1 + APPLY_RETRY_S / 2) == []
    assert made.plan(1 + APPLY_RETRY_S) == [Apply(())]


def test_slots_go_round_so_that_an_address_rests() -> None:
    made = serving(1, slots=4)
    for number in (2, 3, 4, 1):
        made.wanted = 2
        settle(made)
        assert sorted(made.instances) == sorted({f"web-{number}", *made.instances})
        made.failed(next(name for name in made.instances if name != f"web-{number}"), 0)
        made.wanted = 1
        settle(made)
        assert phases(made) == {f"web-{number}": "IN_SERVICE"}


def test_fleet_never_has_more_instances_than_slots() -> None:
    made = fleet(9, slots=4)
    assert kinds(made.plan(0)).count("Clone") == 4
