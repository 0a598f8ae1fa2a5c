"""The service level objective second by second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from experiments.metrics.service import SLO, Spell, recovery_s, spells, time_to_adapt_s, violation_s
from loadgen.ledger import Record
from tests.experiments.story import dropped, rejected, served

HALF = SLO(latency_ms=500, share=0.5)


def seconds(marks: str, start_s: float = 10.0) -> list[Record]:
    """A second each: `.` all is served, `x` nothing is, ` ` nothing is due. Two requests a second."""
    due_s = [(start_s + number + offset_s, mark) for number, mark in enumerate(marks) for offset_s in (0.0, 0.5)]
    return [served(t_s) if mark == "." else rejected(t_s) for t_s, mark in due_s if mark != " "]


def test_latency_counts_from_the_due_time_and_only_what_is_served() -> None:
    slo = SLO(latency_ms=500)
    assert slo.is_met_by(Record(1.0, 1.2, 1.5, "get", 200, "served"))
    assert not slo.is_met_by(Record(1.0, 1.3, 1.51, "get", 200, "served"))
    assert not slo.is_met_by(rejected(1.0))
    assert not slo.is_met_by(dropped(1.0))


@pytest.mark.parametrize("field", [{"share": 0}, {"share": 1.01}, {"latency_ms": 0}, {"latency": 5}])
def test_an_objective_that_means_nothing_is_refused(field: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SLO.model_validate(field)


def test_a_window_holds_when_the_share_is_met_exactly() -> None:
    assert spells([served(0.0), rejected(0.4)], HALF) == []
    assert spells([served(0.0), rejected(0.4), rejected(0.5)], HALF) == [Spell(0.0, 1.0, ended=False)]
    twenty = [served(k / 20) for k in range(11)] + [rejected(k / 20) for k in range(11, 20)]
    assert spells(twenty, SLO(share=0.55)) == []  # 0.55 times 20 is more than 11 in binary
    hundred = [served(k / 100) for k in range(99)] + [rejected(0.995)]
    assert spells(hundred, SLO()) == []
    assert violation_s(spells(hundred[1:], SLO())) == 1


def test_spells_begin_and_end_with_the_windows() -> None:
    found = spells(seconds("..xx.x x.xx"), SLO())
    assert found == [
        Spell(12.0, 14.0, ended=True), Spell(15.0, 16.0, ended=True), Spell(17.0, 18.0, ended=True),
        Spell(19.0, 21.0, ended=False),
    ]  # fmt: skip
    assert violation_s(found) == 6
    assert recovery_s(found) == 2
    assert recovery_s([Spell(3.0, 9.0, ended=False)]) == 6


def test_without_requests_nothing_is_violated() -> None:
    assert spells([], SLO()) == []
    assert (violation_s([]), recovery_s([]), time_to_adapt_s([], [])) == (0, 0, None)


def test_time_to_adapt_is_from_the_decision_until_the_objective_holds() -> None:
    found = spells(seconds("..xxx....x"), SLO())  # violated from 12 to 15, and from 19 to the end at 20
    assert time_to_adapt_s(found, [12.5]) == 2.5
    assert time_to_adapt_s(found, [11.5]) == 3.5  # the violation begins within a window
    assert time_to_adapt_s(found, [10.5, 15.0, 16.0, 21.0]) == 0
    assert time_to_adapt_s(found, [19.25]) == 0.75
    assert time_to_adapt_s(found, [12.5, 16.0]) == 1.25


@given(st.text(alphabet=".x ", max_size=40))
def test_the_seconds_in_violation_are_those_in_which_too_little_is_served(marks: str) -> None:
    marks = marks.strip()
    found = spells(seconds(marks), SLO())
    assert violation_s(found) == marks.count("x")
    assert recovery_s(found) <= violation_s(found)
    assert all(spell.ended for spell in found[:-1])
    assert not found or found[-1].ended is not marks.endswith("x")


@given(st.text(alphabet=".x", min_size=1, max_size=30), st.lists(st.floats(5, 45), min_size=1, max_size=5))
def test_time_to_adapt_is_never_longer_than_the_longest_spell_and_a_window(
    marks: str, scaled_up_s: list[float]
) -> None:
    found = spells(seconds(marks), SLO())
    adapted_s = time_to_adapt_s(found, scaled_up_s)
    assert adapted_s is not None
    assert 0 <= adapted_s <= max((spell.end_s - spell.start_s + 1 for spell in found), default=0)
