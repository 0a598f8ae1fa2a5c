import math

import pytest

from report import single, words


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
    assert words.shape_words(shape) == "ramp from 5 to 100 and back to 5 requests/s, 180 s in all"


def test_a_step_is_told_in_one_phrase() -> None:
    shape = {"kind": "step", "low_rps": 5, "high_rps": 100, "before_s": 20.0, "duration_s": 60.0, "seed": 1}
    assert words.shape_words(shape) == "step from 5 to 100 requests/s after 20 s, 60 s in all"
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
    assert single.listed_decisions(["short"] * 70) == {*range(1, 18), *range(63, 71)}


def test_long_reasons_leave_room_for_fewer_decisions() -> None:
    listed = single.listed_decisions(["x" * 150] * 30)
    assert len(listed) == 12
    assert {1, 30} <= listed


def test_a_run_that_lost_nothing_says_all_and_one_that_did_says_how_much() -> None:
    assert single.served_words({"offered": 50, "served": 50}) == "All 50 offered requests were served."
    lost = {"offered": 50, "served": 49, "rejected": 1, "failed": 0, "not_served_share": 0.02}
    text = "Of 50 offered requests 98.0 % were served and 2.00 % were not (rejected 2.00 %, failed 0.0 %)."
    assert single.served_words(lost) == text


def test_a_combination_is_told_by_its_parts() -> None:
    sine = {"shape": "sine", "low_rps": 5, "peak_rps": 70, "period_s": 90.0, "duration_s": 90.0}
    noise = {"shape": "noise", "mean_rps": 10, "spread_rps": 10, "interval_s": 2.0}
    text = words.shape_words({"kind": "sum", "of": [sine, noise], "duration_s": 90.0, "arrivals": "poisson"})
    assert text == (
        "sum of: sine between 5 and 70 requests/s, with a period of 90 s; noise around 10 requests/s, up to 10 off, a "
        "new level each 2 s, 90 s in all"
    )


def test_a_closed_loop_is_told_by_its_users() -> None:
    text = words.shape_words({"kind": "closed", "mode": "closed", "users": 20, "think_s": 0.0, "duration_s": 180.0})
    assert text == "closed loop: 20 at a time, each 0 s after its answer, 180 s in all"


def test_a_service_without_a_rate_limit_says_so() -> None:
    assert words.service_words({"service": {"rate_limit": 0, "overload": "reject"}}) == "no rate limit"
    limited = {"service": {"rate_limit": 0, "cpu_cores": 0.2}}
    assert words.service_words(limited) == "no rate limit; at most 0.2 of a core"


def test_a_fleet_of_one_size_is_not_a_range() -> None:
    assert words.limit_words({"instances": {"min": 2, "max": 2, "standby": 0}}) == "always 2 instances"
    assert words.limit_words({"instances": {"min": 1, "max": 1}}) == "always 1 instance"


def test_lists_and_plurals_read_as_sentences_do() -> None:
    assert [words.listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert words.plural(1, "policy", "policies") == "1 policy"
    assert words.plural(2, "policy", "policies") == "2 policies"


@pytest.mark.parametrize(("value", "told"), [(6.39, "6.4"), (0.1, "0.1"), (149.0, "150"), (1.0, "1"), (0.0, "0")])
def test_a_rough_number_has_two_digits(value: float, told: str) -> None:
    assert words.rough(value) == told
