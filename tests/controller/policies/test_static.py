"""The policy `static`."""

import pytest
from hypothesis import given
from pydantic import ValidationError

from controller.policies.static import Static, StaticConfig
from tests.controller.build import observed
from tests.controller.policies.build import HISTORIES, History, check


def static(wanted: int) -> Static:
    return Static(StaticConfig(wanted=wanted))


@pytest.mark.parametrize("before", [0, 5, 9])
def test_number_is_always_the_same(before: int) -> None:
    decision = static(5).decide(observed(0, before))
    assert (decision.wanted, decision.reason) == (5, "always 5")


def test_nothing_is_removed_while_nothing_is_known() -> None:
    decision = static(5).decide(observed(0, 9, missing="no answer"))
    assert (decision.wanted, decision.reason) == (9, "5 wanted, but nothing is known of the load")
    assert static(5).decide(observed(0, 2, missing="no answer")).wanted == 5


def test_policy_describes_itself_in_words() -> None:
    assert static(5).describe() == ["always 5"]


@pytest.mark.parametrize("wanted", [-1, 201, 2.5])
def test_numbers_out_of_range_are_refused(wanted: float) -> None:
    with pytest.raises(ValidationError):
        StaticConfig.model_validate({"wanted": wanted})


@given(HISTORIES)
def test_properties_of_every_policy(history: History) -> None:
    check(lambda: static(3), history)
