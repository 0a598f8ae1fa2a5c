"""Objects are safe: under kills and changes of the fleet, on a full disk, and in the hands of HAProxy."""

import contextlib
import http.client
import os
import signal
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
import requests

from controller.actions import Member
from controller.haproxy import HAProxy
from controller.rundir import prepare_run_dir, remove_run_dir
from experiments.objects import check
from experiments.objects import run as run_clients
from tests.host.test_balancer import SITE
from tests.host.testbed import URL, policy, run, running, until


@pytest.mark.usefixtures("nothing_left")
def test_no_write_is_lost_or_torn_while_instances_are_killed_and_the_fleet_changes(tmp_path: Path) -> None:
    steps = [{"from_s": 1, "every_s": 4, "wanted": 6}, {"from_s": 3, "every_s": 4, "wanted": 3}]
    restless = policy(minimum=3, maximum=6, boot="zygote") | {"policy": {"scheduled": steps}}
    incoming = tmp_path / "objects" / ".incoming"
    with running(tmp_path / "bed", restless, instances=3) as testbed, ThreadPoolExecutor(1) as pool:
        (incoming / "left-by-a-killed-instance").touch()
        made = pool.submit(run_clients, URL, duration_s=7, rate_rps=150, seed=1)
        killed = kill_now_and_then(made.done, seed=1)
        history = made.result()
        until(lambda: list(incoming.iterdir()) == [], 60, "no temporary file outlasts the next start of an instance")
        reloads = len(testbed.events("reload"))
    verdict = check(history)
    assert verdict.holds, verdict.text()
    outcomes = Counter(each.outcome for each in history.operations)
    assert outcomes["done"] > 50 and len(killed) >= 2 and reloads >= 1, (outcomes, killed, reloads)


def kill_now_and_then(done: Callable[[], bool], seed: int) -> list[int]:
    """Kill an application, or its container's first process, at random times until `done()`; the pids."""
    random, killed = Random(seed), list[int]()
    while not done():
        time.sleep(random.uniform(0.5, 1.5))
        if pids := in_instances():
            killed.append(random.choice(pids))
            with contextlib.suppress(ProcessLookupError):
                os.kill(killed[-1], signal.SIGKILL)
    return killed


def in_instances() -> list[int]:
    """The processes in containers of ours."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found += [int(path.name)] if "/lxc.payload.tidebed-web-" in (path / "cgroup").read_text() else []
    return sorted(found)


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own that an instance can write; tmpfs, so all that is in it goes at the end."""
    folder.mkdir()
    mounted = run("mount", "-t", "tmpfs", "-o", f"{options},mode=777", "tmpfs", str(folder))
    assert mounted.returncode == 0, mounted.stderr
    try:
        yield folder
    finally:
        run("umount", "-l", str(folder))


def remount(folder: Path, options: str) -> None:
    assert run("mount", "-o", f"remount,{options}", str(folder)).returncode == 0


def put(name: str, body: bytes) -> int:
    return requests.put(f"{URL}/objs/{name}", data=body, timeout=10).status_code


def get(name: str) -> bytes:
    answer = requests.get(f"{URL}/objs/{name}", timeout=10)
    assert answer.status_code == 200
    return answer.content


def inodes(disk: Path) -> int:
    facts = os.statvfs(disk)
    return facts.f_files - facts.f_ffree


@pytest.mark.usefixtures("nothing_left")
def test_full_disk_answers_507_keeps_what_was_there_and_serves_again_when_there_is_room(tmp_path: Path) -> None:
    kept = {"small": b"s", "large": os.urandom(300_000)}
    with small_disk(tmp_path / "objects", "size=2m,nr_inodes=100") as disk, running(tmp_path / "bed", policy()):
        assert [put(*each) for each in kept.items()] == [201, 201]
        statuses = [put(f"filler-{number}", bytes(400_000)) for number in range(8)]
        assert set(statuses) == {201, 507}

        def nothing_is_lost() -> None:
            assert {name: get(name) for name in kept} == kept
            assert list((disk / ".incoming").iterdir()) == []

        answer = requests.put(f"{URL}/objs/large", data=bytes(450_000), timeout=10)
        assert (answer.status_code, "full" in answer.json()["message"]) == (507, True)
        assert put("large", bytes(3 * 2**20)) == 507  # too large for memory: it waits on the same disk
        nothing_is_lost()
        assert requests.get(URL + "/healthz", timeout=5).status_code == 200
        assert requests.delete(f"{URL}/objs/filler-0", timeout=5).status_code == 204
        assert put("large", kept["large"][::-1]) == 204
        assert get("large") == kept["large"][::-1]
        assert put("large", kept["large"]) == 204

        until(lambda: inodes(disk) == 1 + sum(1 for _ in disk.rglob("*")), what="no deleted file is open any more")
        remount(disk, f"size=8m,nr_inodes={inodes(disk)}")
        assert [put("small", b"other"), put("new", b"")] == [507, 507]
        nothing_is_lost()
        remount(disk, "size=8m,nr_inodes=100")
        assert [put("small", b"other"), put("new", b"")] == [204, 201]
        assert get("small") == b"other"


class Deaf(socketserver.ThreadingTCPServer):
    """Is healthy, and closes the connection of any other request without an answer."""

    allow_reuse_address = True
    heard: list[bytes]


class DeafHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Deaf)
        request = self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        if b"/healthz" in request:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            self.server.heard.append(request)


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    """HAProxy before one server that is deaf, and one address where nobody listens."""
    prepare_run_dir(SITE)
    balancer = HAProxy(SITE)
    with Deaf((str(SITE.address(1)), SITE.port), DeafHandler) as server:
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            balancer.apply([Member("web-1", 1), Member("web-2", 2)])
            yield server
        finally:
            server.shutdown()
            balancer.stop(grace_s=0.5)
            remove_run_dir(SITE)


def test_haproxy_sends_a_write_again_only_if_nobody_had_it(deaf: Deaf) -> None:
    """One that is sent twice could undo a newer one."""
    statuses = []
    for number in range(6):
        connection = http.client.HTTPConnection(SITE.entry, timeout=10)
        connection.request("DELETE" if number % 2 else "PUT", f"/objs/{number}", b"x")
        statuses.append(connection.getresponse().status)
        connection.close()
    assert statuses == [502] * 6
    assert [request.split()[1] for request in deaf.heard] == [f"/objs/{number}".encode() for number in range(6)]
