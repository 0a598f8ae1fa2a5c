"""Faults on purpose: when, what they hit, and when all is right again."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

from controller.site import Site
from experiments.faults import kinds
from experiments.faults.fleet import Watch, bad_state, states_of
from experiments.faults.kinds import KINDS, NothingHitError, Scene
from experiments.faults.making import Faults
from experiments.scenario import INSTANT, Fault, LastingKind

CSV = """# pxname,svname,scur,status,
entry,FRONTEND,1,OPEN,
web,web-1,0,UP,
web,web-2,0,UP 1/2,
web,web-3,0,MAINT,
web,web-4,0,MAINT (resolution),
web,web-5,0,no check,
web,BACKEND,1,UP,
"""


class Ready(Watch):
    """A fleet that is right when it is asked for the second time."""

    def __init__(self, journal: Path) -> None:
        super().__init__(Site(), journal)
        self.asked = 0

    def trouble(self, since_s: float) -> str:
        self.tail.follow()
        self.asked += 1
        assert since_s <= time.monotonic()
        return "web-1 does not answer" if self.asked % 2 else ""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    path.write_text(json.dumps({"t_s": 0, "event": "start", "monotonic_s": time.monotonic() - 100}) + "\n")
    return path


@pytest.fixture
def begun() -> threading.Event:
    return threading.Event()


@pytest.fixture
def make(journal: Path, begun: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Faults]:
    """Faults whose kinds tell only when they were broken and mended."""

    @contextlib.contextmanager
    def harmless(_: Scene, random: Random) -> Iterator[str]:
        begun.set()
        yield f"web-{random.randrange(1000)}"

    @contextlib.contextmanager
    def hits_nothing(*_: Any) -> Iterator[str]:
        raise NothingHitError("no instance is in service")
        yield

    for kind in ("kill-instance", "pause-instance"):
        monkeypatch.setitem(kinds.KINDS, kind, harmless)
    monkeypatch.setitem(kinds.KINDS, "kill-worker", hits_nothing)
    scene: Any = None
    return lambda *faults: Faults([Fault.model_validate(each) for each in faults], scene, Ready(journal), 1)


def made(faults: Faults) -> list[dict[str, Any]]:
    faults.start()
    faults._thread.join(10)
    return faults.done


def test_faults_come_in_the_order_of_their_times_on_the_journals_axis(make: Callable[..., Faults]) -> None:
    first, second = made(make({"at_s": 0.02, "kind": "kill-instance"}, {"at_s": 0, "kind": "kill-instance"}))
    random = Random("faults 1")
    assert [each["target"] for each in (first, second)] == [f"web-{random.randrange(1000)}" for _ in range(2)]
    assert 100 <= first["t_s"] <= second["t_s"]
    assert first["end_s"] - first["t_s"] < 1


def test_a_fault_that_lasts_is_mended_and_then_the_fleet_is_waited_for(make: Callable[..., Faults]) -> None:
    (done,) = made(make({"at_s": 0, "kind": "pause-instance", "for_s": 0.1}))
    assert done["end_s"] - done["t_s"] > 0.09
    assert (0 < done["right_s"] < 5, done["trouble"]) == (True, "")


def test_a_fault_that_hits_nothing_says_why(make: Callable[..., Faults]) -> None:
    (done,) = made(make({"at_s": 0, "kind": "kill-worker"}))
    assert (done["target"], done["right_s"], done["trouble"]) == (None, None, "no instance is in service")


def test_faults_that_are_yet_to_come_are_given_up_at_the_end(make: Callable[..., Faults]) -> None:
    faults = make({"at_s": 3600, "kind": "kill-instance"})
    faults.start()
    faults.stop()
    assert faults.done == []


def test_a_fault_is_mended_when_the_run_is_cut_short(make: Callable[..., Faults], begun: threading.Event) -> None:
    faults = make({"at_s": 0, "kind": "pause-instance", "for_s": 10})
    faults.start()
    assert begun.wait(10)
    faults.stop()
    (done,) = faults.done
    assert done["end_s"] - done["t_s"] < 5


def test_every_kind_that_a_scenario_may_name_is_there() -> None:
    assert set(KINDS) == {*INSTANT, *get_args(LastingKind)}


def test_only_a_server_that_is_wholly_up_counts() -> None:
    states = states_of(CSV.splitlines(), "web")
    assert states == {"web-1": "UP", "web-2": "DOWN", "web-3": "MAINT", "web-4": "MAINT", "web-5": "DOWN"}
    assert bad_state(states, 1) == "HAProxy has web-2, web-5 down"
    assert bad_state({"web-1": "UP", "web-3": "MAINT"}, 2) == "HAProxy has 1 instances up of 2"
    assert bad_state({"web-1": "UP", "web-3": "MAINT"}, 1) == ""


def test_a_fleet_is_not_right_before_the_controller_has_looked_again(journal: Path) -> None:
    tick = {"t_s": 99.9, "event": "tick", "in_service": 1, "wanted": 2, "sentence": "grow to 2"}
    with journal.open("a") as file:
        file.write(json.dumps(tick) + "\n")
    watch = Watch(Site(), journal)
    assert watch.trouble(time.monotonic()) == "the controller has not ticked since"
    assert watch.trouble(time.monotonic() - 50) == "grow to 2"
