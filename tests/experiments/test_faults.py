"""Faults on purpose: when, and what they hit."""

import json
import time
from pathlib import Path
from random import Random

import pytest

from experiments import faults
from experiments.faults import Faults, in_service
from experiments.scenario import Fault


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    events = [
        {"t_s": 0, "event": "start", "monotonic_s": time.monotonic() - 100},
        *({"t_s": 1, "event": "instance", "instance": name, "phase": phase} for name, phase in (
            ("web-1", "BOOTING"), ("web-1", "IN_SERVICE"), ("web-2", "IN_SERVICE"), ("web-2", "DRAINING"),
            ("web-3", "BOOTING"), ("web-4", "IN_SERVICE"))),
    ]  # fmt: skip
    path = tmp_path / "journal.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events) + '{"event": "instance", "instance": "web-')
    return path


def test_those_in_service_are_told_by_the_last_phase_of_each(journal: Path) -> None:
    assert in_service(journal) == ["web-1", "web-4"]


def test_faults_come_in_the_order_of_their_times_on_the_journals_axis(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(faults.KINDS, "kill-instance", lambda path, random: random.choice(in_service(path)))
    made = Faults([Fault(at_s=0.02, kind="kill-instance"), Fault(at_s=0, kind="kill-instance")], journal, 1)
    made.start()
    made._thread.join(10)
    assert [done["kind"] for done in made.done] == ["kill-instance"] * 2
    assert 100 <= made.done[0]["t_s"] <= made.done[1]["t_s"]
    random = Random("faults 1")
    assert [done["target"] for done in made.done] == [random.choice(["web-1", "web-4"]) for _ in range(2)]


def test_faults_that_are_yet_to_come_are_given_up_at_the_end(journal: Path) -> None:
    made = Faults([Fault(at_s=3600, kind="kill-instance")], journal, 1)
    made.start()
    made.stop()
    assert made.done == []
