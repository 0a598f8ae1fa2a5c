"""What dies or hangs is out of service within a second and replaced, and clients do not notice; it is told."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.host import wounds
from tests.host.clients import Clients
from tests.host.testbed import ENTRY, PREFIX, URL, Testbed, answers, policy, running, until

MARGIN_S = 1.0  # for a machine that does much else: the promise is one second
FAST: dict[str, Any] = {"boot": "zygote", "apply": "runtime"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    with running(tmp_path_factory.mktemp("healing"), policy(minimum=3, maximum=4, **FAST), instances=3) as testbed:
        yield testbed


def now_s(testbed: Testbed) -> float:
    """On the journal's axis."""
    return time.monotonic() - float(testbed.events("start")[0]["monotonic_s"])


def serving(testbed: Testbed) -> list[str]:
    phases = {event["instance"]: event["phase"] for event in testbed.events("instance")}
    return sorted(name for name, phase in phases.items() if phase == "IN_SERVICE")


def since(testbed: Testbed, begun_s: float, *kinds: str, **fields: Any) -> list[dict[str, Any]]:
    """The events of these kinds from then on that have these fields."""
    wanted = fields.items()
    return [event for event in testbed.events() if event["t_s"] >= begun_s and event["event"] in kinds and
            all(event.get(name) == value for name, value in wanted)]  # fmt: skip


def healed(testbed: Testbed, name: str, begun_s: float, within_s: float = 15.0) -> tuple[float, str]:
    """Wait until another instance serves in its place and it is gone; the seconds until it was out of service, and why
    it was taken out."""
    until(lambda: since(testbed, begun_s, "instance", instance=name, phase="FAILED"), within_s, f"{name} has failed")
    failure = since(testbed, begun_s, "instance", instance=name, phase="FAILED")[0]
    until(lambda: since(testbed, failure["t_s"], "instance", instance=name, phase="GONE"), within_s, f"{name} is gone")
    until(lambda: len(serving(testbed)) == 3, within_s, "another one serves")
    out = since(testbed, failure["t_s"], "apply", "reload")[0]
    return out["t_s"] - begun_s, failure["reason"]


@pytest.mark.parametrize("wound", wounds.WOUNDS)
def test_instance_that_fails_is_out_of_service_within_a_second_and_no_request_is_lost(
    fleet: Testbed, wound: str
) -> None:
    hurt, words = wounds.WOUNDS[wound]
    name = serving(fleet)[0]
    with Clients() as clients:
        until(lambda: clients.answered > 20)
        begun_s = now_s(fleet)
        hurt(name)
        out_s, reason = healed(fleet, name, begun_s)
    assert words in reason
    assert out_s < 1 + MARGIN_S
    assert f"{name} failed: " in fleet.log.read_text()
    assert clients.bad == []


@pytest.mark.parametrize("blow", [wounds.kill_master, wounds.kill_worker, wounds.kill_balancer])
def test_balancer_that_is_killed_serves_the_same_fleet_again_within_a_second(
    fleet: Testbed, blow: Callable[[], None]
) -> None:
    before, processes = serving(fleet), _processes()
    begun_s = time.monotonic()
    blow()
    until(lambda: not processes & _processes() and answers(f"{URL}/healthz"), 5, "another HAProxy serves")
    assert time.monotonic() - begun_s < 1 + MARGIN_S
    assert serving(fleet) == before
    assert "the balancer has ended: it is started again" in fleet.log.read_text()


def _processes() -> set[int]:
    """HAProxy's, as far as they can be told now."""
    with contextlib.suppress(OSError, ValueError):
        master, workers = wounds.balancer()
        return {master, *workers}
    return set()


def _connects() -> bool:
    host, _, port = ENTRY.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=0.2).close()
    except OSError:
        return False
    return True


def test_port_that_another_took_is_told_and_taken_back(fleet: Testbed) -> None:
    begun_s = now_s(fleet)
    host, _, port = ENTRY.rpartition(":")
    os.kill(fleet.process.pid, signal.SIGSTOP)
    try:
        wounds.kill_balancer()
        until(lambda: not _connects(), 5, "HAProxy is gone")
        thief = socket.create_server((host, int(port)))
    finally:
        os.kill(fleet.process.pid, signal.SIGCONT)
    with thief:
        until(lambda: any("HAProxy did not start" in event["message"] for event in since(fleet, begun_s, "error")))
    until(lambda: answers(f"{URL}/healthz"), 10, "HAProxy is back")
    assert len(serving(fleet)) == 3


def test_balancer_that_hangs_lets_nothing_shrink_and_is_replaced(fleet: Testbed) -> None:
    begun_s = now_s(fleet)
    os.kill(wounds.balancer()[1][0], signal.SIGSTOP)
    until(lambda: answers(f"{URL}/healthz"), 20, "another HAProxy serves")
    ticks = since(fleet, begun_s, "tick")
    assert {tick["wanted"] for tick in ticks} == {3}
    assert any("no statistics from HAProxy" in tick["sentence"] for tick in ticks)
    until(lambda: not fleet.events("tick")[-1]["missing"], 10, "statistics are back")


def test_lxc_that_hangs_does_not_keep_an_instance(fleet: Testbed) -> None:
    name = serving(fleet)[0]
    begun_s = now_s(fleet)
    wounds.kill_under_lxc_that_hangs(name)
    out_s, _ = healed(fleet, name, begun_s)
    assert out_s < 1 + MARGIN_S
    assert f"{PREFIX}-{name}: lxc-stop did not end within" in fleet.log.read_text()
    assert not Path(f"/var/lib/lxc/{PREFIX}-{name}").exists()


def test_all_threads_that_wait_are_a_hang(tmp_path: Path) -> None:
    document = policy(minimum=3, maximum=4, service={"rate_limit": 5, "overload": "queue"}, **FAST)
    with running(tmp_path, document, instances=3) as testbed:
        name, begun_s = serving(testbed)[0], now_s(testbed)
        clients = wounds.occupy(name, 40)
        out_s, reason = healed(testbed, name, begun_s)
        for client in clients:
            client.close()
        assert "its threads wait" in reason
        assert out_s < 1 + MARGIN_S


def test_busy_instances_are_left_alone(tmp_path: Path) -> None:
    """Two that may use a tenth of a core answer nothing for seconds, because they compute."""
    document = policy(minimum=2, maximum=2, service={"rate_limit": 0, "cpu_cores": 0.1}, **FAST)
    with running(tmp_path, document, instances=2) as testbed:
        with Clients("/integral/0/1?n_max=1000000", number=8) as clients:
            until(lambda: clients.slowest_s > 3, 60, "an answer that took seconds")
        assert not [event for event in testbed.events("instance") if event["phase"] == "FAILED"]
        assert requests.get(f"{URL}/healthz", timeout=10).status_code == 200
