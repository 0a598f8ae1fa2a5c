"""The policy `aws-target-tracking`: what the guides document of it, worked out by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.model import Decision
from controller.policies.aws_target_tracking import TargetOptions, TargetTracking, TargetTrackingConfig
from tests.controller.policies.aws import HISTORIES, Fleet, cpu, group, history, load

CPU = {"target": 50}
RATE = {"metric": "rate_per_instance", "target": 5}
AT_ONCE = {"scale_out_periods": 1, "scale_in_periods": 1, "scale_in_percent": 100}


def tracking(*targets: dict[str, Any]) -> TargetTracking:
    return TargetTracking(TargetTrackingConfig.model_validate(list(targets)))


def last(policy: TargetTracking, minutes: int, wanted: int, serving: int | None = None, **seen: Any) -> Decision:
    """The decision after so many minutes in which the same was seen."""
    return [policy.decide(group(60.0 * minute, wanted, serving, **seen)) for minute in range(minutes + 1)][-1]


def work(total_percent: float) -> Callable[[Fleet], dict[str, Any]]:
    """So much CPU work, spread evenly over the instances in service."""
    return lambda fleet: {"cpu_percent": total_percent / sum(since_s <= fleet.t_s for since_s in fleet.since_s)}


def test_scales_out_in_proportion_after_three_minutes_above_the_target() -> None:
    assert [last(tracking(CPU), minutes, 10, cpu_percent=62.0).wanted for minutes in (1, 2, 3, 4)] == [10, 10, 13, 13]


def test_scales_in_after_fifteen_minutes_below_nine_tenths_of_the_target() -> None:
    assert [last(tracking(CPU), minutes, 10, cpu_percent=44.9).wanted for minutes in (14, 15, 16)] == [10, 9, 9]


@pytest.mark.parametrize("percent", [45.0, 47.0, 50.0])
def test_between_the_two_alarms_nothing_changes(percent: float) -> None:
    assert last(tracking(CPU), 20, 10, cpu_percent=percent).wanted == 10


@pytest.mark.parametrize(
    ("percent", "wanted"),
    [(57.5, 12), (50.1, 11), (100.0, 20), (42.5, 9), (40.0, 8), (41.0, 9), (0.0, 0)],  # 1.5 to add are 2, to remove 1
)
def test_rounding_is_in_favour_of_more_capacity(percent: float, wanted: int) -> None:
    assert last(tracking({**CPU, **AT_ONCE}), 1, 10, cpu_percent=percent).wanted == wanted


def test_product_that_is_whole_but_for_floating_point_is_whole() -> None:
    assert last(tracking({**CPU, **AT_ONCE, "target": 0.7}), 1, 3, cpu_percent=2.1).wanted == 9


def test_removal_that_would_lift_the_metric_above_the_target_is_not_made() -> None:
    assert last(tracking({**CPU, "scale_in_periods": 1}), 1, 2, cpu_percent=40.0).wanted == 2


def test_scales_in_gradually_one_instance_a_minute_in_a_small_group() -> None:
    fleet = Fleet(tracking(CPU), 5, tick_s=60)
    assert fleet.changes(1100, cpu(0.0)) == [(900, 4), (960, 3), (1020, 2), (1080, 1)]
    fleet = Fleet(tracking(CPU), 30, tick_s=60)
    assert fleet.changes(1100, cpu(0.0)) == [(900, 27), (960, 25), (1020, 23), (1080, 21)]


def test_disabled_scale_in_never_removes() -> None:
    assert last(tracking({**CPU, "disable_scale_in": True}), 30, 10, cpu_percent=0.0).wanted == 10


def test_warm_up_keeps_the_group_from_growing_for_the_same_load_twice() -> None:
    """As an engineer of AWS explains it: 4 + 1 stays 5 while the fifth warms up, and is 6 for a higher load."""
    fleet = Fleet(tracking({**CPU, "scale_out_periods": 1}), 4, tick_s=60)
    assert fleet.changes(350, lambda at: {"cpu_percent": 62.0 if at.t_s < 180 else 75.0}) == [(60, 5), (240, 6)]


def test_load_that_doubles_is_answered_once() -> None:
    """400 % of work on 4 of 50 %: eight are ordered at 180 s, are warm at 180 + 60 + 300 s, and are enough."""
    fleet = Fleet(tracking(CPU), 4, boot_s=60, tick_s=60)
    assert fleet.changes(3000, work(400)) == [(180, 8)]


def test_scale_in_waits_until_new_instances_are_warm() -> None:
    fleet = Fleet(tracking({**CPU, **AT_ONCE}), 10, tick_s=60)
    assert fleet.changes(700, lambda at: {"cpu_percent": 60.0 if at.t_s < 60 else 40.0}) == [
        (60, 12), (360, 10), (420, 8), (480, 7), (540, 6), (600, 5), (660, 4),
    ]  # fmt: skip


def test_instances_that_terminate_count_as_capacity_for_a_scale_in() -> None:
    assert last(tracking({**CPU, **AT_ONCE}), 1, 8, 8, draining=2, cpu_percent=40.0).wanted == 8


def test_rate_is_tracked_per_instance_in_service() -> None:
    """66/s on 10 of 12 make 6.6 for each, so that 14 are needed though 2 are on their way."""
    fleet = Fleet(tracking({**RATE, "scale_out_periods": 1}), 10, boot_s=1000, tick_s=60)
    assert fleet.changes(300, lambda at: load(60.0 if at.t_s < 120 else 66.0)(at)) == [(60, 12), (180, 14)]


def test_group_of_zero_takes_one_instance_when_there_is_load() -> None:
    assert last(tracking({**RATE, **AT_ONCE}), 1, 0, offered_rps=0.5).wanted == 1
    assert last(tracking({**RATE, **AT_ONCE}), 1, 0, offered_rps=0.0).wanted == 0
    assert last(tracking({**CPU, **AT_ONCE}), 1, 0, cpu_percent=None).wanted == 0


def test_load_from_before_there_were_instances_asks_for_no_more_than_one() -> None:
    one = tracking({**RATE, **AT_ONCE})
    assert one.decide(group(0, 0, offered_rps=9.0)).wanted == 0
    assert one.decide(group(60, 1, offered_rps=9.0)).wanted == 1


def test_group_scales_in_to_zero_without_requests() -> None:
    fleet = Fleet(tracking(RATE), 2, tick_s=60)
    assert fleet.changes(1100, load(0.0)) == [(900, 1), (960, 0)]


def test_scale_out_cooldown_lets_only_a_larger_scale_out_through() -> None:
    options = {**CPU, "warmup_s": 0, "scale_out_cooldown_s": 300, "scale_out_periods": 1}
    fleet = Fleet(tracking(options), 10, tick_s=60)
    assert fleet.changes(500, lambda at: {"cpu_percent": 75.0 if at.t_s == 120 else 60.0}) == [(60, 12), (180, 15)]
    fleet = Fleet(tracking(options), 10, tick_s=60)
    assert fleet.changes(500, cpu(60.0)) == [(60, 12), (420, 15)]


def test_scale_in_cooldown_keeps_scale_ins_apart_but_no_scale_out() -> None:
    options = {**CPU, **AT_ONCE, "scale_in_percent": 10, "warmup_s": 0, "scale_in_cooldown_s": 300}
    fleet = Fleet(tracking(options), 10, tick_s=60)
    assert fleet.changes(500, cpu(10.0)) == [(60, 9), (420, 8)]
    fleet = Fleet(tracking(options), 10, tick_s=60)
    assert fleet.changes(150, lambda at: {"cpu_percent": 10.0 if at.t_s < 60 else 60.0}) == [(60, 9), (120, 11)]


@pytest.mark.parametrize(
    ("percent", "rps", "wanted"),
    [(60.0, 10.0, 12), (60.0, 70.0, 14), (40.0, 60.0, 12), (40.0, 10.0, 8), (40.0, 46.0, 10), (40.0, 44.0, 9)],
)
def test_several_targets_grow_for_any_and_shrink_only_for_all(percent: float, rps: float, wanted: int) -> None:
    one = tracking({**CPU, **AT_ONCE}, {**RATE, **AT_ONCE})
    assert last(one, 1, 10, cpu_percent=percent, offered_rps=rps).wanted == wanted


def test_target_whose_scale_in_is_disabled_has_no_say_in_it() -> None:
    targets = {**CPU, **AT_ONCE}, {**RATE, **AT_ONCE, "disable_scale_in": True}
    assert last(tracking(*targets), 1, 10, cpu_percent=40.0, offered_rps=46.0).wanted == 8
    assert last(tracking(*targets), 1, 10, cpu_percent=40.0, offered_rps=60.0).wanted == 12


def test_missing_data_neither_grows_nor_shrinks_the_group() -> None:
    assert last(tracking(CPU), 20, 10, cpu_percent=None).wanted == 10
    decision = last(tracking(CPU), 20, 10, cpu_percent=0.0, missing="no answer")
    assert decision.wanted == 10
    assert decision.reason == (
        "cpu_percent unknown, alarm > 50 is INSUFFICIENT_DATA, next evaluation in 60.0 s, "
        "low alarm is INSUFFICIENT_DATA"
    )


def test_low_alarm_that_tells_of_the_past_removes_nothing() -> None:
    one = tracking(CPU)
    made = [one.decide(group(60.0 * at, 10, cpu_percent=20.0 if at < 15 else None)) for at in range(18)]
    assert [each.wanted for each in made[15:]] == [9, 10, 10]
    assert made[16].reason.endswith("held: no recent datapoint")


def test_reasons_tell_the_formula() -> None:
    grown = last(tracking(CPU), 3, 10, cpu_percent=62.0)
    assert grown.reason == "cpu_percent 62 on a capacity of 10 for a target of 50 needs 13, desired 10"
    shrunk = last(tracking(CPU), 15, 10, cpu_percent=20.0)
    assert shrunk.reason == (
        "cpu_percent 20 on a capacity of 10 for a target of 50 needs 4, desired 10, at most 1 fewer at once"
    )


def test_reason_of_a_removal_that_is_not_held_back_says_no_more() -> None:
    decision = last(tracking({**CPU, **AT_ONCE}), 1, 10, cpu_percent=20.0)
    assert decision.reason == "cpu_percent 20 on a capacity of 10 for a target of 50 needs 4, desired 10"


def test_candidates_of_the_other_targets_are_told() -> None:
    decision = last(tracking({**CPU, **AT_ONCE}, {**RATE, **AT_ONCE}), 1, 10, cpu_percent=60.0, offered_rps=10.0)
    assert decision.considered == (
        "rate_per_instance 1, alarm > 5 is OK, next evaluation in 60.0 s, low alarm is ALARM",
    )


def test_policy_describes_itself_in_words() -> None:
    (line,) = tracking(CPU).describe()
    assert line == (
        "keep cpu_percent at 50: add in proportion when Average of cpu_percent > 50 in 3 of 3 periods of 60 s, "
        "remove at most 10% of the instances at once when Average of cpu_percent < 45 in 15 of 15 periods of 60 s; "
        "new instances warm up for 300 s"
    )
    (line,) = tracking({**CPU, "scale_in_cooldown_s": 60}).describe()
    assert line.endswith("; cooldowns 0 s out, 60 s in")
    (line,) = tracking({"metric": "offered_rps", "target": 9, "disable_scale_in": True, "warmup_s": 0}).describe()
    assert "never remove" in line
    assert line.endswith("it does not fall as instances are added, so that it never fits")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Field required"),
        ({"target": 0}, "greater than 0"),
        ({"target": 5, "scale_in_below_percent": 101}, "less than or equal to 100"),
        ({"target": 5, "statistic": "Sum"}, "must be Average"),
        ({"target": 5, "metric": "ASGAverageCPUUtilization"}, "is no metric"),
    ],
)
def test_impossible_targets_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TargetOptions.model_validate(options)


TWO = ({**CPU, "period_s": 30, "scale_in_periods": 2, "warmup_s": 60}, {**RATE, "period_s": 50, "scale_in_periods": 3})


@given(HISTORIES)
def test_group_never_shrinks_without_data_nor_before_a_scale_out_is_done(drawn: Any) -> None:
    for seen, decision in history(drawn, tracking(*TWO)):
        assert decision.wanted >= 0
        if seen.missing or seen.counts.in_service < seen.counts.wanted:
            assert decision.wanted >= seen.counts.wanted
        assert decision.reason


@given(HISTORIES)
def test_same_observations_lead_to_the_same_decisions(drawn: Any) -> None:
    assert history(drawn, tracking(*TWO)) == history(drawn, tracking(*TWO))


@given(st.integers(1, 100), st.floats(0, 1000), st.floats(0.1, 1000))
def test_metric_is_at_the_target_or_below_after_a_change(wanted: int, percent: float, target: float) -> None:
    after = last(tracking({**AT_ONCE, "target": target}), 1, wanted, cpu_percent=percent).wanted
    if after != wanted:
        assert wanted * percent <= after * target * (1 + 1e-6) + 1e-6


@settings(max_examples=30)
@given(st.floats(0.1, 2000), st.integers(1, 20))
def test_steady_load_leads_to_a_steady_group(total_percent: float, wanted: int) -> None:
    fleet = Fleet(tracking({**CPU, "scale_in_periods": 3, "warmup_s": 60}), wanted, boot_s=30, tick_s=30)
    fleet.changes(3600, work(total_percent))
    settled = fleet.wanted
    assert fleet.changes(5400, work(total_percent)) == []
    assert total_percent / settled <= 50 * (1 + 1e-6)
