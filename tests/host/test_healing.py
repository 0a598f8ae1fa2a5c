"""What dies or hangs is soon out of service and replaced, and clients do not notice; it is told."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host import wounds
from tests.host.clients import Clients
from tests.host.story import SOON_S, healed, now_s, serving, since
from tests.host.testbed import ENTRY, PREFIX, URL, Testbed, answers, left_behind, policy, running, until

FAST: dict[str, Any] = {"boot": "zygote", "apply": "runtime"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    with running(tmp_path_factory.mktemp("healing"), policy(minimum=3, maximum=4, **FAST), instances=3) as testbed:
        yield testbed
    assert left_behind() == []


@pytest.mark.parametrize("wound", wounds.WOUNDS)
def test_instance_that_fails_is_soon_out_of_service_and_clients_hardly_notice(fleet: Testbed, wound: str) -> None:
    """Only an answer that has begun when the instance is killed cannot be had elsewhere."""
    hurt, words = wounds.WOUNDS[wound]
    name = serving(fleet)[0]
    with Clients() as clients:
        until(lambda: clients.answered > 20)
        begun_s = now_s(fleet)
        hurt(name)
        out_s, reason = healed(fleet, name, begun_s)
    assert words in reason
    assert out_s < SOON_S
    assert f"{name} failed: " in fleet.log.read_text()
    assert len(clients.bad) <= (1 if wound in ("dies", "fills its memory") else 0), clients.bad


@pytest.mark.parametrize("blow", [wounds.kill_master, wounds.kill_worker, wounds.kill_balancer])
def test_balancer_that_is_killed_serves_the_same_fleet_again(fleet: Testbed, blow: Callable[[], None]) -> None:
    before, processes = serving(fleet), _processes()
    begun_s = now_s(fleet)
    blow()
    until(lambda: not processes & _processes() and answers(f"{URL}/healthz"), 20, "another HAProxy serves")
    until(lambda: since(fleet, begun_s, "apply", how="start"), 20, "the journal tells it")
    assert serving(fleet) == before
    assert "the balancer was started again, with 3 members" in fleet.log.read_text()


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
    assert out_s < SOON_S
    assert f"the monitor of {PREFIX}-{name} does not end: it is killed" in fleet.log.read_text()
    assert not Path(f"/var/lib/lxc/{PREFIX}-{name}").exists()
