"""The pool of frozen instances, the return of draining ones, and who has to go."""

import pytest

from controller.actions import Apply, Clone, Drain, Freeze, Return
from controller.fleet import Fleet
from controller.model import Phase, Sample
from controller.roster import Victim
from tests.controller.fleets import fleet, kinds, phases, serving, settle


def test_pool_is_booted_frozen_and_kept_out_of_traffic() -> None:
    made = fleet(1, standby=2)
    assert kinds(settle(made)).count("Freeze") == 2
    counts = made.counts()
    assert (counts.in_service, counts.standby) == (1, 2)
    assert len(made.members()) == 1


def test_promotion_takes_the_oldest_of_the_pool_and_refills_it() -> None:
    made = serving(1, standby=1)
    made.wanted = 2
    (apply,) = made.plan(9.0)
    assert isinstance(apply, Apply)
    assert {member.name for member in apply.members} == {"web-1", "web-2"}
    made.applied(apply.members, 9.1)
    assert made.plan(9.1) == [Clone("web-3", 3, spare=True)]


def test_pool_is_refilled_one_by_one_and_only_while_nothing_is_lacking() -> None:
    made = serving(1)
    made.standby = 3
    assert made.plan(1) == [Clone("web-2", 2, spare=True)]
    assert made.plan(2) == []
    made.booted("web-2", 3, {})
    assert Clone("web-3", 3, spare=True) in made.plan(3)
    made.wanted = 3
    clones = [action for action in made.plan(4) if isinstance(action, Clone)]
    assert clones == [Clone("web-4", 4)]  # web-2 serves next; web-3, which boots slowly, is not waited for


def test_slow_boot_for_the_pool_does_not_make_the_pool_larger() -> None:
    made = serving(1)
    made.standby = 1
    made.plan(1)
    made.wanted = 2
    assert made.plan(2) == [Clone("web-3", 3)]
    settle(made, 3)
    made.booted("web-2", 3, {})
    made.booted("web-3", 3, {})
    settle(made, 4)
    assert (made.counts().in_service, made.counts().standby) == (2, 1)


def test_promoted_instance_counts_as_ordered_when_it_was_decided_on() -> None:
    made = serving(1, standby=1)
    made.wanted = 2
    made.plan(9.0)
    (entered,) = made.applied(made.members(), 9.02)
    assert (entered.ordered_s, entered.since_s, dict(entered.timings_ms)) == (9.0, 9.0, {})
    assert not made.instances[entered.name].frozen


def test_choice_that_was_taken_back_is_forgotten() -> None:
    made = serving(1, standby=1)
    made.wanted = 2
    made.apply_failed(5.0)  # the next apply waits, so the choice can be taken back before it
    made.plan(5.1)
    assert made.instances["web-2"].chosen_s == 5.1
    made.wanted = 1
    made.plan(5.2)
    assert made.instances["web-2"].chosen_s is None


def test_nothing_is_frozen_while_it_may_be_just_promoted() -> None:
    made = serving(2)
    made.standby = 1
    made.plan(1)
    made.wanted = 3
    made.booted("web-3", 2, {})
    assert kinds(made.plan(2)) == ["Apply"]
    made.wanted = 2
    assert not [action for action in made.plan(3) if isinstance(action, Freeze)]


def test_draining_instance_returns_when_load_comes_back() -> None:
    made = serving(3)
    made.wanted = 2
    assert made.plan(1) == [Drain("web-3")]
    made.wanted = 3
    assert made.plan(2) == [Return("web-3")]
    assert phases(made)["web-3"] == "IN_SERVICE"
    made.drained("web-3", 3)
    assert made.plan(3) == []


def test_instance_that_is_idle_already_does_not_return() -> None:
    made = serving(2)
    made.wanted = 1
    made.plan(1)
    made.drained("web-2", 1)
    made.plan(1)
    made.wanted = 2
    assert "Return" not in kinds(made.plan(2))


@pytest.mark.parametrize(("victim", "first"), [("newest", "web-3"), ("oldest", "web-1"), ("least_loaded", "web-2")])
def test_victim_is_the_one_that_the_policy_file_names(victim: Victim, first: str) -> None:
    made = Fleet("web", 20, 3, victim=victim)
    for now_s, name in ((0, "web-1"), (1, "web-2"), (2, "web-3")):
        made.adopt(name, int(name[-1]), now_s, Phase.IN_SERVICE)
    settle(made)
    loads = {"web-1": 2, "web-2": 1, "web-3": 4}
    made.seen = [Sample(name, Phase.IN_SERVICE, 0, 0, None, count) for name, count in loads.items()]
    made.wanted = 2
    assert made.plan(5)[0] == Drain(first)
    assert made.instances[first].phase is Phase.DRAINING


def test_boot_for_the_pool_that_fails_delays_the_pool_only() -> None:
    made = serving(1)
    made.standby = 1
    assert made.plan(1) == [Clone("web-2", 2, spare=True)]
    assert made.failed("web-2", 2)
    made.plan(2)
    made.stopped("web-2")
    assert made.plan(3) == []
    made.wanted = 3
    assert [type(action) for action in made.plan(3)] == [Clone, Clone]
    made.wanted = 1
    later = serving(1)
    later.standby = 1
    later.plan(1)
    later.failed("web-2", 2)
    later.plan(2)
    later.stopped("web-2")
    assert later.plan(12) == [Clone("web-3", 3, spare=True)]


def test_nobody_waits_for_a_boot_that_is_for_the_pool() -> None:
    made = Fleet("web", 20, 1, standby=1, gather_s=0.05)
    settle(made)
    made.standby = 2
    assert made.plan(1) == [Clone("web-3", 3, spare=True)]
    made.wanted = 2
    assert made.wake_s() is None
