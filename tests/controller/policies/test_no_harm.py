"""Statistics that are absent, cut off, malformed or wrong: whatever the policy, the fleet never shrinks by them, and
the tick says why."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.actions import Action
from controller.config import PolicyFile
from controller.fleet import Fleet
from controller.loop import Loop
from controller.policies import POLICIES
from controller.reading import load
from controller.requestlog import Requests
from controller.sensor import HostSensor
from controller.statistics import LEAP, Statistics, parse_statistics
from tests.controller.build import data
from tests.controller.fleets import succeed
from tests.controller.policies.documented import example

SAMPLE = data("statistics.txt")
HEADER = next(line for line in SAMPLE.splitlines() if line.startswith("# pxname")).removeprefix("# ").split(",")
TICK_S = 0.25


def table(**cells: object) -> str:
    """The sample with other values of the front end."""
    lines = SAMPLE.splitlines()
    number = next(index for index, line in enumerate(lines) if line.startswith("entry,FRONTEND"))
    row = lines[number].split(",")
    for column, value in cells.items():
        row[HEADER.index(column)] = str(value)
    return "\n".join([*lines[:number], ",".join(row), *lines[number + 1 :], "", ""])


def cut(text: str, share: float) -> str:
    return text[: int(share * (len(text) - 2))]


HARM: dict[str, Callable[[int], str]] = {
    "empty": lambda _: "",
    "refused": lambda _: "Permission denied\n",
    "cut off": lambda total: cut(table(req_tot=total), 0.9),
    "cut off early": lambda total: cut(table(req_tot=total), 0.4),
    "no number": lambda _: table(req_tot="NaN"),
    "negative": lambda total: table(req_tot=-total - 1),
    "a fraction": lambda total: table(req_tot=f"{total}.5"),
    "huge": lambda _: table(req_tot="9" * 30),
    "a leap": lambda total: table(req_tot=total + 2 * LEAP),
    "a fall": lambda total: table(req_tot=max(0, total - 50)),
    "other columns": lambda total: table(req_tot=total).replace("scur,", "scar,", 1),
    "no row": lambda total: table(req_tot=total).replace("web,BACKEND", "web,BACKWARD", 1),
    "no server's name": lambda total: table(req_tot=total).replace("svname", "xsvname", 1),
}


class Host:
    """HAProxy as its answers are, clock, actuator and journal in one; all that is planned succeeds at once."""

    def __init__(self, file: PolicyFile) -> None:
        self.now_s, self.total, self.harm = 0.0, 100, ""
        self.ticks: list[dict[str, Any]] = []
        self.fleet = Fleet("web", 50, 4)
        sensor = HostSensor(self, Requests(lambda *_: None), lambda: self.now_s, dict, file.rate_window_s)
        self.sensor = sensor
        self.loop = Loop(self.fleet, file.make_judge("it"), sensor, self, self)

    def read(self) -> Statistics:
        if self.harm == "absent":
            raise TimeoutError("timed out")
        text = HARM[self.harm](self.total) if self.harm else table(req_tot=self.total)
        return parse_statistics(text, "entry", "web")

    def act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            succeed(self.fleet, action, self.now_s)

    def write(self, t_s: float, event: str, **fields: Any) -> None:
        if event == "tick":
            self.ticks.append({"t_s": t_s, **fields})

    def tick(self, requests: int = 0, harm: str = "") -> dict[str, Any]:
        self.now_s += TICK_S
        self.total += requests
        self.harm = harm
        self.loop.tick(self.now_s)
        return self.ticks[-1]


@pytest.fixture
def file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PolicyFile:
    return load(example(name, tmp_path, monkeypatch))


HARMS = st.sampled_from(["", "", *HARM, "absent"])
STEPS = st.lists(st.tuples(st.integers(0, 30), HARMS, st.integers(1, 8)), min_size=1, max_size=12)


@pytest.mark.parametrize("name", POLICIES)
@given(steps=STEPS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_fleet_never_shrinks_by_statistics_that_are_not_true_and_it_is_told(
    file: PolicyFile, steps: list[tuple[int, str, int]]
) -> None:
    host = Host(file)
    host.tick()
    for requests, harm, times in steps:
        for _ in range(times):
            before = host.fleet.wanted
            tick = host.tick(requests, harm)
            if tick["missing"]:
                assert tick["wanted"] >= before
                assert tick["missing"] in tick["sentence"]
            assert tick["missing"] or harm in ("", "a leap", "a fall")


@pytest.mark.parametrize("harm", [*HARM, "absent"])
@pytest.mark.parametrize("name", ["target"])
def test_each_is_noticed_and_the_rates_are_right_again_after_a_window(file: PolicyFile, harm: str) -> None:
    host = Host(file)
    for _ in range(20):
        host.tick(10)
    assert host.tick(10, harm)["missing"].startswith("no statistics from HAProxy (")
    window_ticks = int(file.rate_window_s / TICK_S)
    after = [host.tick(10) for _ in range(window_ticks + 3)]
    assert all(tick["missing"] for tick in after[:window_ticks])
    assert after[-1]["missing"] == ""
    assert after[-1]["offered_rps"] == pytest.approx(10 / TICK_S)


@pytest.mark.parametrize("name", ["target"])
def test_fleet_that_another_controller_left_does_not_shrink_before_its_load_is_known(file: PolicyFile) -> None:
    host = Host(file)
    host.fleet.wanted = 5
    host.sensor.take_over()
    window_ticks = int(file.rate_window_s / TICK_S)
    first = [host.tick() for _ in range(window_ticks)]
    assert {tick["wanted"] for tick in first} == {5}
    assert all(tick["missing"].startswith("statistics from HAProxy are known for ") for tick in first)
    assert host.tick()["missing"] == ""


@pytest.mark.parametrize("name", ["target"])
def test_short_outage_does_not_look_like_an_idle_service(file: PolicyFile) -> None:
    host = Host(file)
    for _ in range(40):
        host.tick(10)
    wanted = host.fleet.wanted
    for _ in range(8):
        host.tick(0, "absent")
    assert [host.tick(10)["wanted"] for _ in range(20)] == [wanted] * 20
