from pathlib import Path
from typing import Any

import pytest

from experiments.verdict import Verdict
from report import experiment
from report.study import Study, studies_of
from tests.report.synthetic import write_experiment
from tests.report.test_report import NASTY, build, needs_pdftotext, text_of

HELD: dict[str, Any] = {"figure": "not_served_share", "at_most": 0.1, "arm": None, "times": None}
HALF: dict[str, Any] = {"figure": "latency_ms_p95", "at_most": 0.5, "arm": "zygote", "times": "exec"}


def two_arms(results: Path, source: Path, **changes: Any) -> Study:
    """An experiment with two arms of three repeats each: zygote is slower than it should be."""
    slow = [{"not_served_share": 0.02, "latency_ms_p95": 30.0 + number} for number in range(3)]
    fast = [{"not_served_share": 0.01, "latency_ms_p95": 20.0 + number} for number in range(3)]
    write_experiment(results, source, "spawn", {"exec": slow, "zygote": fast}, **{"expect": [HELD, HALF], **changes})
    (study,) = studies_of(results)
    return study


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        (["held", "held"], "held"),
        (["held", "not told"], "not told"),
        (["not told", "did not hold", "held"], "did not hold"),
        ([], "not told"),
    ],
)
def test_a_hypothesis_holds_where_each_of_its_expectations_does(outcomes: list[Any], whole: str) -> None:
    assert experiment.outcome([Verdict(each, "") for each in outcomes]) == whole


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ([("held", False), ("held", False)], "What was expected held."),
        ([("held", False), ("held", True)], "What was expected held on average."),
        ([("did not hold", True), ("held", True)], "What was expected did not hold on average."),
        ([("did not hold", True), ("did not hold", False)], "What was expected did not hold."),
        ([("not told", False), ("held", True)], "The runs do not tell."),
        ([], ""),
    ],
)
def test_an_answer_says_where_the_means_alone_decide(verdicts: list[tuple[Any, bool]], told: str) -> None:
    assert experiment.answer([Verdict(outcome, "", open=is_open) for outcome, is_open in verdicts]) == told


def test_the_finding_begins_with_what_did_not_hold(tmp_path: Path, source: Path) -> None:
    study = two_arms(tmp_path, source)
    data = experiment.experiment_data(study)
    assert data["verdict"] == "What was expected did not hold."
    assert data["finding"].startswith("P95 latency 21")
    assert data["finding"].index("P95") < data["finding"].index("Not served 2")


def test_causes_are_told_by_arm_the_most_frequent_first(tmp_path: Path, source: Path) -> None:
    booting = [{"not_served_by_cause": {"too small": 2, "booting": 5, "other": 0}}]
    write_experiment(tmp_path, source, "x", {"a": booting, "b": [{"not_served_by_cause": {"other": 0}}]})
    (study,) = studies_of(tmp_path)
    assert experiment.causes(study) == "Requests not served by their cause, mean a run: a: booting 5, too small 2."


def test_the_set_up_says_once_what_all_arms_have_and_apart_what_differs() -> None:
    rows = {"a": {"load": ["ramp"], "fleet": ["1 to 9"]}, "b": {"load": ["ramp"]}, "c": {"load": ["ramp"]}}
    assert experiment.setup_lines("load", rows) == ["ramp"]
    assert experiment.setup_lines("fleet", rows) == ["a: 1 to 9", "b, c: –"]


def test_one_run_has_no_interval_and_nothing_is_bold(tmp_path: Path, source: Path) -> None:
    write_experiment(tmp_path, source, "x", {"a": [{"cost_ratio": 1.0}], "b": [{"cost_ratio": 2.0}]})
    (study,) = studies_of(tmp_path)
    data = experiment.experiment_data(study)
    assert data["table_caption"] == "Figures of 1 valid repeat a variant (n = 1): small differences may be chance."
    assert not any(cell["best"] for row in data["table"] for cell in row["cells"])


def test_runs_that_are_not_valid_are_told_and_enter_no_mean(tmp_path: Path, source: Path) -> None:
    figures = [{"cost_ratio": 1.0}, {"cost_ratio": 9.0, "valid": False}]
    write_experiment(tmp_path, source, "x", {"": figures})
    (study,) = studies_of(tmp_path)
    (notice,) = experiment.notices(study)
    assert notice["text"].startswith("The load generator did not keep its schedule in 1 of 2 runs;")
    assert [row["cells"][0]["text"] for row in experiment.experiment_data(study)["table"]
                     if row["name"] == "cost (× oracle)"] == ["1"]  # fmt: skip


@needs_pdftotext
def test_the_report_answers_each_hypothesis(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    two_arms(results, source, title="T " + NASTY, hypothesis="H " + NASTY)
    output = build(results)
    text = text_of(output)
    assert "Of 2 expectations written down before, 1 held; 0 of 1 experiment met all of theirs." in text
    assert "Did not hold: p95 latency 21 ± 2.48 ms with zygote" in text[: text.index("Findings at a glance")]
    assert f"H {NASTY}" in text
    assert "Finding. What was expected did not hold. P95 latency 21 ± 2.48 ms with zygote" in text
    assert "did not hold" in text[: text.index("Architecture")]
    assert "The variants side by side, the middle repeat of each" in text
    assert "exec: first answer" in text
    assert "exec zygote" in text
    assert (output.parent / "runs.csv").read_text().count(",spawn,") == 6
    assert "latency_ms_p95" in (output.parent / "means.csv").read_text()
    assert "Single runs" not in text


@needs_pdftotext
def test_a_fault_is_a_mark_and_a_simulated_experiment_is_called_so(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    faults = [{"t_s": 60.02, "kind": "kill-instance", "target": "web-2"}]
    write_experiment(results, source, "availability", {"": [{}]}, faults=faults, kind="simulated")
    text = text_of(build(results))
    assert "× web-2" in text
    assert "A dashed line × is a fault: kill instance" in text
    assert "Simulated. No container ran." in text
    assert "1 run, 1 of them simulated" in text


@needs_pdftotext
def test_an_experiment_whose_runs_cannot_be_drawn_still_has_its_numbers(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    for folder in write_experiment(results, source, "spawn", {"": [{"cost_ratio": 1.25}]}):
        (folder / "requests.csv").unlink()
    assert "cost (× oracle) 1.25" in text_of(build(results))


@needs_pdftotext
def test_an_experiment_without_a_valid_run_tells_nothing_but_is_there(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    write_experiment(results, source, "x", {"a": [{"valid": False}], "b": [{"valid": False}]}, expect=[HELD])
    text = text_of(build(results))
    assert "The runs do not tell." in text
    assert "2 runs without a valid load left out of every mean" in text
    assert "in 1 of 1 run of a, 1 of 1 run of b" in text
