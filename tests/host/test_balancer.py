"""The adapter of HAProxy against a real one, with the web application on loopback addresses instead of containers."""

import csv
import ipaddress
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.actions import Member
from controller.haproxy import HAProxy
from controller.haproxy_config import Waiting
from controller.haproxy_sockets import BalancerError
from controller.requestlog import RequestLog
from controller.rundir import prepare_run_dir, remove_run_dir
from controller.site import Site
from controller.statistics import Arrivals
from tests.host.testbed import PYTHON, ROOT, answers, until
from tests.webapp.attacks import CHUNKED, crowd, put

SITE = Site(
    prefix="tidebed-reload", entry="127.0.0.1:18081", stats="127.0.0.1:19998",
    subnet=ipaddress.IPv4Network("127.87.65.0/24"), port=18000,
)  # fmt: skip
ONE, TWO, THREE = (Member(f"web-{slot}", slot) for slot in (1, 2, 3))


@pytest.fixture
def balancer(tmp_path: Path) -> Iterator[HAProxy]:
    prepare_run_dir(SITE)
    made = HAProxy(SITE)
    servers = [_serve(SITE.address(slot), tmp_path) for slot in (1, 2, 3)]
    try:
        until(lambda: all(answers(f"http://{SITE.address(slot)}:{SITE.port}/healthz") for slot in (1, 2, 3)))
        yield made
    finally:
        made.stop(grace_s=0.5)
        for server in servers:
            server.terminate()
            server.wait()
        remove_run_dir(SITE)


def _serve(address: str, objects: Path) -> "subprocess.Popen[bytes]":
    settings = {"HOST": address, "PORT": str(SITE.port), "RATE_LIMIT_RPS": "0", "OBJECTS_DIR": str(objects)}
    return subprocess.Popen([PYTHON, "-m", "webapp"], cwd=ROOT, env=os.environ | settings)


@pytest.fixture
def log(balancer: HAProxy) -> Iterator[RequestLog]:  # noqa: ARG001 - it makes the folder
    made = RequestLog(SITE.run_dir / "log.sock", time.monotonic, lambda *_: None)
    made.open()
    yield made
    made.close()


def test_fifty_reloads_lose_no_request_and_no_count_of_a_strict_keep_alive_client(
    balancer: HAProxy, log: RequestLog, tmp_path: Path
) -> None:
    arrivals, arrived, rows = Arrivals(), list[int](), list[dict[str, str]]()

    def look() -> None:
        seen = balancer.read()
        arrived.append(arrivals.total(seen.worker_pid, seen.offered_total, log.finished()))

    def all_is_told() -> bool:
        look()
        return arrived[-1] == sum(log.finished().values())

    balancer._before_reload = look
    balancer.apply([ONE, TWO])
    reloads, deadline = 0, time.monotonic() + 90
    while reloads < 50 and time.monotonic() < deadline:
        requests_csv = tmp_path / f"requests-{reloads}.csv"
        reloads += _reload_under_load(balancer, requests_csv, 50 - reloads)
        with requests_csv.open() as file:
            rows += csv.DictReader(file)
    assert reloads >= 25
    lost = [row for row in rows if row["outcome"] != "served"]
    assert not lost, [(row["status"], row["error"], row["kind"]) for row in lost]
    until(all_is_told, what="the log tells of all that has arrived")
    assert arrived == sorted(arrived)
    assert arrived[-1] >= len(rows)


def _reload_under_load(balancer: HAProxy, requests_csv: Path, most: int) -> int:
    """Reload for as long as a short load lasts, but no more often than that; how often."""
    options = {"low": 100, "peak": 100, "duration": 10, "integral-share": 0, "requests-csv": requests_csv}
    command = [PYTHON, "-m", "locust", "-f", "loadgen/ramp.py", "--headless", "--host", f"http://{SITE.entry}"]
    command += [f"--{name}={value}" for name, value in options.items()]
    reloads = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as locust:
        until(lambda: requests_csv.exists() and requests_csv.stat().st_size > 1000)
        while locust.poll() is None and reloads < most:
            balancer.apply([ONE, TWO, THREE])
            time.sleep(0.2)
            balancer.drain("web-3")
            until(lambda: balancer.in_flight("web-3") == 0)
            balancer.apply([ONE, TWO])
            time.sleep(0.2)
            reloads += 2
        assert locust.wait(60) == 0
    return reloads


def test_drained_server_gets_no_request_from_any_worker(balancer: HAProxy) -> None:
    balancer.apply([ONE, TWO])
    session = requests.Session()
    session.get(f"http://{SITE.entry}/healthz", timeout=5)
    balancer.apply([ONE, TWO, THREE])  # the first worker lives on for the session's connection
    balancer.drain("web-1")
    before = _handled("web-1")
    for _ in range(6):
        assert session.get(f"http://{SITE.entry}/healthz", timeout=5).status_code == 200
        assert requests.get(f"http://{SITE.entry}/healthz", timeout=5).status_code == 200
    assert _handled("web-1") == before
    assert balancer.in_flight("web-1") == 0


def test_drain_outlasts_a_reload(balancer: HAProxy) -> None:
    balancer.apply([ONE, TWO])
    balancer.drain("web-1")
    balancer.apply([ONE, TWO, THREE])
    for _ in range(9):
        assert requests.get(f"http://{SITE.entry}/healthz", timeout=5).status_code == 200
    assert _handled("web-1") == 0


def test_refused_configuration_leaves_the_running_one_in_place_and_is_told(balancer: HAProxy) -> None:
    balancer.apply([ONE])
    config = SITE.run_dir / "haproxy.cfg"
    before, worker = config.read_text(), balancer.read().worker_pid
    with pytest.raises(BalancerError, match=r"refused to reload: .*unknown keyword"):
        balancer.apply([ONE, Member("web two", 2)])
    assert config.read_text() == before
    assert balancer.read().worker_pid == worker
    assert answers(f"http://{SITE.entry}/healthz")
    balancer.apply([ONE, TWO])
    assert set(balancer.read().servers) == {"web-1", "web-2"}


def test_absence_of_instances_is_told_in_json(balancer: HAProxy) -> None:
    balancer.apply([])
    answer = requests.get(f"http://{SITE.entry}/", timeout=10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "no instance" in answer.json()["message"]


def test_small_bodies_that_do_not_come_take_no_turn_from_others(tmp_path: Path) -> None:
    """The instance takes four requests at once, and forty clients owe it their bodies."""
    prepare_run_dir(SITE)
    balancer = HAProxy(SITE, waiting=Waiting(held_requests=4))
    address, server = ("127.0.0.1", int(SITE.entry.split(":")[1])), _serve(SITE.address(1), tmp_path)
    try:
        until(lambda: answers(f"http://{SITE.address(1)}:{SITE.port}/healthz"))
        balancer.apply([ONE])
        with crowd(address, 20, put(b"Content-Length: 5\r\n")), crowd(address, 20, CHUNKED):
            url = f"http://{SITE.entry}/objs/a"
            assert {requests.put(url, data=b"x" * 1000, timeout=5).status_code for _ in range(20)} <= {201, 204}
    finally:
        balancer.stop(grace_s=0.5)
        server.terminate()
        server.wait()
        remove_run_dir(SITE)


def test_same_members_need_no_reload(balancer: HAProxy) -> None:
    balancer.apply([ONE, TWO])
    worker = balancer.read().worker_pid
    balancer.apply([ONE, TWO])
    assert balancer.read().worker_pid == worker


def _handled(server: str) -> int:
    table = requests.get(f"http://{SITE.stats}/stats;csv", timeout=5).text.lstrip("# ")
    return next(int(row["stot"]) for row in csv.DictReader(table.splitlines()) if row["svname"] == server)
