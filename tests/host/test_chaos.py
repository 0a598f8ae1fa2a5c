"""Faults of every kind on real containers, and starts and stops until a leak would show: the short forms."""

import json
from pathlib import Path

import pytest

from experiments.faults.kinds import KINDS
from tests.host.testbed import PYTHON, run

pytestmark = pytest.mark.usefixtures("nothing_left")

# A test does not touch the clock of whoever runs it; `make chaos` does.
TESTED = [kind for kind in KINDS if kind != "clock-jump"]


def test_what_is_promised_is_kept_when_everything_breaks_once_at_least(tmp_path: Path) -> None:
    done = run(PYTHON, "-m", "experiments", "chaos", "--quick", "--faults", ",".join(TESTED), "--results",
               str(tmp_path), seconds=150)  # fmt: skip
    told = done.stdout + done.stderr
    (folder,) = tmp_path.iterdir()
    points = {point["name"]: point for point in json.loads((folder / "chaos.json").read_text())["points"]}
    for name in ("objects", "leftovers", "controller", "faults"):
        assert points[name]["held"], told
    faults = json.loads((folder / "run.json").read_text())["faults"]
    assert {each["kind"] for each in faults} == set(TESTED)
    assert all(each["right_s"] is not None for each in faults if each["target"] is not None), told


def test_nothing_leaks_in_thirty_starts_and_stops(tmp_path: Path) -> None:
    done = run(PYTHON, "-m", "experiments", "leaks", "--cycles", "30", "--results", str(tmp_path), seconds=150)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = tmp_path.iterdir()
    told = json.loads((folder / "leaks.json").read_text())
    assert told["stopped"] >= 30
    assert told["reloads"] >= 15
