"""The live actuator: whatever becomes of an action, the loop hears of it. Containers and HAProxy are played."""

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from controller.actions import Action, Apply, Clone, Drain, Member, Return, Stop
from controller.containers import BootError, Containers
from controller.haproxy import HAProxy
from controller.haproxy_sockets import BalancerError
from controller.live import Host
from controller.model import Phase
from controller.ports import Applied, ApplyFailed, Booted, Drained, Event, Failed, Stopped


class Played:
    """Containers and HAProxy in one; `in_flight` gives one answer after another, errors are raised."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.answers: list[int | Exception] = [0]
        self.asked = 0
        self.thawed: list[str] = []
        self.slow_apply_s = 0.0
        self.done: list[str] = []

    def boot(self, *_: Any) -> dict[str, float]:
        return {"clone": 1.0, **self.refuse()}

    def apply(self, *_: Any) -> None:
        threading.Event().wait(self.slow_apply_s)
        self.refuse()

    def drain(self, *_: Any) -> None:
        self.done.append("drain")
        self.refuse()

    def undrain(self, *_: Any) -> None:
        self.done.append("undrain")
        self.refuse()

    def thaw(self, name: str) -> None:
        self.thawed.append(name)

    def stop(self, *_: Any) -> None:
        self.refuse()

    def adopt(self, *_: Any) -> None:
        self.refuse()

    def refuse(self) -> dict[str, float]:
        if self.refusal:
            raise self.refusal
        return {}

    def in_flight(self, _: str) -> int:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    monkeypatch.setattr("time.sleep", lambda _: None)
    return Played()


@pytest.fixture
def host(played: Played) -> Iterator[Host]:
    made = Host(cast(Containers, played), cast(HAProxy, played), lambda _: None, threading.Event())
    yield made
    made.close()


def become(host: Host, action: Action) -> Event:
    host.act([action])
    event = host.events.get(timeout=5)
    assert event is not None
    return event


def test_each_action_becomes_its_event(host: Host) -> None:
    apply = Apply((Member("web-1", 1),))
    assert become(host, Clone("web-1", 1)) == Booted("web-1", {"clone": 1.0})
    assert become(host, Drain("web-1")) == Drained("web-1")
    applied, stopped = become(host, apply), become(host, Stop("web-1"))
    assert isinstance(applied, Applied)
    assert applied.action == apply
    assert isinstance(stopped, Stopped)
    assert stopped.name == "web-1"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(BootError("lxc-copy: no space"), "lxc-copy: no space"), (OSError(28, "No space"), "[Errno 28] No space"),
     (RuntimeError("odd"), "RuntimeError: odd"), (KeyError("x"), "KeyError: 'x'")],
)  # fmt: skip
def test_no_error_of_a_job_is_lost(host: Host, played: Played, error: Exception, reason: str) -> None:
    played.refusal = error
    assert become(host, Clone("web-1", 1)) == Failed("web-1", reason)
    assert become(host, Apply(())) == ApplyFailed(reason)


def test_adopted_instance_counts_as_booted_when_it_is_healthy(host: Host, played: Played) -> None:
    host.adopt("web-1", 1, Phase.BOOTING)
    assert host.events.get(timeout=5) == Booted("web-1")
    played.refusal = BootError("no healthy answer")
    host.adopt("web-2", 2, Phase.IN_SERVICE)
    assert host.events.get(timeout=5) == Failed("web-2", "no healthy answer")


def test_instance_that_an_earlier_controller_began_to_drain_is_drained(host: Host) -> None:
    host.adopt("web-1", 1, Phase.DRAINING)
    assert host.events.get(timeout=5) == Drained("web-1")


def test_instance_is_drained_when_nothing_is_in_flight_any_more(host: Host, played: Played) -> None:
    played.answers = [3, 2, 0]
    assert become(host, Drain("web-1")) == Drained("web-1")
    assert played.asked == 3


def test_drain_is_given_up_after_a_while_and_says_so(
    host: Host, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.live.DRAIN_S", 0.02)
    played.answers = [1]
    assert become(host, Drain("web-1")) == Drained("web-1", "still had requests in flight after 0.02 s of draining")


def test_closing_ends_a_drain_that_waits(played: Played) -> None:
    played.answers = [1]
    host = Host(cast(Containers, played), cast(HAProxy, played), lambda _: None, threading.Event())
    host.act([Drain("web-1")])
    while not played.asked:
        threading.Event().wait(0.001)
    host.close()
    assert isinstance(host.events.get_nowait(), Drained)


@pytest.mark.parametrize("error", [TimeoutError("timed out"), ValueError("cut off"), BalancerError("no answer")])
def test_statistics_that_fail_once_do_not_end_a_drain(host: Host, played: Played, error: Exception) -> None:
    played.answers = [3, error, 2, 0]
    assert become(host, Drain("web-1")) == Drained("web-1")
    assert played.asked == 4


def test_drain_that_fails_still_waits_for_what_is_in_flight(host: Host, played: Played) -> None:
    played.refusal, played.answers = BalancerError("HAProxy's master does not answer"), [3, 0]
    become(host, Drain("web-1"))
    assert played.asked == 2


def test_members_are_thawed_before_they_get_traffic(host: Host, played: Played) -> None:
    become(host, Apply((Member("web-1", 1), Member("web-2", 2))))
    assert played.thawed == ["web-1", "web-2"]


def settled(host: Host) -> list[Event | None]:
    """Wait until all that was ordered of the balancer is done; the events up to then."""
    host.act([Apply((Member("last", 9),))])
    events: list[Event | None] = []
    while not (events and isinstance(events[-1], Applied) and events[-1].action == Apply((Member("last", 9),))):
        events.append(host.events.get(timeout=5))
    return events[:-1]


def test_drain_that_was_called_back_reports_nothing(host: Host, played: Played) -> None:
    played.answers = [1]
    host.act([Drain("web-1"), Return("web-1")])
    assert settled(host) == []


@pytest.mark.parametrize("orders", [[Drain, Return], [Drain, Return, Drain]])
def test_drains_and_returns_reach_the_balancer_in_their_order(
    host: Host, played: Played, orders: list[type[Drain | Return]]
) -> None:
    """An apply that takes its time must not let them overtake each other."""
    played.slow_apply_s, played.answers = 0.1, [1]
    host.act([Apply(()), *(order("web-1") for order in orders)])
    settled(host)
    assert played.done[-1] == {Drain: "drain", Return: "undrain"}[orders[-1]]
