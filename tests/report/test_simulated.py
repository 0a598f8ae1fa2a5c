import json
from pathlib import Path

from report.simulated import is_within, twin_rows, twins_of, worst_cost
from report.study import studies_of
from tests.report.synthetic import write_experiment
from tests.report.test_report import build, needs_pdftotext, text_of


def write_comparison(folder: Path, simulated_s: float, within: bool = True) -> None:
    """What experiments.simulator.compare leaves in a run's folder."""
    rows = [
        {"name": "instance seconds", "real": 1000.0, "simulated": simulated_s, "within": within},
        {"name": "not served share", "real": 0.01, "simulated": 0.02, "within": True},
        {"name": "latency ms p95", "real": 5.0, "simulated": None, "within": None},
        {"name": "mean difference of the instances in service", "real": 0.0, "simulated": 0.25, "within": None},
    ]
    told = {"seed": 1, "parameters": {"all": "made up"}, "rows": rows, "in_service": [[0.0, 1], [40.0, 5], [120.0, 1]]}
    (folder / "simulated.json").write_text(json.dumps(told))


def test_the_first_compared_repeat_of_each_arm_counts(tmp_path: Path, source: Path) -> None:
    folders = write_experiment(tmp_path, source, "x", {"a": [{}, {}], "b": [{}]})
    write_comparison(folders[1], 1100.0)
    write_comparison(folders[2], 950.0, within=False)
    (folders[0] / "simulated.json").write_text("{")
    twins = twins_of(studies_of(tmp_path))
    assert [(twin.name, twin.run.run_id) for twin in twins] == [
        ("x, a", folders[1].name), ("x, b", folders[2].name)
    ]  # fmt: skip
    assert [is_within(twin) for twin in twins] == [True, False]
    assert worst_cost(twins) == "10.0 %"
    assert twin_rows(twins)[0] == [
        "x, a", "1,000", "1,100", "+10.0 %", "1.00 %", "2.00 %", "5.0", "–", "0.25", "yes"
    ]  # fmt: skip
    assert worst_cost([]) is None


@needs_pdftotext
def test_the_report_compares_the_simulator_with_reality_where_a_run_was_compared(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    folders = write_experiment(results, source, "x", {"": [{}]})
    assert "No run was compared with its simulation." in text_of(build(results))
    write_comparison(folders[0], 1100.0)
    text = text_of(build(results))
    assert "Simulator against reality" in text
    assert "The model’s figures come from made up." in text
    assert "Of 1 run 1 lies within the table’s bounds" in text
    assert "1 real run simulated again: 1 came out within the bounds" in text
    assert "x 1,000 1,100 +10.0 %" in text
