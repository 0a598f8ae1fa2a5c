"""What of a policy file is searched, and from where to where."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from experiments.tuning.space import (
    Choice,
    Number,
    SpaceError,
    checked,
    described,
    document_of,
    name_of,
    placed,
    space_of,
)
from tests.experiments.build import policy

RULES = [
    {"when": {"metric": "rate_per_instance", "above": 8.0, "for_s": 1}, "then": {"add": "25%"}, "cooldown_s": 2},
    {"when": {"metric": "rate_per_instance", "below": 4.0}, "then": {"remove": 2}},
]


def names(settings: Any, **free: str) -> list[str]:
    return [name_of(each.path) for each in space_of(settings, free)]


def test_numbers_of_the_policy_and_its_limits_are_searched_and_what_is_off_stays_off() -> None:
    made = policy(limits={"stabilise_down_s": 8}, instances={"standby": 2})
    assert names(made) == [
        "limits.stabilise_down_s", "policy.target.rate_per_instance", "policy.target.tolerance",
        "policy.target.drain_queue_s",
    ]  # fmt: skip


def test_of_rules_thresholds_times_amounts_and_rests_are_searched() -> None:
    assert described(space_of(policy(policy={"rules": RULES}), {})) == [
        "policy.rules[0].when.above: 2.667 to 24", "policy.rules[0].when.for_s: 0.3333 to 3",
        "policy.rules[0].then.add: 8 to 75%", "policy.rules[0].cooldown_s: 0.6667 to 6",
        "policy.rules[1].when.below: 1.333 to 12", "policy.rules[1].then.remove: 1 to 6",
    ]  # fmt: skip


def test_options_of_another_method_of_the_policy_are_none() -> None:
    made = policy(policy={"queueing": {"service_rate_rps": 10.0, "method": "square_root", "beta": 0.5}})
    assert names(made) == ["policy.queueing.service_rate_rps", "policy.queueing.beta", "policy.queueing.window_s"]


def test_keys_of_the_testbed_are_searched_where_they_are_named() -> None:
    space = space_of(policy(), {"tick_s": "", "apply": "", "standby": "0..3", "policy.target.tolerance": "0.1..0.2"})
    found = {name_of(each.path): each for each in space}
    assert found["tick_s"] == Number(("tick_s",), 0.1, 0.05, 0.1 * 3, whole=False)  # 0.05 is the least
    assert found["apply"] == Choice(("apply",), "runtime", ("reload", "runtime"))
    assert found["instances.standby"] == Number(("instances", "standby"), 0, 0, 3, whole=True)
    assert found["policy.target.tolerance"] == Number(("policy", "target", "tolerance"), 0.1, 0.1, 0.2, whole=False)


@pytest.mark.parametrize(
    ("key", "span", "complaint"),
    [
        ("tock_s", "", "--free tock_s: is none of instances.min, "),
        ("standby", "", "--free standby: is 0, which tells no range; give one as standby=LOW..HIGH"),
        ("standby", "3..0", "--free standby=3..0: is no range; give one as standby=LOW..HIGH"),
        ("standby", "few", "--free standby=few: is no range"),
        ("boot", "1..2", "--free boot=1..2: has no range, it is one of plain, exec, zygote"),
    ],
)
def test_what_cannot_be_freed_is_told_in_a_line(key: str, span: str, complaint: str) -> None:
    with pytest.raises(SpaceError) as caught:
        space_of(policy(), {key: span})
    assert str(caught.value).startswith(complaint)


def test_a_policy_without_numbers_is_nothing_to_search() -> None:
    with pytest.raises(SpaceError, match="no number in the policy"):
        space_of(policy(policy={"static": {"wanted": 0}}), {})


@given(st.floats(0.001, 1e5), st.floats(0, 0.999), st.floats(0, 1))
def test_every_value_of_a_range_is_legal_and_ranges_hold_what_was_given(
    rate: float, tolerance: float, share: float
) -> None:
    made = policy(policy={"target": {"rate_per_instance": rate, "tolerance": tolerance}})
    document = document_of(made)
    for each in space_of(made, {}):
        assert isinstance(each, Number)
        assert each.low <= each.value <= each.high
        value = each.written(each.low + share * (each.high - each.low))
        checked(placed(document, {each.path: value}))


def test_a_document_with_other_values_leaves_the_one_before_as_it_was() -> None:
    document = document_of(policy(policy={"rules": RULES}))
    changed = placed(document, {("policy", "rules", 0, "then", "add"): "50%", ("limits", "step_up"): 3})
    assert checked(changed).policy["rules"][0]["then"]["add"] == "50%"
    assert checked(changed).limits.step_up == 3
    assert document["policy"]["rules"][0]["then"]["add"] == "25%"


def test_what_the_policy_refuses_is_no_document() -> None:
    with pytest.raises(ValidationError):
        checked(placed(document_of(policy()), {("policy", "target", "tolerance"): 2.0}))
