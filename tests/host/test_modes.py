"""Standby instances, changes at run time and queueing, on real containers."""

import contextlib
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.usage import control_file
from tests.host.testbed import (
    URL,
    Policy,
    Testbed,
    answers,
    clean_host,
    command_lines,
    left_behind,
    policy,
    run,
    running,
    until,
)

pytestmark = pytest.mark.usefixtures("nothing_left")


def following(per_instance: float) -> Policy:
    """A policy that follows the offered rate, with changes at run time."""
    return policy(apply="runtime") | {"policy": {"target": {"rate_per_instance": per_instance}}}


def state(instance: str) -> str:
    """The freezer state of an instance, as its control group tells it."""
    pid = int(run("lxc-info", "-n", f"tidebed-{instance}", "-p", "-H").stdout)
    text = control_file(pid, "freezer", "freezer.state", "cgroup.freeze").read_text().strip()
    return {"1": "FROZEN", "0": "THAWED"}.get(text, text)


def cpu_weight(instance: str) -> int:
    """The weight of an instance's control group; the kernel's default is 1024 in version 1, 100 in version 2."""
    pid = int(run("lxc-info", "-n", f"tidebed-{instance}", "-p", "-H").stdout)
    return int(control_file(pid, "cpu", "cpu.shares", "cpu.weight").read_text())


def cpu_cores(instance: str) -> float:
    """The CPU cores that an instance's control group allows it."""
    pid = int(run("lxc-info", "-n", f"tidebed-{instance}", "-p", "-H").stdout)
    quota = control_file(pid, "cpu", "cpu.cfs_quota_us", "cpu.max")
    words = quota.read_text().split()
    period_us = words[1] if len(words) > 1 else quota.with_name("cpu.cfs_period_us").read_text()
    return int(words[0]) / int(period_us)


def offer(rate_rps: float, seconds: float) -> list[int]:
    """Ask evenly for so long; the statuses."""
    end, statuses = time.monotonic() + seconds, []
    with requests.Session() as session:
        while time.monotonic() < end:
            statuses.append(session.get(f"{URL}/integral/0/1?n_max=10", timeout=5).status_code)
            time.sleep(1 / rate_rps)
    return statuses


def within(testbed: Testbed, phase: str) -> list[str]:
    """The instances whose last journalled phase is this one."""
    last = {event["instance"]: event["phase"] for event in testbed.events("instance")}
    return [name for name, reached in last.items() if reached == phase]


def await_frozen_standby(testbed: Testbed) -> str:
    until(lambda: len(within(testbed, "STANDBY")) == 1, what="one on standby")
    (name,) = within(testbed, "STANDBY")
    until(lambda: state(name) == "FROZEN", 30, f"{name} is frozen")
    return name


def test_standby_is_frozen_until_it_is_promoted_and_the_pool_is_refilled(tmp_path: Path) -> None:
    document = following(5) | {"instances": {"min": 1, "max": 2, "standby": 1}}
    with running(tmp_path, document) as testbed:
        first = await_frozen_standby(testbed)
        config = Path(f"/run/tidebed/instances/{first}.conf").read_text()
        assert "lxc.cgroup.cpu.shares = 64" in config  # it booted with little CPU
        assert cpu_weight(first) in (1024, 100)  # and has as much as any other now
        assert set(offer(9, 3)) == {200}
        until(lambda: first in within(testbed, "IN_SERVICE"), what="the standby is promoted")
        assert state(first) == "THAWED"
        assert await_frozen_standby(testbed) != first
        assert not testbed.events("reload")


def test_frozen_standby_of_a_killed_controller_is_adopted_and_can_be_removed(tmp_path: Path) -> None:
    document = policy() | {"instances": {"min": 1, "max": 3, "standby": 1}}
    with running(tmp_path / "first", document) as first:
        name = await_frozen_standby(first)
        first.kill()
        with running(tmp_path / "second", document) as second:
            assert await_frozen_standby(second) == name
            second.kill()
    clean_host()
    assert left_behind() == []


def test_killed_controller_is_replaced_with_changes_at_run_time_too(tmp_path: Path) -> None:
    document = policy(minimum=2, apply="runtime")
    with running(tmp_path / "first", document, instances=2) as first:
        first.kill()
        until(lambda: answers(URL + "/healthz"))
        with running(tmp_path / "second", document, instances=2) as second:
            assert set(offer(30, 1)) == {200}
            assert not [event for event in second.events("instance") if event["phase"] == "BOOTING"]


def test_overload_is_queued_and_every_request_is_served_in_the_end(tmp_path: Path) -> None:
    """Thirty requests at once for an instance that takes ten a second: none is refused, the last ones wait."""
    document = policy(rate_limit=10, apply="runtime") | {"service": {"rate_limit": 10, "overload": "queue"}}
    statuses: list[int] = []
    with running(tmp_path, document) as testbed:
        threads = [
            threading.Thread(target=lambda: statuses.append(requests.get(URL + "/", timeout=9).status_code))
            for _ in range(30)
        ]
        for thread in threads:
            thread.start()
        until(lambda: any((tick["queue_requests"] or 0) > 5 for tick in testbed.events("tick")), 30, "a queue is seen")
        for thread in threads:
            thread.join()
    assert statuses == [200] * 30


@pytest.mark.parametrize("boot", ["exec", "zygote"])
def test_instance_gets_no_more_cpu_than_it_may_have(tmp_path: Path, boot: str) -> None:
    document = policy(boot=boot) | {"service": {"rate_limit": 0, "cpu_cores": 0.2}}
    with running(tmp_path, document) as testbed:
        name = next(e["instance"] for e in testbed.events("instance"))
        assert cpu_cores(name) == 0.2
        started = time.monotonic()
        while time.monotonic() < started + 3:
            assert requests.get(f"{URL}/integral/0/1?n_max=1000000", timeout=30).status_code == 200
        use = [tick["cpu_percent"] for tick in testbed.events("tick") if tick["cpu_percent"] is not None][-8:]
        assert 0 < sum(use) / len(use) < 30


@contextlib.contextmanager
def ticking(testbed: Testbed) -> Iterator[Testbed]:
    """One that need not have an instance; its HAProxy serves before it ticks."""
    testbed.start()
    try:
        until(lambda: len(testbed.events("tick")) > 2, what="the controller's first ticks")
        yield testbed
    finally:
        testbed.stop()


def zygote_is_loaded() -> bool:
    """The last thing that it does before it can fork is to ignore SIGCHLD."""
    for pid, words in command_lines():
        if "webapp.zygote" in words:
            with contextlib.suppress(OSError):
                ignored = re.findall(r"^SigIgn:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
                return bool(int(ignored[0], 16) >> signal.SIGCHLD - 1 & 1)
    return False


def test_request_waits_for_the_first_instance_and_not_for_ever_where_none_comes(tmp_path: Path) -> None:
    to_zero = {"kpa": {"metric": "rps", "initial_scale": 0}}
    document = policy(0, 2, 10, boot="zygote", apply="runtime") | {"policy": to_zero}
    with ticking(Testbed(tmp_path / "first", document)) as first:
        until(zygote_is_loaded)
        assert first.in_service() == 0
        assert requests.get(f"{URL}/integral/0/1?n_max=10", timeout=30).status_code == 200
    document = policy(0, 2, apply="runtime") | {"policy": {"static": {"wanted": 0}}}
    with ticking(Testbed(tmp_path / "second", document)) as second:
        started = time.monotonic()
        assert requests.get(f"{URL}/integral/0/1?n_max=10", timeout=30).status_code == 503
        assert time.monotonic() - started > 4
        assert any(tick["queue_requests"] == 1 for tick in second.events("tick"))
