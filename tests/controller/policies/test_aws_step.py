"""The policy `aws-step`, against the worked examples of the EC2 and the Application Auto Scaling User Guide."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.policies.aws_step import Step, StepConfig, StepPolicy, StepScaling
from tests.controller.policies.aws import HISTORIES, Fleet, alarm, cpu, decisions, group, history

LOW = "LessThanOrEqualToThreshold"


def step(lower: float | None, upper: float | None, adjust: int) -> dict[str, Any]:
    return {"lower": lower, "upper": upper, "adjust": adjust}


def policy(*steps: dict[str, Any], kind: str = "PercentChangeInCapacity", **options: Any) -> dict[str, Any]:
    return {"alarm": alarm(), "adjustment_type": kind, "steps": list(steps), **options}


OUT = policy(step(0, 10, 0), step(10, 20, 10), step(20, None, 30))
IN = policy(step(-10, 0, 0), step(-20, -10, -10), step(None, -20, -30), alarm=alarm(LOW))


def scaling(*policies: dict[str, Any]) -> StepScaling:
    return StepScaling(StepConfig.model_validate(list(policies)))


def by_minute(values: dict[int, float], rest: float = 50) -> Callable[[Fleet], dict[str, Any]]:
    """The CPU in these minutes, and in all others."""
    return lambda fleet: {"cpu_percent": values.get(round(fleet.t_s / 60), rest)}


def test_guides_example_of_ten_instances() -> None:
    """60 % adds 10 % of 10; once that is warm, 70 % adds 30 % of 11; 40 % removes 10 % of 14, 30 % 30 % of 13."""
    fleet = Fleet(scaling(OUT, IN), 10, tick_s=60)
    changes = fleet.changes(1500, by_minute({1: 60, 9: 70, 20: 40, 21: 30}, rest=50))
    assert changes == [(120, 11), (600, 14), (1260, 13), (1320, 10)]


def test_guides_example_of_warm_up() -> None:
    """62 % while the new instance warms up adds nothing more; 70 % adds 30 % of 10, of which one is there: 13."""
    fleet = Fleet(scaling(OUT, IN), 10, tick_s=60)
    assert fleet.changes(400, by_minute({1: 60, 2: 62, 3: 70, 4: 70})) == [(120, 11), (240, 13)]


def test_instances_that_boot_are_no_current_capacity_either() -> None:
    fleet = Fleet(scaling(policy(step(0, None, 2), kind="ChangeInCapacity", warmup_s=0)), 10, boot_s=150, tick_s=60)
    assert fleet.changes(400, cpu(60)) == [(60, 12), (240, 14)]


def test_scale_in_waits_until_new_instances_are_warm() -> None:
    fleet = Fleet(scaling(OUT, IN), 10, tick_s=60)
    assert fleet.changes(600, by_minute({0: 60}, rest=35)) == [(60, 11), (360, 10), (420, 9), (480, 8), (540, 7)]


def test_instances_that_terminate_are_not_removed_once_more() -> None:
    fleet = Fleet(scaling(policy(step(None, 0, -2), kind="ChangeInCapacity", alarm=alarm(LOW))), 10, tick_s=60)
    fleet.drain_s = 150
    assert fleet.changes(300, cpu(40)) == [(60, 8), (240, 6)]


def test_guides_example_of_a_cooldown() -> None:
    """Adds 2, and a breach within the cooldown that would add 3 adds 1."""
    steps = (step(0, 10, 2), step(10, None, 3))
    fleet = Fleet(scaling(policy(*steps, kind="ChangeInCapacity", warmup_s=0, cooldown_s=300)), 4, tick_s=60)
    assert fleet.changes(700, by_minute({0: 55, 1: 55, 2: 65, 3: 65, 4: 55, 5: 55}, rest=40)) == [(60, 6), (180, 7)]
    fleet = Fleet(scaling(policy(*steps, kind="ChangeInCapacity", warmup_s=0, cooldown_s=300)), 4, tick_s=60)
    assert fleet.changes(700, cpu(55)) == [(60, 6), (420, 8)]


def test_cooldown_keeps_scale_ins_apart_but_not_a_scale_out_from_them() -> None:
    remove = policy(step(None, 0, -1), kind="ChangeInCapacity", warmup_s=0, cooldown_s=120, alarm=alarm(LOW, 40))
    add = policy(step(0, None, 1), kind="ChangeInCapacity", warmup_s=0, cooldown_s=120)
    fleet = Fleet(scaling(remove, add), 10, tick_s=60)
    assert fleet.changes(400, cpu(30)) == [(60, 9), (240, 8)]
    fleet = Fleet(scaling(remove, add), 10, tick_s=60)
    assert fleet.changes(200, by_minute({0: 30}, rest=60)) == [(60, 9), (120, 10)]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(49.9, 10), (50, 10), (59.9, 10), (60, 11), (69.9, 11), (70, 13), (1e9, 13),
     (40.1, 10), (40, 9), (30.1, 9), (30, 7), (0, 7)],
)  # fmt: skip
def test_steps_of_the_guides_scale(value: float, wanted: int) -> None:
    seen = [group(t_s, 10, cpu_percent=float(value)) for t_s in (0, 60)]
    assert decisions(scaling(OUT, IN), *seen) == [10, wanted]


@pytest.mark.parametrize(
    ("lower", "upper", "upward", "beyond", "holds"),
    [  # the API reference: at or above 50 and below 60; above 40 and at or below 50, with a threshold of 50
        (0, 10, True, 0, True), (0, 10, True, 9.9, True), (0, 10, True, 10, False), (0, 10, True, -0.1, False),
        (-10, 0, False, 0, True), (-10, 0, False, -9.9, True), (-10, 0, False, -10, False), (-10, 0, False, 0.1, False),
        (0.5, None, True, 0.5, True), (0.5, None, False, 0.5, True), (None, -0.5, True, -0.5, True),
        (None, 0, False, -1e9, True), (0, None, True, float("inf"), True), (None, -10, False, -10, True),
    ],
)  # fmt: skip
def test_bounds_at_the_threshold(
    lower: float | None, upper: float | None, upward: bool, beyond: float, holds: bool
) -> None:
    one = Step(lower=lower, upper=upper, adjust=1)
    assert one.holds(beyond, upward) is holds


def test_value_below_the_lowest_step_changes_nothing() -> None:
    """The guide's CLI example: threshold 60, the first step from 70."""
    one = scaling(policy(step(10, 20, 10), step(20, None, 20), alarm=alarm(threshold=60)))
    last = [one.decide(group(t_s, 10, cpu_percent=65.0)) for t_s in (0, 60)][-1]
    assert last.wanted == 10
    assert last.reason == "cpu_percent 65 is +5 from the threshold 60, for which no step changes anything"


@pytest.mark.parametrize(("aggregation", "wanted"), [("Average", 13), ("Minimum", 11), ("Maximum", 14)])
def test_datapoints_that_the_alarm_evaluated_are_aggregated(aggregation: str, wanted: int) -> None:
    steps = (step(0, 15, 1), step(15, 25, 3), step(25, None, 4))
    options = {"metric_aggregation_type": aggregation, "alarm": alarm(evaluation_periods=3)}
    one = scaling(policy(*steps, kind="ChangeInCapacity", **options))
    seen = [group(60.0 * minute, 10, cpu_percent=value) for minute, value in enumerate((60.0, 70.0, 80.0, 0.0))]
    assert decisions(one, *seen) == [10, 10, 10, wanted]


@pytest.mark.parametrize(("desired", "wanted"), [(3, 5), (5, 5), (9, 5)])
def test_exact_capacity(desired: int, wanted: int) -> None:
    one = scaling(policy(step(0, None, 5), kind="ExactCapacity"))
    assert decisions(one, *(group(t_s, desired, cpu_percent=60.0) for t_s in (0, 60))) == [desired, wanted]


def test_exact_capacity_of_zero_scales_in_to_nothing() -> None:
    one = scaling(policy(step(None, 0, 0), kind="ExactCapacity", alarm=alarm(LOW)))
    assert decisions(one, *(group(t_s, 3, cpu_percent=1.0) for t_s in (0, 60))) == [3, 0]


def test_least_magnitude_holds_for_percentages() -> None:
    one = scaling(policy(step(0, None, 25), min_adjustment_magnitude=2))
    assert decisions(one, *(group(t_s, 4, cpu_percent=60.0) for t_s in (0, 60))) == [4, 6]


def test_of_two_policies_that_act_the_one_with_more_capacity_wins() -> None:
    low, lower = alarm(LOW), alarm(LOW, 45)
    one = scaling(
        policy(step(None, 0, -3), kind="ChangeInCapacity", alarm=low), policy(step(None, 0, -25), alarm=lower)
    )
    last = [one.decide(group(t_s, 8, cpu_percent=40.0)) for t_s in (0, 60)][-1]
    assert last.wanted == 6
    assert last.reason == "cpu_percent 40 is -5 from the threshold 45: -25% on a capacity of 8 gives 6, desired 8"
    assert last.considered == ("cpu_percent 40 is -10 from the threshold 50: -3 on a capacity of 8 gives 5, desired 8",)


def test_missing_data_that_counts_as_a_breach_does_not_shrink_the_group() -> None:
    low = alarm(LOW, evaluation_periods=2, treat_missing_data="breaching")
    one = scaling(policy(step(None, 0, -1), kind="ChangeInCapacity", alarm=low))
    assert decisions(one, *(group(t_s, 10, cpu_percent=None) for t_s in (0, 60, 120))) == [10, 10, 10]
    made = [one.decide(group(t_s, 10, cpu_percent=value)) for t_s, value in [(180, 1.0), (240, None), (300, None)]]
    assert [each.wanted for each in made] == [10, 9, 10]
    assert made[-1].reason.endswith("held: no recent datapoint")


def test_alarm_without_any_value_chooses_no_step() -> None:
    up = alarm(treat_missing_data="breaching")
    one = scaling(policy(step(0, None, 1), kind="ChangeInCapacity", alarm=up))
    reasons = [one.decide(group(t_s, 10, missing="no answer")).reason for t_s in (0, 60)]
    assert reasons[-1] == "cpu_percent is in ALARM without a value, so no step is chosen"


def test_policy_describes_itself_in_words() -> None:
    (line,) = scaling(
        policy(step(20, None, 30), step(10, 20, 10), min_adjustment_magnitude=2, cooldown_s=60)
    ).describe()
    assert line == (
        "when Average of cpu_percent >= 50 in 1 of 1 periods of 60 s: from 60 to 70: +10%; from 70: +30% "
        "by at least 2; new instances warm up for 300 s, cooldown 60 s"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": []}, "at least 1 item"),
        ({"steps": [step(0, 10, 1), step(5, None, 2)]}, "steps overlap between 5 and 10"),
        ({"steps": [step(0, 10, 1), step(15, None, 2)]}, "steps leave a gap between 10 and 15"),
        ({"steps": [step(0, 10, 1)]}, "with a positive upper bound there must be a step without an upper bound"),
        ({"steps": [step(-10, 0, 1)]}, "with a negative lower bound there must be a step without a lower bound"),
        ({"steps": [step(None, None, 1)]}, "needs a lower bound, an upper bound, or both"),
        ({"steps": [step(10, 10, 1)]}, "lower 10 must be below upper 10"),
        ({"steps": [step(0, None, 1), step(0, None, 2)]}, "steps overlap"),
        ({"steps": [step(0, None, -1)], "adjustment_type": "ExactCapacity"}, "must not be negative"),
        ({"adjustment_type": "ChangeInCapacity", "min_adjustment_magnitude": 1}, "PercentChangeInCapacity only"),
    ],
)
def test_impossible_steps_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StepPolicy.model_validate({**OUT, **changed})


BOUNDS = st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True).map(sorted)


@given(BOUNDS, st.integers(-60, 60), st.booleans())
def test_each_value_lies_in_exactly_one_of_adjacent_steps(bounds: list[int], beyond: int, upward: bool) -> None:
    lowers, uppers = [None, *bounds], [*bounds, None]
    steps = [Step(lower=low, upper=top, adjust=1) for low, top in zip(lowers, uppers, strict=True)]
    holding = [one for one in steps if one.holds(beyond, upward)]
    assert len(holding) == 1 or (beyond == 0 and 0 in bounds)
    assert len(holding) <= 1


@given(HISTORIES)
def test_group_never_shrinks_without_data_nor_before_a_scale_out_is_done(drawn: Any) -> None:
    low = {**IN, "alarm": alarm(LOW, treat_missing_data="breaching")}
    for seen, decision in history(drawn, scaling(OUT, low)):
        assert decision.wanted >= 0
        if seen.missing or seen.counts.in_service < seen.counts.wanted:
            assert decision.wanted >= seen.counts.wanted
        assert decision.reason


@given(HISTORIES)
def test_same_observations_lead_to_the_same_decisions(drawn: Any) -> None:
    assert history(drawn, scaling(OUT, IN)) == history(drawn, scaling(OUT, IN))
