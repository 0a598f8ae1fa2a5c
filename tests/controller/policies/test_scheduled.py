"""The policy `scheduled`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.policies.scheduled import Entry, Scheduled, ScheduledConfig
from tests.controller.build import observed
from tests.controller.policies.build import HISTORIES, History, check


def scheduled(*entries: dict[str, Any]) -> Scheduled:
    return Scheduled(ScheduledConfig.model_validate(list(entries)))


def changes(policy: Scheduled, to_s: int, before: int = 1, start_s: int = 1000) -> dict[int, int]:
    """When the number changes, in seconds since the start, and to what."""
    found = {}
    for elapsed_s in range(to_s):
        wanted = policy.decide(observed(float(start_s + elapsed_s), before)).wanted
        if wanted != before:
            found[elapsed_s] = before = wanted
    return found


def test_entries_hold_from_their_time_until_the_next() -> None:
    policy = scheduled({"from_s": 0.0, "wanted": 2}, {"from_s": 60.0, "wanted": 5}, {"from_s": 90.0, "wanted": 3})
    assert changes(policy, 200) == {0: 2, 60: 5, 90: 3}


def test_order_in_the_list_matters_only_for_the_same_time() -> None:
    policy = scheduled({"from_s": 90.0, "wanted": 3}, {"from_s": 60.0, "wanted": 5}, {"from_s": 60.0, "wanted": 4})
    assert changes(policy, 200) == {60: 4, 90: 3}


def test_fleet_stays_as_it_is_before_the_first_entry() -> None:
    policy = scheduled({"from_s": 60.0, "wanted": 5})
    decision = policy.decide(observed(0, 7))
    assert (decision.wanted, decision.reason) == (7, "0.0 s in: nothing is set yet")
    assert decision.considered == ("next in 60.0 s: 5 wanted from 60 s",)


def test_entries_return() -> None:
    policy = scheduled({"from_s": 10.0, "every_s": 100.0, "wanted": 8}, {"from_s": 40.0, "every_s": 100.0, "wanted": 2})
    assert changes(policy, 300) == {10: 8, 40: 2, 110: 8, 140: 2, 210: 8, 240: 2}


def test_entry_that_returns_gives_way_to_one_that_began_later() -> None:
    policy = scheduled({"from_s": 0.0, "every_s": 50.0, "wanted": 3}, {"from_s": 70.0, "wanted": 9})
    assert changes(policy, 160) == {0: 3, 70: 9, 100: 3}


def test_minimum_raises_what_is_there_and_lowers_nothing() -> None:
    policy = scheduled({"from_s": 10.0, "min": 4}, {"from_s": 20.0, "min": 1})
    assert changes(policy, 50, before=2) == {10: 4}
    assert changes(scheduled({"from_s": 10.0, "min": 4}), 50, before=6) == {}


def test_larger_of_number_and_minimum_counts() -> None:
    policy = scheduled({"from_s": 0.0, "wanted": 3}, {"from_s": 10.0, "min": 5}, {"from_s": 20.0, "wanted": 7})
    assert changes(policy, 50) == {0: 3, 10: 5, 20: 7}
    decision = policy.decide(observed(1030.0, 7))
    assert (decision.reason, decision.considered) == ("30.0 s in: 7 wanted and at least 5", ())


def test_next_entry_is_told() -> None:
    policy = scheduled({"from_s": 5.0, "every_s": 10.0, "wanted": 8}, {"from_s": 99.0, "wanted": 2})
    policy.decide(observed(0))
    assert policy.decide(observed(6)).considered == ("next in 9.0 s: 8 wanted from 5 s, and each 10 s",)


def test_nothing_is_removed_while_nothing_is_known() -> None:
    policy = scheduled({"from_s": 0.0, "wanted": 2})
    decision = policy.decide(observed(0, 6, missing="no answer"))
    assert (decision.wanted, decision.reason) == (6, "0.0 s in: 2 wanted, but nothing is known of the load")
    assert policy.decide(observed(1, 1, missing="no answer")).wanted == 2


def test_policy_describes_each_entry_on_a_line() -> None:
    policy = scheduled({"from_s": 0.0, "wanted": 2, "min": 1}, {"from_s": 5.0, "every_s": 60.0, "min": 3})
    assert policy.describe() == ["2 wanted and at least 1 from 0 s", "at least 3 from 5 s, and each 60 s"]


@pytest.mark.parametrize(
    "entries",
    [[], [{"from_s": 1.0}], [{"wanted": 1}], [{"from_s": -1.0, "wanted": 1}],
     [{"from_s": 0.0, "every_s": 0.0, "wanted": 1}], [{"from_s": 0.0, "wanted": 201}]],
)  # fmt: skip
def test_entries_that_say_nothing_are_refused(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        scheduled(*entries)


@given(st.floats(0, 1e5), st.floats(0.1, 1e5), st.floats(0, 1e6))
def test_last_and_next_time_enclose_the_present(from_s: float, every_s: float, elapsed_s: float) -> None:
    entry = Entry(from_s=from_s, every_s=every_s, wanted=1)
    began_s, next_s = entry.began_s(elapsed_s), entry.next_s(elapsed_s)
    assert next_s is not None
    assert next_s > elapsed_s - 1e-6
    assert began_s is None or from_s <= began_s <= elapsed_s + 1e-6
    assert (began_s is None) == (elapsed_s < from_s)


@given(HISTORIES)
def test_properties_of_every_policy(history: History) -> None:
    check(lambda: scheduled({"from_s": 9.0, "every_s": 30.0, "wanted": 7}, {"from_s": 20.0, "wanted": 2}), history)
