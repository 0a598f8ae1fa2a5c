"""`tune`: what a trial comes to, the folder of a search, and what cannot be done."""

import csv
import json
from pathlib import Path

import pytest

from controller.ports import ControllerError
from controller.reading import load as load_policy
from experiments import summary
from experiments.cli import main
from experiments.simulator.engine import Simulation
from experiments.simulator.run import MemoryJournal
from experiments.tuning import command
from experiments.tuning.space import document_of
from experiments.tuning.trials import Trials, cases_of, score
from tests.experiments.build import REJECT, default, policy

LOSSLESS = "experiments/policies/lossless.yaml"


@pytest.fixture(autouse=True)
def own_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's handlers are not for the process that runs the tests."""
    monkeypatch.setattr("signal.signal", lambda *_: None)


def test_a_case_comes_to_what_the_summary_of_the_same_run_says() -> None:
    made, cases = policy(service=REJECT, boot="exec"), cases_of(["ramp"], seed=3)
    assert [(case.load.arrivals, case.load.seed) for case in cases] == [("even", 3), ("poisson", 4)]
    outcomes = Trials(document_of(made), cases, default())({})
    assert outcomes is not None
    for case, outcome in zip(cases, outcomes, strict=True):
        journal = MemoryJournal()
        records = Simulation(made, case.load, default(), case.load.seed, journal).run(case.settle_s)
        figures = summary.summarise(journal.events, records, case.load.duration_s)
        assert outcome.not_served == figures["offered"] - figures["served"]
        assert outcome.instance_seconds == pytest.approx(figures["instance_seconds"], abs=0.1)
        assert outcome.oracle_instance_seconds == pytest.approx(figures["oracle_instance_seconds"], abs=0.1)
        assert outcome.latency_ms_p99 == pytest.approx(figures["latency_ms_p99"], abs=0.01)
    assert score(outcomes).not_served_share > 0


def test_values_that_do_not_go_together_are_no_trial() -> None:
    trials = Trials(document_of(policy()), cases_of(["ramp"], 1), default())
    assert trials({("instances", "min"): 30}) is None


def test_a_search_leaves_the_best_policy_and_all_its_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = tmp_path / "best.yaml"
    options = ["--trials", "4", "--free", "tick_s=0.2..0.5", "--no-confirm", "--output", str(best)]
    assert main(["tune", "ramp", "--policy", LOSSLESS, *options, "--results", str(tmp_path / "results")]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "tune.json", "given-lossless.yaml", "trials.csv", "front.csv", "policy.yaml",
    }  # fmt: skip
    assert best.read_text() == (folder / "policy.yaml").read_text()
    assert "# Made by: python -m experiments tune ramp --policy" in best.read_text()
    found, given = load_policy(best), load_policy(Path(LOSSLESS))
    assert 0.2 <= found.tick_s <= 0.5
    assert (found.service, found.apply, found.instances) == (given.service, given.apply, given.instances)
    told = json.loads((folder / "tune.json").read_text())
    assert told["status"] == "complete"
    assert told["best"]["not_served_share"] <= told["given"]["not_served_share"]
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert {"not_served_share", "cost_ratio", "policy.target.rate_per_instance", "tick_s"} < rows[0].keys()
    assert " *  " in capsys.readouterr().out  # the chosen one in the table of the front


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["nothing", "--policy", LOSSLESS], 2, "'nothing' is no scenario"),
        (["ramp", "--policy", "none.yaml"], 2, "--policy none.yaml: there is no such file"),
        (["ramp", "--policy", "LICENSE"], 1, "LICENSE: "),
        (["ramp", "--policy", LOSSLESS, "--free", "x"], 1, f"{LOSSLESS}: --free x: is none of"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(
    arguments: list[str], status: int, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", *arguments, "--no-confirm", "--results", str(tmp_path)]) == status
    printed = capsys.readouterr().err
    assert printed.startswith(f"experiments: {line}")
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_a_rate_limit_there_is_no_oracle_to_compare_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "free.yaml").write_text("service: {rate_limit: 0}\npolicy: {target: {rate_per_instance: 7}}\n")
    assert main(["tune", "ramp", "--policy", str(tmp_path / "free.yaml"), "--no-confirm"]) == 1
    assert "service.rate_limit is 0" in capsys.readouterr().err


def test_a_confirmation_needs_root_and_that_is_told_before_the_search(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise ControllerError("needs root")

    monkeypatch.setattr(command, "check_root", refuse)
    assert main(["tune", "ramp", "--policy", LOSSLESS, "--results", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "experiments: needs root; or leave the confirmation out by --no-confirm\n"
    assert not list(tmp_path.iterdir())
