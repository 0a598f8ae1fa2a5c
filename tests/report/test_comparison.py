from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from report import comparison, series
from report.study import Study, studies_of
from tests.report.synthetic import write_experiment
from tests.report.test_report import build, needs_pdftotext, text_of

FIGURES = {
    "rules/ramp": (1.5, 0.0), "rules/step": (1.8, 0.005), "hpa/ramp": (1.6, 0.002), "hpa/step": (1.2, 0.06),
    "static/ramp": (2.5, 0.0), "static/step": (1.9, 0.001),
}  # fmt: skip
names = st.sampled_from("abcdefg")
planes = st.dictionaries(names, st.tuples(st.floats(0, 3), st.floats(0, 5)), min_size=1)


def compared(results: Path, source: Path) -> Study:
    arms = {
        arm: [{"cost_ratio": cost, "not_served_share": lost, "latency_ms_p99": 8.0 + number,
               "oracle_instance_seconds": 900.0} for number in range(3)]
        for arm, (cost, lost) in FIGURES.items()
    }  # fmt: skip
    write_experiment(results, source, "comparison", arms)
    (study,) = studies_of(results)
    return study


@given(planes)
def test_the_best_are_acceptable_and_beaten_by_none(points: dict[str, tuple[float, float]]) -> None:
    best = comparison.best_of(points)
    acceptable = {name for name, (_, lost) in points.items() if lost <= comparison.ACCEPTABLE_PERCENT}
    pool = acceptable or set(points)
    assert best
    assert best <= pool
    for name in pool:
        cost, lost = points[name]
        beaten = any(c <= cost and q <= lost and (c, q) != (cost, lost) for other in pool for c, q in [points[other]])
        assert (name in best) is not beaten


@settings(deadline=None)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=120), st.integers(1, 6))
def test_a_larger_fixed_fleet_loses_no_more_and_a_large_one_nothing(due_s: list[float], count: int) -> None:
    times_s = pd.Series(due_s)
    small, larger = (series.static_loss(times_s, 3.0, number) for number in (count, count + 1))
    assert 0 <= larger <= small < 1
    assert series.static_loss(times_s, 3.0, len(due_s)) == 0


def test_a_fixed_fleet_refuses_what_is_beyond_its_rate_limit() -> None:
    even = pd.Series(np.arange(200) / 20)  # 20 requests/s
    assert series.static_loss(even, 10.0, 1) == 0.5
    assert series.static_loss(even, 10.0, 2) == 0


def test_the_finding_names_the_best_of_those_that_lose_little_where_there_are_any(tmp_path: Path, source: Path) -> None:
    study = compared(tmp_path, source)
    told = comparison.finding(study, comparison.by_load(study))
    assert told == (
        "Of the policies that lose at most 1 %, those that no other one beats in both losses and cost (times the "
        "oracle’s) are under ramp rules (none lost at 1.50); under step rules (0.50 % lost at 1.80) and static "
        "(0.10 % lost at 1.90)."
    )


def test_where_all_lose_much_the_best_of_all_are_named(tmp_path: Path, source: Path) -> None:
    arms = {arm: [{"cost_ratio": cost, "not_served_share": lost}] for arm, cost, lost in
            (("a/ramp", 1.5, 0.2), ("b/ramp", 1.7, 0.3), ("a/step", 1.2, 0.0), ("b/step", 1.1, 0.1))}  # fmt: skip
    write_experiment(tmp_path, source, "comparison", arms)
    (study,) = studies_of(tmp_path)
    assert comparison.finding(study, comparison.by_load(study)) == (
        "Of the policies that lose at most 1 %, those that no other one beats in both losses and cost (times the "
        "oracle’s) are under step a (none lost at 1.20). Where no policy loses at most 1 %, those that no other one "
        "beats in both losses and cost (times the oracle’s) are under ramp a (20.0 % lost at 1.50)."
    )


def test_arms_are_policies_by_load(tmp_path: Path, source: Path) -> None:
    study = compared(tmp_path, source)
    found = comparison.by_load(study)
    assert list(found) == ["ramp", "step"]
    assert list(found["ramp"]) == ["rules", "hpa", "static"]
    assert comparison.mean_points(found["step"])["hpa"] == (1.2, 6.0)


def test_the_oracle_has_a_row_of_what_it_is_by_definition(tmp_path: Path, source: Path) -> None:
    told = comparison.comparison_data(compared(tmp_path, source))
    for table in told["tables"]:
        costs = dict(zip(table["columns"], table["rows"][0]["cells"], strict=True))
        assert float(costs["inst.-s"]["text"]) > 0
        assert {cell["text"] for name, cell in costs.items() if name != "inst.-s"} == {"–"}


def test_each_plane_has_a_point_a_repeat_and_fixed_fleets_until_nothing_is_lost(tmp_path: Path, source: Path) -> None:
    ramp, step = comparison.planes(compared(tmp_path, source))
    assert (ramp.load, step.load) == ("ramp", "step")
    assert len(ramp.points["hpa"]) == 3
    assert ramp.best == {"rules"}
    assert step.best == {"rules", "static"}
    losses = [lost for _, lost in ramp.frontier]
    assert losses[-1] == 0
    assert losses == sorted(losses, reverse=True)
    assert all(lost > 0 for lost in losses[:-1])


@needs_pdftotext
def test_the_report_has_the_policies_on_its_first_page_and_a_section_on_them(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    compared(results, source)
    text = text_of(build(results))
    assert "3 policies met each of 2 loads of 196 s 3 times. 2 of 3 left at most 5 % unserved" in text
    assert text.index("Load: ramp Load: step") < text.index("Architecture")
    assert "at most 10 % not served under every load hpa 0.20" in text
    assert "Policies compared" in text
    assert "What each policy costs and what it loses" in text
    assert "All metrics under step" in text
    assert "Experiments not run:" in text


@needs_pdftotext
def test_policies_without_an_oracle_are_compared_without_the_plane(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    write_experiment(results, source, "comparison", {"a/ramp": [{}], "b/ramp": [{}]})
    text = text_of(build(results))
    assert "2 policies, 1 load, 2 runs" in text
    assert "What each policy costs and what it loses" not in text
