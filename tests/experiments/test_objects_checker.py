"""The checker of object histories: it finds a violation if and only if there is one."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.objects import History, Verdict, check
from experiments.objects.checker import steps_of, violation_of
from experiments.objects.history import ABSENT, DONE, FAILED, UNKNOWN, HistoryError, Operation
from tests.experiments.histories import (
    delete,
    explained,
    get,
    history_of_a_correct_store,
    listing,
    overwritten_reads,
    put,
)

ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    "put": {DONE: ("201", "204"), UNKNOWN: ("502",), FAILED: ("507",)},
    "get": {DONE: ("200",), ABSENT: ("404",), UNKNOWN: ("502",)},
    "delete": {DONE: ("204",), ABSENT: ("404",), UNKNOWN: ("502",)},
    "list": {DONE: ("200",)},
    "clear": {DONE: ("200",), UNKNOWN: ("502",)},
}


def judge(*operations: Operation) -> Verdict:
    return check(History(list(operations)))


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Any operation on one object, right or wrong."""
    action = draw(st.sampled_from(["put", "put", "get", "get", "delete", "list", "clear"]))
    outcome = draw(st.sampled_from(list(ANSWERS[action])))
    answer = draw(st.sampled_from(ANSWERS[action][outcome]))
    began_s = draw(st.integers(0, 12))
    ended_s = began_s + draw(st.integers(1, 6))
    value = draw(st.sampled_from("abc")) if action == "put" or (action == "get" and outcome == DONE) else ""
    key = "" if action in ("list", "clear") else "k"
    listed = ("k",) if action == "list" and draw(st.booleans()) else ()
    return Operation(0, action, began_s, ended_s, outcome, answer, key, value, listed)


@settings(max_examples=300, deadline=None)
@given(st.lists(operations(), max_size=6))
def test_checker_agrees_with_trying_every_order(made: list[Operation]) -> None:
    steps = list(steps_of(History(made), "k"))
    assert (violation_of("k", steps) is None) == explained(steps)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_history_of_a_correct_store_holds(seed: int) -> None:
    verdict = judge(*history_of_a_correct_store(seed, 150))
    assert verdict.violations == [], verdict.text()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_one_value_from_the_past_is_found_in_a_long_history(seed: int, data: st.DataObject) -> None:
    made = history_of_a_correct_store(seed, 150)
    candidates = list(overwritten_reads(made))
    if candidates:
        place, value = data.draw(st.sampled_from(candidates))
        made[place] = dataclasses.replace(made[place], outcome=DONE, answer="200", value=value)
        assert [each.key for each in judge(*made).violations] == [made[place].key]


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("stale or lost value", [put(0, 1, "a", "201"), put(2, 3, "b"), get(4, 5, "a")]),
        ("stale or lost value", [put(0, 1, "a", "201"), put(2, 5, "b"), get(3, 4, "b"), get(6, 7, "a")]),
        ("lost object", [put(0, 1, "a", "201"), get(2, 3, "")]),
        ("lost object", [put(0, 1, "a", "201"), listing(2, 3)]),
        ("lost object", [put(0, 1, "a", "201"), delete(2, 3, ABSENT)]),
        ("lost object", [put(0, 1, "a", "201"), put(2, 3, "b", "201")]),
        ("torn object", [put(0, 1, "a", "201"), get(2, 3, "?300 bytes that nobody wrote")]),
        ("deleted object came back", [put(0, 1, "a", "201"), delete(2, 3), get(4, 5, "a")]),
        ("deleted object came back", [put(0, 1, "a", "201"), delete(2, 3), listing(4, 5, "k")]),
        ("deleted object came back", [put(0, 1, "a", "201"), delete(2, 3), put(4, 5, "b", "204")]),
        ("stale or lost value", [put(0, 1, "a", "201"), put(2, 3, "b", "507", FAILED), get(4, 5, "b")]),
        ("deleted object came back", [get(0, 1, "a"), put(2, 3, "a", "502", UNKNOWN)]),
    ],
)
def test_wrong_history_is_found_and_named(kind: str, made: list[Operation]) -> None:
    verdict = judge(*made)
    assert [each.kind for each in verdict.violations] == [kind]
    assert verdict.text().startswith("objects are NOT safe") and kind in verdict.text()


@pytest.mark.parametrize(
    "made",
    [
        [put(0, 9, "a", "201"), get(1, 2, ""), get(3, 4, "a"), get(10, 11, "a")],
        [put(0, 1, "a", "502", UNKNOWN), get(2, 3, ""), get(4, 5, "a")],
        [put(0, 1, "a", "201"), delete(2, 3, UNKNOWN), get(4, 5, "a"), get(6, 7, "")],
        [put(0, 5, "a", "201"), put(1, 6, "b"), get(7, 8, "b")],
        [put(0, 1, "a", "201"), put(2, 9, "b", "201"), delete(3, 8), get(10, 11, "b")],
        [put(0, 1, "a", "201"), listing(2, 9), delete(3, 4), get(10, 11, "")],
    ],
)
def test_right_history_holds(made: list[Operation]) -> None:
    assert judge(*made).holds, judge(*made).text()


def test_twenty_unknown_outcomes_on_one_object_do_not_explode() -> None:
    unknown = [put(n, n + 0.5, f"u{n}", "502", UNKNOWN) for n in range(20)]
    sure = [put(100, 101, "a", "204"), get(102, 103, "u7"), delete(104, 105), get(106, 107, "u9"), get(108, 109, "u9")]
    assert judge(*unknown, *sure).holds
    assert [each.operation for each in judge(*unknown, *sure, get(110, 111, "a")).violations] == [get(110, 111, "a")]


def test_object_that_nobody_saw_after_its_last_write_is_told() -> None:
    verdict = judge(put(0, 1, "a", "201"), get(2, 3, "a"), put(4, 5, "b"))
    assert (verdict.violations, verdict.unseen, verdict.holds) == ([], ["k"], False)
    assert "k: not seen at the end" in verdict.text()


def test_history_survives_its_file(tmp_path: Path) -> None:
    history = History(history_of_a_correct_store(1, 50))
    history.save(tmp_path / "history.jsonl")
    assert History.load(tmp_path / "history.jsonl").operations == history.operations


@pytest.mark.parametrize("line", ["{", "[]", '{"client": 1}', '{"listed": []}'])
def test_file_that_is_no_history_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    History(history_of_a_correct_store(1, 2)).save(tmp_path / "h")
    with (tmp_path / "h").open("a") as file:
        file.write(line)
    with pytest.raises(HistoryError, match="line 3 is no operation"):
        History.load(tmp_path / "h")
