"""The policy `aws-simple`: one adjustment for an alarm, then a rest."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from controller.policies.aws_simple import SimpleConfig, SimplePolicy, SimpleScaling
from tests.controller.policies.aws import HISTORIES, Fleet, alarm, cpu, decisions, group, history

LOW = "LessThanOrEqualToThreshold"


def policy(adjust: int, kind: str = "ChangeInCapacity", **options: Any) -> dict[str, Any]:
    return {"alarm": alarm(), "adjustment_type": kind, "adjust": adjust, **options}


ADD, REMOVE = policy(2), policy(-1, alarm=alarm(LOW, 40), cooldown_s=180)


def scaling(*policies: dict[str, Any]) -> SimpleScaling:
    return SimpleScaling(SimpleConfig.model_validate(list(policies)))


def test_alarm_that_stays_adds_once_for_each_cooldown_of_300_s() -> None:
    """The order is of 60 s, seen and complete at 120 s, so the cooldown ends at 420 s."""
    fleet = Fleet(scaling(ADD, REMOVE), 4, tick_s=60)
    assert fleet.changes(900, cpu(60)) == [(60, 6), (420, 8), (780, 10)]


def test_cooldown_begins_when_the_last_instance_has_entered_service() -> None:
    fleet = Fleet(scaling(ADD, REMOVE), 4, boot_s=200, tick_s=60)
    assert fleet.changes(900, cpu(60)) == [(60, 6), (600, 8)]


def test_policys_own_cooldown_holds_after_its_activity_and_begins_when_the_last_instance_has_gone() -> None:
    fleet = Fleet(scaling(ADD, REMOVE), 10, tick_s=60)
    assert fleet.changes(700, cpu(30)) == [(60, 9), (300, 8), (540, 7)]
    fleet = Fleet(scaling(ADD, REMOVE), 10, drain_s=100, tick_s=60)
    assert fleet.changes(500, cpu(30)) == [(60, 9), (360, 8)]


def test_cooldown_holds_to_its_last_moment() -> None:
    fleet = Fleet(scaling(policy(2, cooldown_s=60.5)), 4, tick_s=60)
    assert fleet.changes(300, cpu(60)) == [(60, 6), (240, 8)]


def test_cooldown_of_one_policy_holds_back_the_others() -> None:
    fleet = Fleet(scaling(ADD, REMOVE), 10, tick_s=60)
    changes = fleet.changes(800, lambda seen: {"cpu_percent": 60.0 if seen.t_s < 60 else 30.0})
    assert changes == [(60, 12), (420, 11), (660, 10)]


def test_replacement_in_progress_holds_back_without_a_cooldown() -> None:
    one = scaling(policy(2))
    seen = [group(t_s, 4, serving, cpu_percent=60.0) for t_s, serving in [(0, 4), (60, 3), (120, 4)]]
    made = [one.decide(each) for each in seen]
    assert [each.wanted for each in made] == [4, 4, 6]
    assert made[1].reason.endswith("but held: an activity or a replacement is in progress")


def test_change_that_the_bounds_undid_starts_no_cooldown() -> None:
    one = scaling(policy(2))
    assert decisions(one, *(group(t_s, 4, cpu_percent=60.0) for t_s in (0, 60, 61, 120, 180))) == [4, 6, 4, 6, 6]


def test_reason_tells_what_is_left_of_the_cooldown() -> None:
    one = scaling(policy(2))
    seen = [(0, 4), (60, 4), (70, 6), (120, 6)]
    last = [one.decide(group(t_s, wanted, cpu_percent=60.0)) for t_s, wanted in seen][-1]
    assert last.reason == ("cpu_percent 60, alarm >= 50 is ALARM, next evaluation in 60.0 s, "
                           "but held: cooldown, 250.0 s left")  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "before", "after"),
    [
        ({"adjustment_type": "PercentChangeInCapacity", "adjust": 30}, 11, 14),
        ({"adjustment_type": "PercentChangeInCapacity", "adjust": 30, "min_adjustment_magnitude": 2}, 3, 5),
        ({"adjustment_type": "PercentChangeInCapacity", "adjust": -58}, 1, 0),
        ({"adjustment_type": "ExactCapacity", "adjust": 7}, 11, 7),
        ({"adjustment_type": "ExactCapacity", "adjust": 0}, 11, 0),
        ({"adjust": -3}, 2, 0),
        ({"adjust": 0}, 2, 2),
    ],
)
def test_adjustments(changed: dict[str, Any], before: int, after: int) -> None:
    one = scaling({**policy(1), **changed})
    assert decisions(one, *(group(t_s, before, cpu_percent=60.0) for t_s in (0, 60))) == [before, after]


def test_of_two_policies_that_act_the_one_with_more_capacity_wins_and_its_cooldown_holds() -> None:
    one = scaling(policy(1, cooldown_s=0), policy(3, cooldown_s=600))
    seen = [group(60.0 * minute, 4 if minute < 2 else 7, cpu_percent=60.0) for minute in range(13)]
    made = [one.decide(each) for each in seen]
    assert [each.wanted for each in made] == [4, *[7] * 11, 10]
    assert made[1].considered == ("cpu_percent 60, alarm >= 50 is ALARM, next evaluation in 60.0 s: +1 on 4 gives 5",)


def test_missing_data_that_counts_as_a_breach_adds_but_never_removes() -> None:
    blind: dict[str, Any] = {"treat_missing_data": "breaching"}
    add, remove = policy(2, alarm=alarm(**blind)), policy(-1, alarm=alarm(LOW, **blind))
    seen = [group(t_s, 4, missing="no answer") for t_s in (0, 60)]
    assert decisions(scaling(add), *seen) == [4, 6]
    assert decisions(scaling(remove), *seen) == [4, 4]
    low = [group(0, 4, cpu_percent=1.0), group(60, 4, cpu_percent=1.0, missing="no answer")]
    assert decisions(scaling(REMOVE), *low) == [4, 4]
    stale = [group(0, 4, cpu_percent=1.0), group(120, 4, cpu_percent=1.0)]
    assert decisions(scaling(REMOVE), *stale) == [4, 4]


def test_policy_describes_itself_in_words() -> None:
    (line,) = scaling(policy(30, "PercentChangeInCapacity", min_adjustment_magnitude=2)).describe()
    assert line == (
        "when Average of cpu_percent >= 50 in 1 of 1 periods of 60 s: +30% by at least 2, "
        "then rest 300 s from when that is done"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"adjustment_type": "ExactCapacity", "adjust": -1}, "must not be negative"),
        ({"min_adjustment_magnitude": 1}, "PercentChangeInCapacity only"),
        ({"adjustment_type": "PercentChange"}, "Input should be"),
        ({"cooldown_s": -1}, "greater than or equal to 0"),
    ],
)
def test_impossible_policies_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SimplePolicy.model_validate({**policy(1), **changed})


@given(HISTORIES)
def test_group_never_shrinks_without_data_nor_acts_twice_within_a_cooldown(drawn: Any) -> None:
    blind = policy(-1, alarm=alarm(LOW, 40, treat_missing_data="breaching"), cooldown_s=200)
    made = history(drawn, scaling(policy(2, cooldown_s=200), blind))
    for seen, decision in made:
        assert decision.wanted >= (seen.counts.wanted if seen.missing else 0)
    acted = [seen.t_s for seen, decision in made if decision.wanted != seen.counts.wanted]
    assert all(later - earlier >= 200 for earlier, later in pairwise(acted))


@given(HISTORIES)
def test_same_observations_lead_to_the_same_decisions(drawn: Any) -> None:
    assert history(drawn, scaling(ADD, REMOVE)) == history(drawn, scaling(ADD, REMOVE))
