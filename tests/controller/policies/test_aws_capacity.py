"""Capacity, adjustments and warm-up, against the worked examples of the EC2 Auto Scaling User Guide."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policies.aws_capacity import AdjustmentType, Group, Proposal, adjusted, in_words, settle
from tests.controller.policies.aws import group


@pytest.mark.parametrize(
    ("capacity", "percent", "change"),
    [
        (127, 10, 12), (67, 1, 1), (58, -1, -1), (667, -1, -6),  # the guide's: 12.7, .67, -.58, -6.67
        (10, 10, 1), (11, 30, 3), (14, -10, -1), (13, -30, -3),  # its steps: 1, 3.3, -1.4, -3.9
        (4, 25, 1), (100, 1, 1), (1, -100, -1), (10, 0, 0), (0, 50, 0), (29, 100, 29),
    ],
)  # fmt: skip
def test_percentages_round_toward_zero_but_never_to_it(capacity: int, percent: int, change: int) -> None:
    assert adjusted(capacity, "PercentChangeInCapacity", percent) == capacity + change


@pytest.mark.parametrize(
    ("kind", "adjustment", "least", "after"),
    [
        ("ChangeInCapacity", 5, 0, 8), ("ExactCapacity", 5, 0, 5), ("ExactCapacity", 0, 0, 0),  # the guide's, from 3
        ("ChangeInCapacity", -2, 0, 1), ("ChangeInCapacity", -9, 0, 0),
        ("PercentChangeInCapacity", 25, 2, 5), ("PercentChangeInCapacity", -25, 2, 1),
        ("PercentChangeInCapacity", 0, 2, 3), ("PercentChangeInCapacity", 200, 2, 9),
    ],
)  # fmt: skip
def test_adjustment_types(kind: AdjustmentType, adjustment: int, least: int, after: int) -> None:
    assert adjusted(3, kind, adjustment, least) == after


def test_least_magnitude_is_the_guides() -> None:
    """25 percent of 4 is 1, but at least 2 are added."""
    assert adjusted(4, "PercentChangeInCapacity", 25, 2) == 6


def test_adjustments_read_as_a_person_writes_them() -> None:
    words = [in_words("PercentChangeInCapacity", 30), in_words("ChangeInCapacity", -2), in_words("ExactCapacity", 5)]
    assert words == ["+30%", "-2", "= 5"]


@given(st.integers(0, 200), st.integers(-100, 500), st.integers(0, 10))
def test_percentage_changes_something_in_its_direction_and_no_more_than_asked(
    capacity: int, percent: int, least: int
) -> None:
    change = adjusted(capacity, "PercentChangeInCapacity", percent, least) - capacity
    assert change * percent >= 0
    assert abs(change) <= max(1, least, abs(capacity * percent / 100))
    if capacity and percent:
        assert change


def scaled_out(warmup_s: float = 300, before: int = 10, after: int = 12, **cooldowns: float) -> Group:
    """A group after a scale-out that was ordered at 0 s and seen at 1 s."""
    made = Group(warmup_s, **cooldowns)
    made.see(group(0, before))
    made.see(group(1, after, before))
    return made


def test_instances_that_a_scale_out_launched_are_no_capacity_until_they_are_warm() -> None:
    one = scaled_out()
    for t_s, young_s, current in [(5, (), 10), (10, (10, 10), 10), (309.9, (10, 10), 10), (310, (10, 10), 12)]:
        seen = group(t_s, 12, 10 + len(young_s), young_s=young_s)
        one.see(seen)
        assert (t_s, one.current(seen)) == (t_s, current)


def test_instances_that_were_there_before_the_first_scale_out_never_warm_up() -> None:
    one = Group(300)
    seen = group(5, 3, young_s=(0, 1, 2))
    one.see(seen)
    assert one.current(seen) == 3


def test_instance_that_served_within_the_tick_of_its_order_warms_up() -> None:
    """As one from the pool does: at 0 s ordered, at 0.2 s in service, at 1 s seen."""
    one = Group(300)
    one.see(group(0, 10))
    seen = group(1, 11, young_s=(0.2,))
    one.see(seen)
    assert one.current(seen) == 10


@pytest.mark.parametrize(
    ("t_s", "seen", "why"),
    [
        (5, {"serving": 10}, "2 instances are still to enter service"),
        (309, {"young_s": (10, 12)}, "2 instances warm up"),
        (311, {"young_s": (10, 12)}, "1 instances warm up"),
        (312, {"young_s": (10, 12)}, ""),
        (312, {"missing": "no answer"}, "no data: no answer"),
    ],
)
def test_group_does_not_shrink_while_a_scale_out_is_in_progress_or_warms_up(t_s: float, seen: Any, why: str) -> None:
    one, observation = scaled_out(), group(t_s, 12, **seen)
    one.see(observation)
    assert one.keeps_from_shrinking(observation) == why


def test_instances_that_terminate_are_capacity_for_a_scale_in() -> None:
    assert Group(0).terminable(group(0, 8, draining=2)) == 10


def test_scale_out_cooldown_leaves_out_what_was_added_until_it_ends() -> None:
    one = scaled_out(warmup_s=0, scale_out_cooldown_s=60)
    assert one.current(group(60, 12)) == 10
    assert one.current(group(61, 12)) == 12


def test_larger_scale_out_within_a_cooldown_begins_it_anew_from_the_same_capacity() -> None:
    one = scaled_out(warmup_s=0, scale_out_cooldown_s=60)
    one.see(group(31, 15))
    assert one.current(group(90, 15)) == 10
    assert one.current(group(91, 15)) == 15


def test_scale_in_cooldown_holds_back_scaling_in_and_ends_with_a_scale_out() -> None:
    one = Group(0, scale_in_cooldown_s=60)
    one.see(group(0, 12))
    one.see(group(1, 10))
    assert one.keeps_from_shrinking(group(11, 10)) == "cooldown, 50.0 s left"
    assert one.keeps_from_shrinking(group(60.5, 10)) == "cooldown, 0.5 s left"
    assert one.keeps_from_shrinking(group(61, 10)) == ""
    one.see(group(20, 11))
    assert one.keeps_from_shrinking(group(21, 11)) == ""


def test_cpu_is_that_of_warm_instances() -> None:
    one = scaled_out()
    seen = group(20, 12, young_s=(10, 10), cpu_percent=60.0)
    assert one.value(seen, "cpu_percent") == 60.0
    assert one.value(group(20, 2, young_s=(10, 10), cpu_percent=0.0), "cpu_percent") is None
    assert Group(300).value(group(20, 2, young_s=(10, 10), cpu_percent=7.0), "cpu_percent") == 7.0


def test_cpu_of_the_whole_group_leaves_out_the_cold() -> None:
    one = scaled_out()
    seen = group(20, 12, young_s=(10, 10), cpu_percent=60.0)
    assert sum(each.cpu_percent or 0 for each in seen.instances) / 12 == 50.0
    assert one.value(seen, "cpu_percent") == 60.0


@pytest.mark.parametrize(
    ("wanted", "serving", "rps", "value"),
    [(12, 10, 60.0, 6.0), (2, 0, 60.0, None), (0, 0, 60.0, float("inf")), (0, 0, 0.0, 0.0), (10, 10, None, None)],
)
def test_rate_is_per_instance_in_service_as_a_load_balancer_counts_it(
    wanted: int, serving: int, rps: float | None, value: float | None
) -> None:
    assert Group(300).value(group(0, wanted, serving, offered_rps=rps), "rate_per_instance") == value


def test_no_metric_is_known_without_data() -> None:
    seen = group(0, 3, cpu_percent=9.0, offered_rps=9.0, queue_requests=1, missing="no answer")
    names = ("cpu_percent", "rate_per_instance", "in_flight_per_instance", "queue_requests")
    assert {Group(0).value(seen, name) for name in names} == {None}
    known = group(0, 3, queue_requests=1, in_flight_requests=6)
    assert [Group(0).value(known, name) for name in names[2:]] == [2.0, 1.0]


def test_largest_capacity_wins_and_the_others_are_told() -> None:
    """The guide's: of 3 instances less and 25 percent of 8 less, it is 2."""
    decision = settle(8, [Proposal("three less", 5), Proposal("idle"), Proposal("a quarter less", 6)])
    assert (decision.wanted, decision.reason, decision.considered) == (6, "a quarter less", ("three less", "idle"))
    assert settle(8, [Proposal("one more", 9), Proposal("two more", 10)]).wanted == 10
    assert settle(8, [Proposal("idle"), Proposal("idle too")]).wanted == 8
    assert settle(1, [Proposal("none", 0)]).wanted == 0
