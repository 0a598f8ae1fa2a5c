"""The policy `rules`: thresholds that must hold for a while, cooldowns, and conflicts."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model import METRICS, Decision, Observation, metric
from controller.policies.rules import Rules, Then
from tests.controller.build import OBSERVATIONS, observed, rule, rules


def wanted_at(policy: Rules, *times_s: float, **fields: Any) -> list[int]:
    """What the policy wants at each of these times, with 10 wanted before and the same things seen."""
    return [policy.decide(observed(t_s, 10, **fields)).wanted for t_s in times_s]


def test_rule_fires_beyond_its_bound_and_not_at_it() -> None:
    up, down = rules(rule(above=100, add=1)), rules(rule(below=100, remove=1))
    assert [wanted_at(up, 0, offered_rps=rps) for rps in (99, 100, 101)] == [[10], [10], [11]]
    assert [wanted_at(down, 0, offered_rps=rps) for rps in (99, 100, 101)] == [[9], [10], [10]]


def test_bound_of_zero_counts_as_a_bound() -> None:
    assert wanted_at(rules(rule("rejected_rps", above=0, add=1)), 0, rejected_rps=0.1) == [11]


def test_condition_must_hold_for_the_whole_time() -> None:
    policy = rules(rule(above=100, add=1, for_s=1.0))
    assert wanted_at(policy, 0.0, 0.5, 0.9, 1.0, offered_rps=200) == [10, 10, 10, 11]


def test_break_in_the_condition_starts_the_time_again() -> None:
    policy = rules(rule(above=100, add=1, for_s=1.0))
    assert wanted_at(policy, 0.0, 0.9, offered_rps=200) == [10, 10]
    assert wanted_at(policy, 0.95, offered_rps=50) == [10]
    assert wanted_at(policy, 1.0, 1.9, 2.0, offered_rps=200) == [10, 10, 11]


def test_unknown_metric_breaks_the_condition() -> None:
    policy = rules(rule(below=100, remove=1, for_s=1.0))
    assert wanted_at(policy, 0.0, offered_rps=1) == [10]
    assert wanted_at(policy, 0.5, offered_rps=None, missing="no answer") == [10]
    assert wanted_at(policy, 1.0, 1.9, 2.0, offered_rps=1) == [10, 10, 9]


def test_rule_rests_after_it_fired() -> None:
    policy = rules(rule(above=100, add=1, cooldown_s=5))
    assert wanted_at(policy, 0, 1, 4.9, 5, 6, offered_rps=200) == [11, 10, 10, 11, 10]


def test_one_rule_that_rests_does_not_hold_back_another() -> None:
    policy = rules(rule(above=100, add=1, cooldown_s=60), rule("rejected_rps", above=0, add=2))
    assert wanted_at(policy, 0, offered_rps=200, rejected_rps=0) == [11]
    assert wanted_at(policy, 1, offered_rps=200, rejected_rps=3) == [12]


def test_up_wins_over_down() -> None:
    policy = rules(rule(below=100, remove=5), rule("rejected_rps", above=0, add=1))
    assert wanted_at(policy, 0, offered_rps=50, rejected_rps=1) == [11]


def test_largest_of_several_ups_wins() -> None:
    assert wanted_at(rules(rule(above=1, add=1), rule(above=2, add="50%"), rule(above=3, add=2)), 0, offered_rps=9) == [
        15
    ]


def test_smallest_of_several_downs_wins() -> None:
    assert wanted_at(rules(rule(below=9, remove="50%"), rule(below=9, remove=2)), 0, offered_rps=1) == [8]


@pytest.mark.parametrize(
    ("change", "wanted", "result"),
    [
        ({"add": 3}, 10, 13), ({"add": "50%"}, 10, 15), ({"add": "25%"}, 10, 13), ({"add": "1%"}, 1, 2),
        ({"add": "100%"}, 7, 14), ({"add": "25%"}, 0, 1), ({"remove": 3}, 10, 7), ({"remove": "25%"}, 10, 8),
        ({"remove": "1%"}, 10, 9), ({"remove": "100%"}, 10, 0), ({"remove": 99}, 10, 0), ({"remove": 1}, 0, 0),
    ],
)  # fmt: skip
def test_percentages_round_in_favour_of_more_capacity(change: dict[str, Any], wanted: int, result: int) -> None:
    assert Then.model_validate(change).apply(wanted) == result


@given(st.integers(1, 9999), st.booleans(), st.integers(0, 1000))
def test_every_change_changes_something_and_none_goes_below_zero(amount: int, percent: bool, wanted: int) -> None:
    step = f"{amount}%" if percent else amount
    assert Then.model_validate({"add": step}).apply(wanted) > wanted
    fewer = Then.model_validate({"remove": step}).apply(wanted)
    assert 0 <= fewer < max(1, wanted)


def test_reason_names_metric_value_and_rule() -> None:
    policy = rules(rule("rate_per_instance", above=7, for_s=0, add="50%"))
    assert policy.decide(observed(0, 10, offered_rps=81)).reason == "rate_per_instance 8.1 is above 7: add 50%"


def test_reason_of_no_change_tells_the_values_and_what_is_unknown() -> None:
    policy = rules(rule(above=100, add=1), rule("cpu_percent", above=80, add=1))
    reason = policy.decide(observed(0, 10, offered_rps=50)).reason
    assert reason == "no rule fires, offered_rps 50, cpu_percent unknown"


def test_policy_describes_each_rule_on_a_line() -> None:
    policy = rules(rule(above=100, add=1, for_s=2, cooldown_s=5), rule(below=3, remove="10%"))
    assert policy.describe() == [
        "when offered_rps above 100 for 2 s: add 1, then rest 5 s",
        "when offered_rps below 3: remove 10%",
    ]


def test_booting_instances_count_for_the_rate_per_instance() -> None:
    """Else each tick of a boot would order the same capacity again."""
    assert observed(0, 10, offered_rps=100).rate_per_instance == 10
    assert observed(0, 0, offered_rps=100).rate_per_instance == math.inf


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_can_be_read_and_may_be_unknown(name: str) -> None:
    assert metric(Observation(0.0), name) is None


@given(st.lists(st.tuples(st.floats(0, 3), OBSERVATIONS), max_size=30))
def test_same_observations_lead_to_the_same_decisions(history: list[tuple[float, dict[str, Any]]]) -> None:
    def replay(make: Callable[[], Rules]) -> list[Decision]:
        policy, t_s, wanted, made = make(), 0.0, 5, []
        for pause_s, fields in history:
            t_s += pause_s
            decision = policy.decide(observed(t_s, wanted, **fields))
            made.append(decision)
            wanted = min(200, decision.wanted)
        return made

    def make() -> Rules:
        return rules(rule(above=50, add="50%", for_s=1), rule(below=20, remove=1, for_s=2, cooldown_s=3))

    assert replay(make) == replay(make)


@given(st.lists(st.tuples(st.floats(0, 3), OBSERVATIONS), max_size=30))
def test_cooldown_keeps_two_firings_apart(history: list[tuple[float, dict[str, Any]]]) -> None:
    policy, t_s, fired = rules(rule(above=50, add=1, for_s=0.5, cooldown_s=3)), 0.0, []
    for pause_s, fields in history:
        t_s += pause_s
        if policy.decide(observed(t_s, 10, **fields)).wanted != 10:
            fired.append(t_s)
    assert all(later - earlier >= 3 for earlier, later in pairwise(fired))
