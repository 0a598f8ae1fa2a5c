from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.loading import load_run
from report import series


def requests(rows: list[tuple[float, float | None, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["due_s", "done_s", "outcome"]).astype({"done_s": "float64"})


def test_rate_per_bin_is_the_count_divided_by_the_width() -> None:
    rates = series.rate_per_bin(pd.Series([0.1, 0.2, 1.9, 2.5, 9.0]), np.array([0.0, 2.0, 4.0]))
    assert list(rates) == [1.5, 0.5]


def test_requests_without_an_end_count_where_they_were_due() -> None:
    frame = requests([(1.0, 1.5, "failed"), (2.0, None, "failed"), (3.0, 3.1, "served")])
    assert series.outcome_times(frame, "failed").tolist() == [1.5, 2.0]


def test_bins_cover_the_range_and_are_aligned_to_their_width() -> None:
    assert series.bin_edges(3.0, 9.0, 2.0).tolist() == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert series.bin_width_s(200) == 1.0
    assert series.bin_width_s(3600) == 20.0
    assert series.bin_width_s(200_000) == 1200.0
    assert 1e7 / series.bin_width_s(1e7) <= 240


def test_provision_says_how_many_instances_lack_or_are_too_many() -> None:
    needed = pd.DataFrame({"t_s": [0.0, 4.0, 8.0], "needed": [1.0, 3.0, 1.0]})
    ticks = pd.DataFrame({"t_s": [0.0, 6.0, 9.0], "in_service": [1, 3, 2]})
    areas = series.provision(needed, ticks)
    assert areas["t_s"].tolist() == [0.0, 4.0, 6.0, 8.0, 9.0]
    assert areas["under"].tolist() == [0.0, 2.0, 0.0, 0.0, 0.0]
    assert areas["over"].tolist() == [0.0, 0.0, 0.0, 2.0, 1.0]


def test_a_tick_without_a_count_keeps_the_last_known_supply() -> None:
    needed = pd.DataFrame({"t_s": [0.0], "needed": [2.0]})
    ticks = pd.DataFrame({"t_s": [0.0, 1.0, 2.0], "in_service": [2.0, np.nan, 2.0]})
    assert series.provision(needed, ticks)["under"].tolist() == [0.0, 0.0]


def test_latency_counts_from_the_due_time_of_served_requests_only() -> None:
    frame = requests([(0.0, 0.1, "served"), (1.0, 1.3, "served"), (1.5, 9.0, "rejected"), (4.5, 4.6, "served")])
    latency = series.latency_per_bin(frame, np.array([0.0, 2.0, 4.0, 6.0]))
    assert latency["t_s"].tolist() == [1.0, 3.0, 5.0]
    assert latency["p50"].iloc[0] == pytest.approx(200.0)
    assert np.isnan(latency["p99"].iloc[1])
    assert latency["p95"].iloc[2] == pytest.approx(100.0)


def start(instance: str, total_ms: float | None, clone_ms: float | None = 40.0) -> dict[str, object]:
    stages = {"address_ms": 20.0, "application_ms": 200.0, "balancer_ms": 60.0}
    return {"t_s": 1.0, "instance": instance, "clone_ms": clone_ms, **stages, "total_ms": total_ms}


def test_stages_of_a_start_sum_to_the_time_until_the_first_answer() -> None:
    answers = pd.DataFrame({"t_s": [1.4], "instance": ["web-2"], "since_decision_ms": [371.0]})
    stages = series.scale_up_stages(pd.DataFrame([start("web-2", 330.0)]), answers)
    row = stages.drop(columns=["instance", "t_s"]).iloc[0]
    assert row["waiting"] == pytest.approx(10.0)
    assert row["first_answer"] == pytest.approx(41.0)
    assert row.sum() == pytest.approx(371.0)


def test_a_name_that_returns_is_a_start_of_its_own_and_a_promoted_standby_is_none() -> None:
    starts = pd.DataFrame([start("web-2", 330.0), start("web-2", 350.0), start("web-3", None, None)])
    starts["t_s"] = [0.5, 1.5, 1.8]
    answers = pd.DataFrame(
        {"t_s": [1.0, 2.0, 2.1], "instance": ["web-2"] * 2 + ["web-3"], "since_decision_ms": [340.0, 380.0, 20.0]}
    )
    stages = series.scale_up_stages(starts, answers)
    assert stages["first_answer"].tolist() == [10.0, 30.0]


def test_times_of_starts_count_from_when_the_load_is_on(source: Path) -> None:
    run = load_run(source)
    first_due_s = float(run.requests["due_s"].min())
    early = {"t_s": first_due_s + 0.1, "instance": "web-0", "since_decision_ms": 500.0}
    answers = pd.concat([run.first_answers, pd.DataFrame([early])], ignore_index=True)
    found = series.first_answers_ms(replace(run, first_answers=answers))
    assert sorted(found) == sorted(run.first_answers["since_decision_ms"])
    assert sorted(series.in_service_ms(run)) == sorted(run.starts["total_ms"])
