from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.loading import load_run
from report.loads import MOST_STEPS, Offered, finding, loads_of, offered_of, steps_of
from report.study import studies_of
from tests.report.synthetic import INFO, copy_run, write_experiment
from tests.report.test_report import build, needs_pdftotext, text_of


def offered(*rps: float) -> Offered:
    return Offered("x", np.array(rps))


def test_difficulty_is_what_a_fleet_lacks_that_is_a_second_late() -> None:
    assert offered(5, 5, 5, 5).difficulty == 0
    assert offered(5, 15, 5, 5).difficulty == pytest.approx(10 / 30)
    assert offered(20, 15, 5).difficulty == 0
    assert offered(0, 10, 0, 10).difficulty == 1


@pytest.mark.parametrize("seconds", [1, MOST_STEPS, MOST_STEPS + 1, 10 * MOST_STEPS + 7, 10_000_000])
def test_of_a_long_load_each_drawn_step_is_the_mean_of_several_seconds(seconds: int) -> None:
    rps, width_s = steps_of(np.arange(seconds, dtype=np.float64))
    assert 0 < len(rps) <= MOST_STEPS
    assert seconds - width_s < len(rps) * width_s <= seconds
    assert rps[0] == pytest.approx((width_s - 1) / 2)


def test_requests_are_counted_by_the_second_from_the_first_one(source: Path) -> None:
    run = load_run(source)
    due_s = 100.25 + np.array([0.0, 0.5, 1.0, 1.2, 1.4, 2.1])
    object.__setattr__(run, "requests", pd.DataFrame({"due_s": due_s}))
    found = offered_of("x", run)
    assert found.rps.tolist() == [2, 3]  # the last second is cut off


def changed(**shape: Any) -> dict[str, Any]:
    return {"shape": {**INFO["shape"], **shape}}


def test_each_load_is_there_once_whatever_its_seed_the_easiest_first(tmp_path: Path, source: Path) -> None:
    write_experiment(tmp_path, source, "comparison", {"a/ramp": [{}], "b/ramp": [{}]})
    studies = studies_of(tmp_path)
    same = load_run(copy_run(tmp_path, source, "20261121-1-ramp", changed(seed=7), {}))
    other = load_run(copy_run(tmp_path, source, "20261121-2-ramp", changed(duration_s=90), {}))
    closed = load_run(copy_run(tmp_path, source, "20261121-3-ramp", changed(kind="closed"), {}))
    keep = other.requests["due_s"] < 60
    object.__setattr__(other, "requests", other.requests[keep | (other.requests.index % 2 == 0)])
    found = loads_of(studies, [same, other, closed])
    assert {each.name for each in found} == {"comparison, ramp", "ramp, single run"}
    assert [each.difficulty for each in found] == sorted(each.difficulty for each in found)


def test_the_finding_names_the_easiest_and_the_hardest() -> None:
    loads = [Offered("flat", np.array([5.0, 5.0])), Offered("step", np.array([5.0, 15.0, 5.0, 5.0]))]
    assert finding(loads) == "The easiest to follow is flat (0.0 %), the hardest step (33.3 %)."
    assert finding(loads[:1]) == "flat has a G of 0.0 %."


@needs_pdftotext
def test_the_report_shows_the_loads(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    write_experiment(results, source, "ramp", {"": [{}]})
    text = text_of(build(results))
    assert "The loads of this report, the easiest to follow first" in text
    assert "ramp has a G of" in text
