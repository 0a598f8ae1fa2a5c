import math

import pytest

from report import signature, single, words


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 9450, "0.0 %"),
        (27, 9450, "0.29 %"),
        (9449, 9450, "99.98 %"),
        (9450, 9450, "100.0 %"),
        (1, 1_000_000, "< 0.01 %"),
        (945, 9450, "10.0 %"),
        (None, 9450, "–"),
        (1, 0, "–"),
    ],
)
def test_a_share_never_rounds_a_loss_away(part: int | None, whole: int, text: str) -> None:
    assert words.share(part, whole) == text


def test_a_number_that_is_missing_is_a_dash() -> None:
    assert [words.number(value) for value in (None, math.nan, True, "7")] == ["–"] * 4
    assert words.number(9450) == "9,450"
    assert [words.milliseconds(value) for value in (7.06, 64.9, 1204.2)] == ["7.1 ms", "65 ms", "1,204 ms"]


def test_a_ramp_is_told_in_one_phrase() -> None:
    shape = {"kind": "ramp", "low_rps": 5, "peak_rps": 100, "duration_s": 180.0, "seed": 1}
    assert words.shape_words(shape) == "ramp from 5 to 100 and back to 5 requests/s over 180 s"


def test_a_step_is_told_in_one_phrase() -> None:
    shape = {"kind": "step", "low_rps": 5, "high_rps": 100, "before_s": 20.0, "duration_s": 60.0, "seed": 1}
    assert words.shape_words(shape) == "step from 5 to 100 requests/s after 20 s over 60 s"
    assert words.shape_words({"kind": "step", "high_rps": 9}) == "step: high 9 requests/s"


def test_a_simulated_run_is_called_so_wherever_it_is_named() -> None:
    assert words.run_name("20261121-ramp", simulated=True) == "20261121-ramp (simulated)"
    assert words.run_name("20261121-ramp", simulated=False) == "20261121-ramp"


def test_an_unknown_shape_and_an_unknown_policy_are_still_told_in_full() -> None:
    assert words.shape_words({"kind": "saw", "teeth": 3, "high_rps": 40}) == "saw: teeth 3, high 40 requests/s"
    assert words.policy_words({"policy": {"oracle": {"ahead_s": 5}}}) == ["oracle: ahead 5 s"]
    assert words.policy_words({}) == ["–"]


def test_a_rule_reads_as_a_sentence() -> None:
    rule = {"when": {"metric": "rate_per_instance", "below": 4, "for_s": 10}, "then": {"remove": 1}, "cooldown_s": 5}
    assert words.rule_words(rule) == "if rate per instance is below 4/s for 10 s: remove 1; cooldown 5 s"


def test_a_short_list_of_decisions_is_listed_in_full() -> None:
    assert single.listed_decisions(["short"] * 24) == set(range(1, 25))
    assert single.listed_decisions([]) == set()


def test_a_long_list_of_decisions_keeps_its_beginning_and_its_end() -> None:
    assert single.listed_decisions(["short"] * 70) == {*range(1, 17), *range(63, 71)}


def test_long_reasons_leave_room_for_fewer_decisions() -> None:
    listed = single.listed_decisions(["x" * 150] * 30)
    assert len(listed) == 12
    assert {1, 30} <= listed


def test_labels_that_are_close_go_to_different_rows() -> None:
    assert signature.spread([0.0, 1.0, 2.0, 10.0, 20.0], apart_s=3.0) == [0, 1, 2, 0, 0]


def test_a_run_that_lost_nothing_says_all_and_one_that_did_says_how_much() -> None:
    assert single.served_words({"offered": 50, "served": 50}) == "All 50 offered requests were served."
    lost = {"offered": 50, "served": 49, "rejected": 1, "failed": 0, "not_served_share": 0.02}
    text = "Of 50 offered requests 98.0 % were served and 2.00 % were not (rejected 2.00 %, failed 0.0 %)."
    assert single.served_words(lost) == text
