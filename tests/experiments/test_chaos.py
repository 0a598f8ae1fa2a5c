"""Chaos: which faults come when, and what is made of what they did."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from experiments.chaos import verdict
from experiments.chaos.plan import CHAOS, FULL_S, QUICK, chosen, drawn
from experiments.chaos.run import chaos_scenario, lost_around
from experiments.cli import main
from experiments.faults import clock
from experiments.faults.kinds import KINDS
from experiments.scenario import INSTANT, ScenarioError
from loadgen.ledger import Record

ALL = list(KINDS)


def fault(kind: str = "kill-instance", right_s: float | None = 0.4, **other: Any) -> dict[str, Any]:
    return {"t_s": 10.0, "kind": kind, "target": "web-1", "end_s": 12.0, "right_s": right_s, "trouble": "",
            "not_served": 2, **other}  # fmt: skip


def record(due_s: float, done_s: float | None, outcome: str) -> Record:
    return Record(due_s, due_s, done_s, "get", 0, outcome)


def test_the_same_seed_draws_the_same_faults() -> None:
    assert drawn(7, 600, ALL) == drawn(7, 600, ALL) != drawn(8, 600, ALL)


@pytest.mark.parametrize("seed", range(20))
def test_each_kind_comes_before_one_comes_again_and_all_are_over_in_time(seed: int) -> None:
    faults = drawn(seed, 600, ALL)
    kinds = [each.kind for each in faults]
    for start in range(0, len(kinds), len(ALL)):
        assert len(set(kinds[start : start + len(ALL)])) == len(kinds[start : start + len(ALL)])
    ends_s = [each.at_s + (0 if each.kind in INSTANT else each.for_s) for each in faults]
    low_s, high_s = CHAOS.gap_s
    gaps_s = [after.at_s - end_s for end_s, (_, after) in zip(ends_s, pairwise(faults), strict=False)]
    assert all(low_s - 0.01 <= gap_s <= high_s + 0.01 for gap_s in gaps_s)
    assert ends_s[-1] <= 600 - CHAOS.quiet_s
    assert len(faults) >= 2 * len(ALL)


def test_the_disk_is_full_for_a_short_time_only() -> None:
    assert {each.for_s <= FULL_S for each in drawn(1, 3600, ["fill-disk"])} == {True}


def test_the_short_form_has_every_kind() -> None:
    assert {each.kind for each in drawn(3, 20, ALL, QUICK)} == set(ALL)


def test_a_clock_that_is_kept_right_jumps_only_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "is_kept", lambda: True)
    kinds, note = chosen(None)
    assert "clock-jump" not in kinds
    assert "clock-jump is left out" in note
    assert chosen("clock-jump,kill-worker") == (["kill-worker", "clock-jump"], "")
    monkeypatch.setattr(clock, "is_kept", lambda: False)
    assert chosen(None) == (ALL, "")


def test_a_fault_that_is_none_is_one_line() -> None:
    with pytest.raises(ScenarioError, match="'kill-all' is no fault; known are kill-instance, "):
        chosen("kill-worker,kill-all")


def test_load_and_faults_come_from_one_seed() -> None:
    scenario = chaos_scenario(5, 60, ["kill-worker"], QUICK)
    assert (scenario.load.seed, scenario.load.duration_s) == (5, 60)
    assert scenario.faults == drawn(5, 60, ["kill-worker"], QUICK)


def test_half_a_percent_may_be_lost_and_a_full_disk_is_told() -> None:
    figures = {"offered": 1000, "not_served_share": 0.005, "not_served_by_cause": {"disk full": 3}}
    point = verdict.served(figures)
    assert point.held
    assert point.said == (
        "5 of 1,000 requests were not served, 0.50%, 3 of them told by 507 that the disk is full (at most 0.5 %)"
    )
    assert not verdict.served({**figures, "not_served_share": 0.0051}).held


def test_a_fleet_that_is_late_is_told_with_what_was_wrong() -> None:
    assert verdict.right_again([fault(), fault(right_s=2.0)]).held
    late = fault("kill-controller", right_s=None, trouble="web-2 does not answer")
    point = verdict.right_again([fault(), late, fault(right_s=2.5)])
    assert not point.held
    assert point.said == (
        "after 1 of 3 faults the fleet was right within 2 s, median 1.45 s, longest 2.50 s; "
        "kill-controller of web-1 at 10 s: not at all (web-2 does not answer); "
        "kill-instance of web-1 at 10 s: after 2.5 s"
    )


def test_faults_that_never_hit_are_missed() -> None:
    assert verdict.all_kinds_hit([fault()], ["kill-instance"]).held
    point = verdict.all_kinds_hit([fault(), fault("kill-zygote", target=None)], ["kill-instance", "kill-zygote"])
    assert (point.held, point.said) == (False, "2 faults of 1 kinds; none of kill-zygote")


def test_a_controller_that_ends_by_itself_is_told() -> None:
    assert verdict.only_killed([-9], 1).held
    assert not verdict.only_killed([-9, 1], 1).held


def test_what_is_left_is_named() -> None:
    assert verdict.nothing_left([], "").held
    assert verdict.nothing_left(["link tidebed0"], "").said == "left behind: link tidebed0"
    assert not verdict.nothing_left([], "the controller ended with 1").held


def test_kinds_are_summed_up() -> None:
    rows = verdict.by_kind([fault(), fault(right_s=0.8), fault("fill-disk", right_s=None)])
    assert rows == [
        {"kind": "fill-disk", "times": 1, "right_s_p50": None, "right_s_max": None, "not_served": 2},
        {"kind": "kill-instance", "times": 2, "right_s_p50": 0.6, "right_s_max": 0.8, "not_served": 4},
    ]


def test_a_request_is_lost_to_a_fault_that_it_met() -> None:
    records = [
        record(9.5, 9.9, "failed"), record(9.5, 10.1, "failed"), record(11, 11.1, "served"),
        record(12.8, None, "dropped"), record(13.5, 14, "failed"),
    ]  # fmt: skip
    assert lost_around(fault(), records) == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["chaos", "--duration", "5"], "'5' is not a number from 20 to 3600"),
        (["chaos", "--seed", "-1"], "'-1' is not an integer from 0 to 4294967295"),
        (["leaks", "--cycles", "0"], "'0' is not an integer from 1 to 1000000"),
    ],
)
def test_what_is_not_legal_is_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert capsys.readouterr().err.splitlines()[-1].endswith(line)


def test_a_fault_that_is_none_is_told_by_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["chaos", "--faults", "flood", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("experiments: 'flood' is no fault; known are kill-instance")
