import json
from pathlib import Path
from typing import Any

import pytest

from experiments.loading import load_run
from experiments.records import BrokenRun
from report.capacity import bracket_words, by_rate_limit, capacity_data, load_capacities, load_capacity
from report.study import studies_of
from tests.report.synthetic import write_experiment
from tests.report.test_report import build, needs_pdftotext, text_of


def level(instances: int, rps: float) -> dict[str, Any]:
    trials = [{"rps": rps, "holds": True}, {"rps": 1.1 * rps, "holds": False}]
    return {"instances": instances, "capacity_rps": rps, "trials": trials}


def write_capacity(results: Path, name: str, levels: Any, **service: Any) -> Path:
    """A made-up measurement of the capacity."""
    folder = results / name
    folder.mkdir(parents=True)
    slo = {"latency_ms": 500, "share": 0.99}
    told = {"service": {"rate_limit": 10, "overload": "reject", **service}, "slo": slo, "levels": levels}
    (folder / "capacity.json").write_text(json.dumps(told))
    return folder / "capacity.json"


def test_the_line_is_the_least_squares_fit(tmp_path: Path) -> None:
    capacity = load_capacity(write_capacity(tmp_path, "capacity-1", [level(1, 9.0), level(2, 19.0), level(4, 40.0)]))
    assert capacity.instances == (1, 2, 4)
    slope, intercept = capacity.fit()
    assert slope == pytest.approx(10.3571, abs=1e-4)
    assert intercept == pytest.approx(-1.5, abs=1e-4)
    assert capacity_data(capacity)["fit"] == "10.36 requests/s an instance − 1.50 requests/s"


def test_a_capacity_lies_between_what_held_and_what_did_not(tmp_path: Path) -> None:
    unlimited = {"instances": 2, "capacity_rps": 400.0, "trials": [{"rps": 400.0, "holds": True}]}
    capacity = load_capacity(write_capacity(tmp_path, "capacity-1", [level(1, 9.0), unlimited]))
    assert bracket_words(capacity) == "of 1 instance between 9.00 and 9.90 and of 2 instances at 400 or above"


def test_one_size_has_a_line_through_the_origin(tmp_path: Path) -> None:
    capacity = load_capacity(write_capacity(tmp_path, "capacity-1", [level(2, 19.0)]))
    assert capacity.fit() == (9.5, 0.0)


def test_experiments_whose_demand_is_by_the_rate_limit_are_named(tmp_path: Path, source: Path) -> None:
    folders = write_experiment(tmp_path, source, "x", {"": [{}, {}]}, order=1)
    folders += write_experiment(tmp_path, source, "y", {"a": [{}], "b": [{}]}, order=2)
    assert by_rate_limit(studies_of(tmp_path), []) == ""
    for folder, told in zip(folders, ("rate limit", "rate limit", "capacity-1", "rate limit"), strict=True):
        info = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**info, "capacity": {"source": told}}))
    assert by_rate_limit(studies_of(tmp_path), [load_run(folders[0])]) == (
        f"For “The x experiment”, b in “The y experiment” and run {folders[0].name} no capacity was measured: there "
        "the rate limit of an instance stands for it."
    )


def test_of_each_service_the_newest_measurement_counts(tmp_path: Path) -> None:
    write_capacity(tmp_path, "capacity-1", [level(1, 9.0)])
    write_capacity(tmp_path, "capacity-2", [level(1, 9.5)])
    write_capacity(tmp_path, "capacity-3", [level(1, 8.0)], overload="queue")
    found, notes = load_capacities(tmp_path)
    assert [capacity.name for capacity in found] == ["capacity-3", "capacity-2"]
    assert notes == []


@pytest.mark.parametrize(
    "levels",
    [
        [], [level(1, 0.0)], [level(2, 19.0), level(1, 9.0)], [{}], 7,
        [{"instances": 1, "capacity_rps": 2, "trials": 3}],
    ],
)  # fmt: skip
def test_a_broken_measurement_is_named(tmp_path: Path, levels: Any) -> None:
    file = write_capacity(tmp_path, "capacity-1", levels)
    with pytest.raises(BrokenRun, match=r"capacity-1/capacity\.json: "):
        load_capacity(file)
    found, (note,) = load_capacities(tmp_path)
    assert found == []
    assert note.startswith("capacity-1/capacity.json: ")


@needs_pdftotext
def test_the_method_tells_the_capacity_or_that_there_is_none(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    write_experiment(results, source, "x", {"": [{}]})
    assert "The capacity of instances was not measured." in text_of(build(results))
    write_capacity(results, "capacity-20261121-000000", [level(1, 9.9), level(2, 19.5), level(4, 39.0)])
    text = text_of(build(results))
    assert "6 trials put the capacity of 1 instance between 9.90 and 10.9, of 2 instances between 19.5 and 21.5" in text
    assert "no capacity was measured" not in text
    assert "99 % of the requests are served within 500 ms" in text
    assert "Capacity: the highest load that held" in text
    assert "was not measured" not in text
