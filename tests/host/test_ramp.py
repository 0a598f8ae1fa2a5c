"""The whole: a short ramp on real containers through real HAProxy by real Locust, and the report of it."""

import csv
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.host.testbed import PYTHON, ROOT, left_behind, run, until

SHORT = ("--low", "4", "--peak", "40", "--duration", "40")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of the ramp scenario with the default policy."""
    results = tmp_path_factory.mktemp("results")
    assert left_behind() == []
    done = run(PYTHON, "-m", "experiments", "run", "ramp", *SHORT, "--results", str(results), seconds=200)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = results.iterdir()
    return folder


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def test_nothing_is_left_behind(run_folder: Path) -> None:
    assert run_folder.exists()
    assert left_behind() == []


def test_fleet_grew_with_the_load_and_shrank_again(run_folder: Path) -> None:
    in_service = [event["in_service"] for event in events(run_folder, "tick")]
    assert max(in_service) >= 3
    assert in_service[-1] < max(in_service)
    last = events(run_folder, "decision")[-1]
    assert last["wanted"] < last["was"]


def test_every_request_is_accounted_for(run_folder: Path) -> None:
    summary = read(run_folder, "summary.json")
    with (run_folder / "requests.csv").open() as file:
        outcomes = [row["outcome"] for row in csv.DictReader(file)]
    assert summary["offered"] == len(outcomes) == 880
    assert summary["served"] == outcomes.count("served")
    assert summary["failed"] == summary["connection_errors"] == summary["dropped"] == 0


def test_no_request_failed_at_any_stop(run_folder: Path) -> None:
    """Every answer but 200, 201, 204 and the limiter's 429 would be one that a stop cut off."""
    stops = [event for event in events(run_folder, "instance") if event["phase"] == "STOPPING"]
    assert stops
    with (run_folder / "requests.csv").open() as file:
        assert {row["status"] for row in csv.DictReader(file)} <= {"200", "201", "204", "429"}


def test_journal_tells_where_the_time_of_a_scale_up_went(run_folder: Path) -> None:
    entered = [event for event in events(run_folder, "instance") if event["phase"] == "IN_SERVICE"]
    assert len(entered) >= 3
    for event in entered:
        parts = [event[f"{part}_ms"] for part in ("wait", "clone", "address", "application", "balancer")]
        assert all(part >= 0 for part in parts)
        assert abs(sum(parts) - event["total_ms"]) < 1
    assert len(events(run_folder, "first_answer")) >= 3


def test_run_says_what_was_run(run_folder: Path) -> None:
    told = read(run_folder, "run.json")
    assert (told["status"], told["kind"], told["scenario"]) == ("complete", "real", "ramp")
    assert told["shape"]["peak_rps"] == 40
    assert set(told["versions"]) >= {"lxc", "haproxy", "python", "locust", "flask", "commit"}


def test_report_is_made_of_it(run_folder: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    done = run(PYTHON, "-m", "report", "--results", str(run_folder.parent), "--output", str(pdf))
    assert done.returncode == 0, done.stderr
    assert pdf.read_bytes().startswith(b"%PDF")


def test_interrupted_run_cleans_up_and_says_so(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "experiments", "run", "ramp", *SHORT, "--results", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until(lambda: list(tmp_path.glob("*/requests.raw.csv")), 60, "the load has begun")
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "interrupted" in words
    (folder,) = tmp_path.iterdir()
    assert read(folder, "run.json")["status"] == "interrupted"
    assert left_behind() == []


def test_unknown_scenario_is_told_with_the_known_ones() -> None:
    done = run(PYTHON, "-m", "experiments", "run", "rmap")
    assert done.returncode == 2
    assert done.stderr.startswith("experiments: 'rmap' is no scenario; known are ramp, step, ")
