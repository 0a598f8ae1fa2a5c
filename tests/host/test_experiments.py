"""Experiments on real containers: faults on purpose, users that wait, capacity."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import load
from experiments.capacity import measure
from experiments.journal import read_journal
from experiments.plan import planned
from tests.host.testbed import PYTHON, run

pytestmark = pytest.mark.usefixtures("nothing_left")


def made(results: Path, *arguments: str) -> dict[str, Any]:
    """Run one experiment in its short form; what run.json tells."""
    done = run(PYTHON, "-m", "experiments", "run", *arguments, "--quick", "--results", str(results), seconds=150)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = results.iterdir()
    told: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return told


def test_killed_instance_is_replaced_and_told(tmp_path: Path) -> None:
    told = made(tmp_path, "availability")
    (fault,) = told["faults"]
    found = load(tmp_path / told["run_id"])
    events = read_journal(tmp_path / told["run_id"] / "journal.jsonl")
    failed = [event for event in events if event.get("phase") == "FAILED"]
    assert [event["instance"] for event in failed] == [fault["target"]]
    assert 0 <= failed[0]["t_s"] - fault["t_s"] < 10
    assert found.ticks["in_service"].iloc[-1] == 2
    last = found.requests[found.requests["due_s"] > found.requests["due_s"].max() - 3]
    assert (last["outcome"] == "served").mean() > 0.5


def test_users_that_wait_share_a_fleet_that_grows(tmp_path: Path) -> None:
    told = made(tmp_path, "integral", "--arm", "many clients")
    found = load(tmp_path / told["run_id"])
    assert told["experiment"]["arm"] == "many clients"
    assert found.ticks["in_service"].max() > 1
    assert set(found.requests["kind"]) == {"integral"}


def test_capacity_of_an_instance_is_what_its_rate_limit_allows(tmp_path: Path) -> None:
    folder = measure("ramp", planned("ramp", quick=True)[0].scenario, tmp_path, quick=True)
    (level,) = json.loads((folder / "capacity.json").read_text())["levels"]
    assert level["instances"] == 1
    assert 5 < level["capacity_rps"] <= 10.5
    assert any(trial["rps"] > level["capacity_rps"] and not trial["holds"] for trial in level["trials"])
