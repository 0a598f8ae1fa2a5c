"""The policy `nomad`: whose vote wins, cooldowns, windows, and what is done without data.

The conflicts are those of hashicorp/nomad-autoscaler: TestPreemptAction in sdk/strategy_test.go and
Test_pickWinnerActionFromGroups in policy/handler_test.go, and of the documentation's "Scaling Policy Checks".
"""

from typing import Any

import pytest
from pydantic import ValidationError

from controller.policies.nomad import Nomad, NomadConfig
from tests.controller.build import observed
from tests.controller.policies.nomad import above, below, check, evaluated, nomad

NONE, UP, DOWN = 3, 5, 1  # votes with three instances


def fixed(name: str, value: int, group: str = "") -> dict[str, Any]:
    return check(name, fixed_value={"value": value}, group=group)


@pytest.mark.parametrize(
    ("votes", "result"),
    [
        ((NONE, NONE), NONE), ((NONE, DOWN), NONE), ((NONE, UP), UP), ((DOWN, NONE), NONE), ((1, 2), 2), ((2, 1), 2),
        ((2, 2), 2), ((DOWN, UP), UP), ((UP, NONE), UP), ((UP, DOWN), UP), ((4, 5), 5), ((5, 4), 5), ((10, 9), 10),
    ],
)  # fmt: skip
def test_safest_vote_wins(votes: tuple[int, int], result: int) -> None:
    policy = nomad(*(fixed(str(index), vote) for index, vote in enumerate(votes)))
    assert evaluated(policy, 3, 1.0).wanted == result


@pytest.mark.parametrize(
    ("votes", "result"),
    [
        pytest.param([("1", NONE), ("1", NONE)], NONE, id="all_none_in_group"),
        pytest.param([("1", NONE), ("1", UP)], UP, id="up_beats_none"),
        pytest.param([("1", NONE), ("1", DOWN)], DOWN, id="down_beats_none"),
        pytest.param([("1", DOWN), ("1", UP)], UP, id="up_beats_down"),
        pytest.param([("1", NONE), ("2", UP), ("2", DOWN)], UP, id="multiple_groups_up_wins"),
        pytest.param([("1", NONE), ("2", NONE), ("2", DOWN)], NONE, id="a group of none holds back another"),
        pytest.param([("1", DOWN), ("1", NONE), ("2", NONE), ("2", 2)], 2, id="two groups down, the higher count"),
        pytest.param([("", NONE), ("", DOWN)], NONE, id="no group is no group"),
    ],
)
def test_votes_for_no_change_count_in_a_group_only_when_all_are(votes: list[tuple[str, int]], result: int) -> None:
    policy = nomad(*(fixed(str(index), vote, group) for index, (group, vote) in enumerate(votes)))
    assert evaluated(policy, 3, 1.0).wanted == result


@pytest.mark.parametrize(
    ("cpu", "latency", "result"), [(90, 50, 6), (70, 90, 5), (70, 20, 4), (20, 50, 4), (20, 20, 3), (20, 90, 5)]
)
def test_documented_example_of_groups(cpu: float, latency: float, result: int) -> None:
    """A target of 70 beside tiers in one group: neither the target nor the tiers shrink the four alone."""
    policy = nomad(
        check("cpu", target_value={"target": 70.0}),
        check("high", **above(70, group="latency", metric="latency_ms_p99")),
        check("low", **below(30, group="latency", metric="latency_ms_p99")),
    )
    assert policy.decide(observed(0, 4, cpu_percent=float(cpu), latency_ms_p99=float(latency))).wanted == result


def test_tiers_without_a_group_never_shrink() -> None:
    tiers = (above(70), below(30))
    apart = nomad(*(check(str(index), **tier) for index, tier in enumerate(tiers)))
    together = nomad(*(check(str(index), **tier, group="cpu") for index, tier in enumerate(tiers)))
    assert (evaluated(apart, 4, 20.0).wanted, evaluated(together, 4, 20.0).wanted) == (4, 3)


@pytest.mark.parametrize(
    ("wanted", "vote", "result"), [(7, 4, 5), (7, 15, 10), (7, 0, 5), (7, 8, 8), (12, 15, 12), (3, 1, 3), (10, 99, 10)]
)
def test_votes_are_capped_but_never_turned(wanted: int, vote: int, result: int) -> None:
    """As in TestAction_CapCount, with 5 to 10; a count beyond the bounds is left to the fleet's own bounds."""
    assert evaluated(nomad(fixed("a", vote), minimum=5, maximum=10), wanted, 1.0).wanted == result


def test_capped_vote_up_still_holds_back_a_vote_down() -> None:
    policy = nomad(fixed("up", 99), fixed("down", 1), maximum=5)
    assert evaluated(policy, 5, 1.0).wanted == 5


def story(policy: Nomad, cpu: dict[int, float], wanted: int, seconds: int) -> list[tuple[int, int]]:
    """The changes over so many seconds, carried out, with the CPU of the latest key."""
    changes = []
    for t_s in range(seconds):
        value = cpu[max(start for start in cpu if start <= t_s)]
        decision = policy.decide(observed(t_s, wanted, cpu_percent=value))
        if decision.wanted != wanted:
            wanted = decision.wanted
            changes.append((t_s, wanted))
    return changes


def test_cooldowns_are_by_direction() -> None:
    """20 s after an up, 60 s after a down; evaluated every 10 s."""
    policy = nomad(
        check("high", **above(70, group="cpu", query_window_s=0.0)),
        check("low", **below(30, group="cpu", query_window_s=0.0)),
        evaluation_interval_s=10, cooldown_s=60, cooldown_on_scale_up_s=20,
    )  # fmt: skip
    assert story(policy, {0: 50, 5: 90, 45: 10}, 5, 200) == [(10, 6), (30, 7), (50, 6), (110, 5), (170, 4)]


def test_cooldown_on_scale_up_is_the_cooldown_unless_told() -> None:
    policy = nomad(check("high", **above(70)), evaluation_interval_s=10, cooldown_s=30)
    assert story(policy, {0: 90}, 1, 80) == [(0, 2), (30, 3), (60, 4)]


def test_cooldown_after_a_change_from_elsewhere_is_the_shorter_one() -> None:
    policy = nomad(check("high", **above(70)), cooldown_s=60, cooldown_on_scale_up_s=20)
    assert evaluated(policy, 5, 50.0, 50.0).wanted == 5
    held = policy.decide(observed(2, 3, cpu_percent=90.0))
    assert held.reason == "held, cooldown after a change from elsewhere, 19.0 s left; check high wants 4"
    assert policy.decide(observed(21, 3, cpu_percent=90.0)).wanted == 4


def test_reason_in_a_cooldown_tells_what_is_wanted() -> None:
    policy = nomad(check("high", **above(70, delta=4)), cooldown_s=60)
    assert evaluated(policy, 5, 90.0).wanted == 9
    held = policy.decide(observed(1, 9, cpu_percent=90.0))
    assert (held.wanted, held.reason) == (9, "held, cooldown after an up, 59.0 s left; check high wants 13")


def test_decision_that_was_held_back_starts_no_cooldown() -> None:
    policy = nomad(check("high", **above(70)), cooldown_s=60)
    assert [policy.decide(observed(t_s, 5, cpu_percent=90.0)).wanted for t_s in (0, 1, 2)] == [6, 6, 6]


def test_evaluation_comes_once_in_its_interval() -> None:
    policy = nomad(check("a", pass_through={}), evaluation_interval_s=10)
    decisions = [policy.decide(observed(t_s, 1, cpu_percent=3.0)) for t_s in (0, 5, 9.5, 10)]
    assert [decision.wanted for decision in decisions] == [3, 1, 1, 3]
    assert decisions[2].reason == "next evaluation in 0.5 s"


def test_points_come_once_in_a_step_however_often_is_looked() -> None:
    """Twenty looks in two seconds are two points a second apart and the newest, not twenty-one."""
    policy = nomad(check("a", **above(70)), evaluation_interval_s=2)
    decisions = [policy.decide(observed(tick / 10, 1, cpu_percent=50.0)) for tick in range(21)]
    assert decisions[-1].considered == ("check a: cpu_percent 0 of 3 points at least 70, 1 needed: 1 wanted",)


def test_threshold_needs_enough_points_of_the_window() -> None:
    tier = {"lower_bound": 70.0, "delta": 1, "within_bounds_trigger": 3}
    policy = nomad(check("a", threshold=tier, query_window_s=4.0))
    wanted = [
        policy.decide(observed(t_s, 1, cpu_percent=cpu)).wanted for t_s, cpu in enumerate((90, 90, 10, 90, 10, 10))
    ]
    assert wanted == [1, 1, 1, 2, 2, 1]


@pytest.mark.parametrize("on_check_error", ["fail", "ignore"])
def test_without_data_nothing_is_done(on_check_error: str) -> None:
    policy = nomad(check("a", target_value={"target": 50.0}), on_check_error=on_check_error)
    assert evaluated(policy, 5, None).wanted == 5
    assert evaluated(policy, 5, 10.0, from_s=1).wanted == 1


def test_one_check_without_data_fails_the_evaluation() -> None:
    checks = (check("cpu", target_value={"target": 50.0}), check("lost", **above(70, metric="latency_ms_p99")))
    held = evaluated(nomad(*checks), 5, 90.0)
    assert (held.wanted, held.reason) == (5, "held, the evaluation failed: no data for check lost")
    assert held.considered == (
        "check cpu: cpu_percent 90 is 1.8 of the target 50: 9 wanted",
        "check lost: latency_ms_p99 is not known",
    )


@pytest.mark.parametrize("options", [{"on_check_error": "ignore"}, {"on_error": "ignore"}])
def test_check_without_data_may_be_left_out_yet_nothing_shrinks(options: dict[str, Any]) -> None:
    """Even in a group, where a vote for no change would count for nothing."""
    on_error = {key: value for key, value in options.items() if key == "on_error"}
    others = {key: value for key, value in options.items() if key != "on_error"}
    lost = check("lost", **above(70, metric="latency_ms_p99", group="g"), **on_error)
    policy = nomad(check("cpu", target_value={"target": 50.0}, group="g"), lost, **others)
    assert evaluated(policy, 5, 90.0).wanted == 9
    held = evaluated(policy, 5, 10.0, from_s=1)
    assert (held.wanted, held.reason) == (5, "held, no data: not for all checks")


def test_checks_own_word_on_errors_comes_first() -> None:
    lost = check("lost", **above(70, metric="latency_ms_p99"), on_error="fail")
    policy = nomad(check("cpu", target_value={"target": 50.0}), lost, on_check_error="ignore")
    assert evaluated(policy, 5, 90.0).wanted == 5


def test_nothing_shrinks_on_old_points_while_there_are_no_statistics() -> None:
    policy = nomad(check("a", target_value={"target": 50.0}, query_window_s=60.0))
    assert evaluated(policy, 5, 10.0).wanted == 1
    blind = policy.decide(observed(1, 5, cpu_percent=1.0, missing="HAProxy does not answer"))
    assert (blind.wanted, blind.reason) == (5, "held, no data: HAProxy does not answer")


def test_values_beside_missing_statistics_are_not_believed() -> None:
    policy = nomad(check("a", target_value={"target": 50.0}))
    policy.decide(observed(0, 5, cpu_percent=90.0, missing="no answer"))
    assert policy.decide(observed(1, 5)).reason == "held, the evaluation failed: no data for check a"


def test_fixed_value_needs_no_data_to_grow() -> None:
    assert nomad(fixed("a", 7)).decide(observed(0, 5, missing="no answer")).wanted == 7
    assert nomad(fixed("a", 3)).decide(observed(0, 5, missing="no answer")).wanted == 5


def test_reason_names_the_check_that_won() -> None:
    policy = nomad(check("cpu", target_value={"target": 70.0}), check("low", **below(90)), maximum=11)
    decision = evaluated(policy, 10, 80.0)
    assert decision.reason == "check cpu: cpu_percent 80 is 1.143 of the target 70: 12 wanted, capped to 11"
    assert decision.considered[1] == "check low: cpu_percent 1 of 1 points below 90, 1 needed: 9 wanted"


def test_reason_of_no_change_tells_all_votes() -> None:
    policy = nomad(check("cpu", target_value={"target": 80.0}), check("low", **below(90)))
    assert evaluated(policy, 10, 80.0).reason == (
        "no change: check cpu: cpu_percent 80 is 1 of the target 80: 10 wanted; "
        "check low: cpu_percent 1 of 1 points below 90, 1 needed: 9 wanted"
    )


def test_policy_describes_each_check_on_a_line() -> None:
    tier = {"lower_bound": 5.0, "upper_bound": 20.0, "percentage": -30.0}
    policy = nomad(
        check("a", target_value={"target": 70.0, "max_scale_up": 2}, query_window_offset_s=5.0),
        check("b", threshold=tier, group="g"), check("c", fixed_value={"value": 3}), check("d", pass_through={}),
        cooldown_s=60, cooldown_on_scale_up_s=20,
    )  # fmt: skip
    assert policy.describe() == [
        "check a: target-value of cpu_percent over 10 s, 5 s ago: kept at 70 (±1%), at most 2 up at once",
        "check b in group g: threshold of cpu_percent over 10 s: -30% when 5 points are at least 5 and below 20",
        "check c: fixed-value: 3",
        "check d: pass-through of cpu_percent over 10 s: the newest value",
        "evaluated every 1 s; cooldown 20 s after an up, 60 s after a down",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"checks": []}, {"checks": [fixed("a", 1), fixed("a", 2)]}, {"checks": [fixed("", 1)]},
        {"checks": [fixed("a", 1)], "minimum": 2, "maximum": 1}, {"checks": [fixed("a", 1)], "on_check_error": "hold"},
        {"checks": [fixed("a", 1) | {"metric": "memory"}]}, {"checks": [fixed("a", 1)], "cooldown_s": -1},
    ],
)  # fmt: skip
def test_illegal_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NomadConfig.model_validate(options)
