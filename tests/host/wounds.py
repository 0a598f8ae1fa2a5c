"""What can befall an instance or HAProxy, done to real ones."""

import contextlib
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import lxc

from controller.removal import monitor_pid
from controller.site import Site
from controller.usage import CGROUPS, control_file, set_frozen
from controller.zygote import application
from tests.host.testbed import PREFIX, run

PORT = 8000


def first_pid(instance: str) -> int:
    return int(lxc.Container(f"{PREFIX}-{instance}").init_pid)


def kill(instance: str) -> None:
    os.kill(application(first_pid(instance)), signal.SIGKILL)


def stop(instance: str) -> None:
    os.kill(application(first_pid(instance)), signal.SIGSTOP)


def freeze(instance: str) -> None:
    set_frozen(first_pid(instance), frozen=True)


def unplug(instance: str) -> None:
    """No packet reaches it."""
    told = run("lxc-info", "-n", f"{PREFIX}-{instance}").stdout
    link = re.search(r"^Link:\s+(\S+)", told, re.MULTILINE)
    assert link, told
    assert run("ip", "link", "set", link[1], "down").returncode == 0


def fill_memory(instance: str) -> None:
    """The control group's limit comes down to what is used, and then something wants more."""
    pid = application(first_pid(instance))
    limit = control_file(pid, "memory", "memory.limit_in_bytes", "memory.max")
    used = limit.with_name(limit.name.replace("limit", "usage").replace("max", "current"))
    limit.write_text(str(int(used.read_text()) + 2**20))
    eater = f"open('{limit.with_name('cgroup.procs')}', 'w').write('0'); kept = [bytearray(2**20) for _ in range(8)]"
    run("/usr/bin/python3", "-S", "-c", eater)


def occupy(instance: str, requests: int) -> list[socket.socket]:
    """So many requests at once, past HAProxy; nobody reads the answers."""
    site = Site()
    slot = site.slot(site.container(instance))
    assert slot is not None
    clients = [socket.create_connection((site.address(slot), PORT), timeout=5) for _ in range(requests)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return clients


def kill_under_lxc_that_hangs(instance: str) -> None:
    monitor, victim = monitor_pid(f"{PREFIX}-{instance}"), application(first_pid(instance))
    assert monitor is not None
    os.kill(monitor, signal.SIGSTOP)
    os.kill(victim, signal.SIGKILL)


def balancer() -> tuple[int, list[int]]:
    """The pids of HAProxy's master and of its workers."""
    master = int(Path("/run/tidebed/haproxy.pid").read_text())
    return master, [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def kill_master() -> None:
    os.kill(balancer()[0], signal.SIGKILL)


def kill_worker() -> None:
    os.kill(balancer()[1][0], signal.SIGKILL)


def kill_balancer() -> None:
    master, workers = balancer()
    for pid in (master, *workers):
        with contextlib.suppress(ProcessLookupError):  # each ends with the other
            os.kill(pid, signal.SIGKILL)


WOUNDS: dict[str, tuple[Callable[[str], None], str]] = {
    "dies": (kill, "its application ended"),
    "is stopped": (stop, "its process is stopped"),
    "is frozen": (freeze, "stopped answering: no answer for"),
    "is unplugged": (unplug, "its address does not react"),
    "fills its memory": (fill_memory, "ran out of memory"),
}


@contextlib.contextmanager
def few_processes(pid: int, more: int) -> Iterator[None]:
    """The process may have only so many children and threads more, in a control group of its own."""
    root = CGROUPS / "pids" if (CGROUPS / "pids").exists() else CGROUPS
    group, home = root / f"{PREFIX}-few", control_file(pid, "pids", "cgroup.procs", "cgroup.procs")
    group.mkdir()
    (group / "cgroup.procs").write_text(str(pid))
    (group / "pids.max").write_text(str(int((group / "pids.current").read_text()) + more))
    try:
        yield
    finally:
        (group / "pids.max").write_text("max")
        for each in (group / "cgroup.procs").read_text().split():
            home.write_text(each)
        group.rmdir()


@contextlib.contextmanager
def broken_template() -> Iterator[None]:
    """The application cannot be imported."""
    package = Path(f"/var/lib/lxc/{PREFIX}-template/rootfs/opt/webapp/webapp")
    away = package.rename(package.with_name("webapp.away"))
    try:
        yield
    finally:
        away.rename(package)
