"""A whole set of experiments: what is run, what is not run again, what is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import suite
from experiments.plan import PlannedRun, planned
from experiments.processes import RunError
from experiments.simulator.parameters import DEFAULT, load_parameters
from experiments.simulator.run import simulate
from experiments.suite import Suite


@pytest.fixture
def runs() -> list[PlannedRun]:
    """Simulated runs of one short scenario."""
    found = planned("oscillation", quick=True)
    return [PlannedRun(each.name, each.scenario.model_copy(update={"simulated": True}), each.facts) for each in found]


def make(runs: list[PlannedRun], results: Path) -> Suite:
    return Suite(runs, results, load_parameters(DEFAULT))


def folders(results: Path) -> list[str]:
    return sorted(path.name.split("-", 2)[2] for path in results.iterdir())


def test_runs_leave_folders_that_name_their_experiment(runs: list[PlannedRun], tmp_path: Path) -> None:
    assert make(runs, tmp_path).execute()
    assert folders(tmp_path) == ["oscillation-hysteresis", "oscillation-one-threshold"]
    told = [json.loads((path / "run.json").read_text())["experiment"] for path in sorted(tmp_path.iterdir())]
    assert {each["arm"] for each in told} == {"one threshold", "hysteresis"}
    assert all(each["arms"] == ["one threshold", "hysteresis"] and each["set"] == "quick" for each in told)


def test_what_is_there_is_not_run_again(
    runs: list[PlannedRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(runs[:1], tmp_path).execute()
    capsys.readouterr()
    make(runs, tmp_path).execute()
    assert len(folders(tmp_path)) == 2
    assert "1 of 2 runs are in" in capsys.readouterr().out


def test_runs_are_made_anew_where_that_is_wanted(runs: list[PlannedRun], tmp_path: Path) -> None:
    made: list[str] = []

    class Anew(Suite):
        def _make(self, planned: PlannedRun) -> bool:
            made.append(planned.label)
            return True

    make(runs[:1], tmp_path).execute()
    Anew(runs, tmp_path, load_parameters(DEFAULT), anew=True).execute()
    assert len(made) == 2


@pytest.mark.parametrize(("valid", "attempts"), [(True, 1), (False, suite.ATTEMPTS)])
def test_a_run_that_is_not_valid_is_tried_once_more(
    runs: list[PlannedRun], tmp_path: Path, valid: bool, attempts: int
) -> None:
    made: list[str] = []

    class Counting(Suite):
        def _make(self, planned: PlannedRun) -> bool:
            made.append(planned.label)
            return valid

    assert Counting(runs[:1], tmp_path, load_parameters(DEFAULT)).execute()
    assert len(made) == attempts


def test_a_run_that_fails_is_told_at_the_end_and_the_others_are_made(
    runs: list[PlannedRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = simulate

    def failing(name: str, scenario: Any, *others: Any) -> Any:
        if scenario == runs[0].scenario:
            raise RunError("no more")
        return real(name, scenario, *others)

    monkeypatch.setattr(suite, "simulate", failing)
    assert not make(runs, tmp_path).execute()
    assert folders(tmp_path) == ["oscillation-hysteresis"]
    assert capsys.readouterr().out.splitlines()[-1] == "failed: oscillation one threshold: no more"


@pytest.mark.parametrize("text", ["[]", "null", "", "{", '{"valid": "yes"}', "[" * 100_000])
def test_a_run_whose_summary_cannot_be_read_is_not_valid_and_is_made_again(
    runs: list[PlannedRun], tmp_path: Path, text: str
) -> None:
    make(runs[:1], tmp_path).execute()
    (folder,) = tmp_path.iterdir()
    (folder / "summary.json").write_text(text)
    assert not make(runs[:1], tmp_path)._is_done(runs[0])
