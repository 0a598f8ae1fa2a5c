"""Runs become experiments, arms and repeats, with means and intervals."""

import json
import logging
import math
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.evidence import (
    SPEEDUP,
    SPEEDUP_OF,
    Arm,
    Estimate,
    differ,
    estimate,
    experiments_of,
    said_mean,
    scalars,
    write_means,
    write_runs,
)
from experiments.metrics.elasticity import elastic_speedup
from experiments.scenario import load_scenario
from experiments.simulator.run import simulate
from experiments.verdict import verdicts_of
from tests.experiments.build import default

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8)


def write_run(results: Path, run_id: str, figures: dict[str, Any], **changes: Any) -> None:
    """A run folder as far as it matters; `changes` are fields of run.json or of its experiment."""
    info = {"kind": "real", "status": "complete", "started": f"2026-11-21T{run_id}+00:00"}
    info |= {name: changes.pop(name) for name in info if name in changes}
    facts = {
        "name": "spawn", "title": "Spawn", "hypothesis": "It is quick.", "arm": "exec", "arms": ["exec", "zygote"],
        "repeat": 1, "repeats": 3, "set": "standard", "order": 6, "expect": [], **changes,
    }  # fmt: skip
    (results / run_id).mkdir()
    (results / run_id / "run.json").write_text(json.dumps({**info, "experiment": facts}))
    (results / run_id / "summary.json").write_text(json.dumps({"valid": True, **figures}))


# Estimates


def test_interval_is_student_s() -> None:
    """Of 1, 2, 3: s = 1, t(0.975, 2) = 4.3027."""
    found = estimate([1.0, 2.0, 3.0])
    assert (found.mean, found.n) == (2.0, 3)
    assert found.low == pytest.approx(2 - 4.302653 / math.sqrt(3))
    assert found.high == pytest.approx(2 + 4.302653 / math.sqrt(3))
    assert estimate([5.0]) == Estimate(5.0, None, None, 1)


@given(VALUES)
def test_the_mean_lies_in_the_middle_of_its_interval(values: list[float]) -> None:
    found = estimate(values)
    assert found.mean == pytest.approx(fmean(values))
    if found.low is not None and found.high is not None:
        assert found.low <= found.mean <= found.high
        assert found.mean - found.low == pytest.approx(found.high - found.mean, abs=1e-9)
    assert (found.low is None) == (len(values) == 1)
    assert (found.half is None) == (len(values) < 3)


def test_two_runs_have_no_interval_but_their_two_values() -> None:
    assert estimate([9.0, 1.0]) == Estimate(5.0, 1.0, 9.0, 2)
    assert said_mean("recovery_s", estimate([2.0, 0.0])) == "1 s (0 and 2, n = 2)"
    assert said_mean("recovery_s", estimate([2.0, 2.0])) == "2 s"
    assert said_mean("not_served_share", estimate([0.01, 0.02, 0.03])) == "2 ± 2.48 %"
    assert said_mean("not_served_share", estimate([0.01])) == "1 %"


@given(VALUES, VALUES)
def test_two_differ_only_when_their_intervals_lie_apart(one: list[float], other: list[float]) -> None:
    a, b = estimate(one), estimate(other)
    told = differ(a, b)
    assert told is differ(b, a)
    assert (told is None) == (min(len(one), len(other)) < 3)
    if told:
        assert not (a.low or 0) <= b.mean <= (a.high or 0)
    assert not differ(a, a)


def test_differ_of_arms() -> None:
    low, high = estimate([1.0, 1.1, 1.2]), estimate([9.0, 9.1, 9.2])
    assert differ(low, high) is differ(high, low) is True
    assert differ(estimate([1.0, 5.0, 9.0]), estimate([5.0, 6.0, 7.0])) is False
    assert differ(estimate([1.0, 1.1]), high) is differ(None, high) is None


# Grouping


def test_repeats_of_arms_have_means_over_the_valid_ones(tmp_path: Path) -> None:
    for repeat, (share, valid) in enumerate([(0.1, True), (0.3, True), (0.9, False)], start=1):
        write_run(tmp_path, f"10:00:0{repeat}", {"not_served_share": share, "valid": valid}, repeat=repeat)
    write_run(tmp_path, "10:00:04", {"not_served_share": 0.5, "time_to_adapt_s": None}, arm="zygote")
    (found,) = experiments_of(tmp_path)
    exec_, zygote = found.arms
    assert (found.name, found.order, found.kind, exec_.name, zygote.name) == ("spawn", 6, "real", "exec", "zygote")
    assert (exec_.n_valid, exec_.n_invalid, zygote.n_valid) == (2, 1, 1)
    assert exec_.figures["not_served_share"] == estimate([0.1, 0.3])
    assert zygote.figures == {"not_served_share": Estimate(0.5, None, None, 1)}


def test_the_newest_complete_run_of_a_repeat_counts(tmp_path: Path) -> None:
    write_run(tmp_path, "10:00:00", {"offered": 1})
    write_run(tmp_path, "11:00:00", {"offered": 2})
    write_run(tmp_path, "12:00:00", {"offered": 3}, status="failed")
    write_run(tmp_path, "09:00:00", {"offered": 4}, repeat=2)
    (found,) = experiments_of(tmp_path)
    assert [repeat.run_id for repeat in found.arms[0].repeats] == ["11:00:00", "09:00:00"]
    assert found.arms[1] == Arm("zygote", (), {})


def test_sets_are_not_mixed_and_the_standard_one_counts_where_it_is(tmp_path: Path) -> None:
    write_run(tmp_path, "10:00:00", {"offered": 1}, repeat=3)
    write_run(tmp_path, "11:00:00", {"offered": 3}, repeats=1)
    write_run(tmp_path, "12:00:00", {"offered": 2}, set="quick", repeat=2)
    (found,) = experiments_of(tmp_path)
    assert [repeat.run_id for repeat in found.arms[0].repeats] == ["11:00:00", "10:00:00"]


def test_a_valid_run_is_not_replaced_by_an_invalid_one(tmp_path: Path) -> None:
    write_run(tmp_path, "10:00:00", {"offered": 1})
    write_run(tmp_path, "11:00:00", {"offered": 3, "valid": False})
    (found,) = experiments_of(tmp_path)
    assert [repeat.run_id for repeat in found.arms[0].repeats] == ["10:00:00"]


def test_real_and_simulated_runs_are_apart_and_experiments_come_in_their_order(tmp_path: Path) -> None:
    write_run(tmp_path, "10:00:00", {"offered": 1})
    write_run(tmp_path, "10:00:01", {"offered": 2}, kind="simulated")
    write_run(tmp_path, "10:00:02", {"offered": 3}, name="kill", order=2)
    assert [(each.name, each.kind) for each in experiments_of(tmp_path)] == [
        ("kill", "real"), ("spawn", "real"), ("spawn", "simulated"),
    ]  # fmt: skip


def test_what_is_no_run_of_an_experiment_is_left_out_and_what_is_broken_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(tmp_path, "10:00:00", {"offered": 1})
    (tmp_path / "bench-1").mkdir()
    (tmp_path / "single").mkdir()
    (tmp_path / "single" / "run.json").write_text('{"status": "complete"}')
    write_run(tmp_path, "10:00:01", {"offered": 1}, repeat=2)
    (tmp_path / "10:00:01" / "summary.json").write_text("{")
    write_run(tmp_path, "10:00:02", {"offered": 1}, repeat=3, expect=[{"figure": "offered"}])
    with caplog.at_level(logging.WARNING):
        (found,) = experiments_of(tmp_path)
    assert [repeat.number for repeat in found.arms[0].repeats] == [1]
    assert len(caplog.messages) == 2
    assert "10:00:01: left out" in caplog.text and "exactly one of at_most, at_least" in caplog.text
    assert experiments_of(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"expect": None}, {"expect": [None]}, {"expect": "x"}, {"arm": "other"}, {"arms": []}, {"name": "a/b"},
        {"name": "../x"}, {"name": "a\0"}, {"name": ""}, {"kind": "a/b"}, {"started": None}, {"order": "1"},
        {"title": "\ud800"}, {"repeat": 10**400}, {"status": "complete", "set": []},
    ],
)  # fmt: skip
def test_one_run_that_cannot_be_read_leaves_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, changes: dict[str, Any]
) -> None:
    write_run(tmp_path, "10:00:00", {"offered": 1})
    write_run(tmp_path, "10:00:01", {"offered": 2}, **{"repeat": 2, **changes})
    with caplog.at_level(logging.WARNING):
        (found,) = experiments_of(tmp_path)
    assert [repeat.run_id for arm in found.arms for repeat in arm.repeats] == ["10:00:00"]
    assert len(caplog.messages) == 1
    assert caplog.messages[0].isprintable()


def test_an_experiment_has_a_repeat_of_an_arm_that_it_names(tmp_path: Path) -> None:
    write_run(tmp_path, "10:00:00", {"offered": 1}, arm="exec", arms=["exec"])
    write_run(tmp_path, "10:00:01", {"offered": 1}, arm="zygote", arms=["zygote"])
    (found,) = experiments_of(tmp_path)
    assert [(arm.name, len(arm.repeats)) for arm in found.arms] == [("zygote", 1)]


@pytest.mark.parametrize("wrong", ["hpa/spike", "static-mean/spike"])
def test_no_speedup_comes_of_less_than_nothing(tmp_path: Path, wrong: str) -> None:
    arms = ["hpa/spike", "static-mean/spike"]
    for number, arm in enumerate(arms):
        figures = dict.fromkeys(SPEEDUP_OF, 1.0) | ({"theta_u_percent": -0.5} if arm == wrong else {})
        write_run(tmp_path, f"10:0{number}:00", figures, arm=arm, arms=arms)
    assert all(SPEEDUP not in arm.figures for arm in experiments_of(tmp_path)[0].arms)


def test_means_of_the_largest_figures_are_finite(tmp_path: Path) -> None:
    for repeat, value in enumerate((9.9e17, -9.9e17, 9.9e17), start=1):
        write_run(tmp_path, f"10:00:0{repeat}", {"offered": value}, repeat=repeat)
    (found,) = experiments_of(tmp_path)
    mean = found.arms[0].figures["offered"]
    assert math.isfinite(mean.mean) and mean.half is not None and math.isfinite(mean.half)


def test_speedup_is_against_the_mean_of_the_static_arm_under_the_same_load(tmp_path: Path) -> None:
    arms = ["hpa/spike", "static-mean/spike", "hpa/ramp"]
    values = {"hpa/spike": [(1, 2, 3, 4)], "static-mean/spike": [(10, 20, 30, 40), (20, 40, 60, 80)],
              "hpa/ramp": [(1, 1, 1, 1)]}  # fmt: skip
    for number, arm in enumerate(arms):
        for repeat, each in enumerate(values[arm], start=1):
            figures = dict(zip(SPEEDUP_OF, each, strict=True))
            write_run(tmp_path, f"10:0{number}:0{repeat}", figures, arm=arm, arms=arms, repeat=repeat)
    spike, static, ramp = experiments_of(tmp_path)[0].arms
    assert spike.figures[SPEEDUP].mean == pytest.approx(elastic_speedup((1, 2, 3, 4), (15, 30, 45, 60)))
    assert spike.repeats[0].figures[SPEEDUP] == spike.figures[SPEEDUP].mean
    assert SPEEDUP not in static.figures and SPEEDUP not in ramp.figures


def test_scalars_of_a_summary() -> None:
    summary = {"offered": 9, "valid": True, "validity_note": "", "theta_u_percent": None,
               "not_served_by_cause": {"too small": 2}, "slo": {"latency_ms": 500.0}}  # fmt: skip
    assert scalars(summary) == {"offered": 9, "not_served_by_cause.too small": 2, "slo.latency_ms": 500.0}


def test_tables(tmp_path: Path) -> None:
    for repeat, offered in enumerate((4, 6), start=1):
        write_run(tmp_path, f"10:00:0{repeat}", {"offered": offered, "slo": {"share": 0.99}}, repeat=repeat)
    found = experiments_of(tmp_path)
    write_runs(tmp_path / "experiments.csv", found)
    write_means(tmp_path / "means.csv", found)
    runs, means = pd.read_csv(tmp_path / "experiments.csv"), pd.read_csv(tmp_path / "means.csv")
    assert list(runs["run_id"]) == ["10:00:01", "10:00:02"]
    assert list(runs["offered"]) == [4, 6] and list(runs["slo.share"]) == [0.99, 0.99]
    row = means.set_index("figure").loc["offered"]
    expected = estimate([4, 6])
    assert tuple(row[["experiment", "kind", "arm", "n"]]) == ("spawn", "real", "exec", 2)
    assert tuple(row[["mean", "low", "high"]]) == pytest.approx((expected.mean, expected.low, expected.high))


def test_simulated_repeats_become_an_experiment_that_holds_what_it_expects(tmp_path: Path) -> None:
    scenario = load_scenario("ramp", {"highest_rps": 20, "duration_s": 10})
    expect = [{"figure": "not_served_share", "at_most": 0.01}, {"figure": "theta_o_percent", "at_least": 0}]
    for repeat in (1, 2):
        facts = {"name": "ramp", "title": "", "hypothesis": "", "arm": "", "arms": [""], "repeat": repeat, "repeats": 2,
                 "set": None, "order": 1, "expect": expect}  # fmt: skip
        folder, _ = simulate(f"ramp-{repeat}", scenario, tmp_path, default(), repeat)
        info = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**info, "experiment": facts}))
    (found,) = experiments_of(tmp_path)
    assert found.arms[0].n_valid == 2
    assert {each.n for each in found.arms[0].figures.values()} == {2}
    assert [each.outcome for each in verdicts_of(found)] == ["held", "held"]
