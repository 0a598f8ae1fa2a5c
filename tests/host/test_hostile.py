"""Hostile clients of a testbed: each is answered or cut off in time, others are served meanwhile, nothing stays."""

from __future__ import annotations

import contextlib
import csv
import io
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import settings

from controller.usage import control_file
from tests.host import wounds
from tests.host.testbed import ENTRY, STATS, URL, Testbed, run, until
from tests.webapp.attacks import ONE_REQUEST, REFUSED, TARGETS, attack, attack_all, crowd, get, put
from tests.webapp.description import check, schema

HOST, PORT = ENTRY.split(":")
ADDRESS = (HOST, int(PORT))
MIB = 2**20
FAIR_S = 30.0  # the longest that any other client may wait, on a machine that is busy with both ends of the attack


@contextlib.contextmanager
def fair_client() -> Iterator[list[float]]:
    """Somebody who goes on asking, on new connections; how long each answer took. Fails when one is no success."""
    ended, times_s, statuses = threading.Event(), list[float](), list[int]()

    def ask() -> None:
        while not ended.wait(0.05):
            started = time.monotonic()
            statuses.append(requests.put(URL + "/objs/fair", data=b"x" * 1000, timeout=2 * FAIR_S).status_code)
            times_s.append(time.monotonic() - started)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield times_s
    finally:
        ended.set()
        thread.join()
    assert set(statuses) <= {201, 204}
    assert len(statuses) > 3


def table() -> list[dict[str, str]]:
    """HAProxy's statistics."""
    text = requests.get(f"http://{STATS}/stats;csv", timeout=5).text
    return list(csv.DictReader(io.StringIO(text.removeprefix("# "))))


def entry() -> dict[str, str]:
    """The statistics of the entry point."""
    return next(row for row in table() if (row["pxname"], row["svname"]) == ("entry", "FRONTEND"))


def sessions() -> int:
    """The connections at the entry point."""
    return int(entry()["scur"])


def most_sessions() -> int:
    """As many as there ever were at once."""
    return int(entry()["smax"])


def haproxy_bytes() -> int:
    """The memory that HAProxy's workers and its master have in use, the largest of them."""
    master, workers = wounds.balancer()
    return max(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in (master, *workers))


def instance_bytes(testbed: Testbed) -> int:
    """The most memory that an instance ever had in use."""
    names = {event["instance"] for event in testbed.events("instance")}
    pids = [int(run("lxc-info", "-n", f"tidebed-{name}", "-p", "-H").stdout) for name in names]
    files = [control_file(pid, "memory", "memory.max_usage_in_bytes", "memory.peak") for pid in pids]
    return max(int(path.read_text()) for path in files)


def replaced(testbed: Testbed) -> list[str]:
    """Instances that the controller gave up."""
    return [event["instance"] for event in testbed.events("instance") if event["phase"] == "FAILED"]


def test_malformed_requests_are_refused_and_others_are_served(unlimited: Testbed) -> None:
    with fair_client() as times_s:
        refused = attack_all(ADDRESS, REFUSED)
        single = attack_all(ADDRESS, ONE_REQUEST | {str(target): get(target) for target in TARGETS})
    for name, outcome in refused.items():
        assert len(outcome.statuses) == 1 and 400 <= outcome.statuses[0] < 500, name
    for name, outcome in single.items():
        assert len(outcome.statuses) == 1 and outcome.statuses[0] < 500, name
        assert b"root:" not in outcome.data and b"\nset-cookie" not in outcome.data.lower(), name
    assert max(times_s) < FAIR_S
    assert replaced(unlimited) == []


def test_thousands_of_clients_that_are_slow_harm_no_other(unlimited: Testbed) -> None:
    requests.put(URL + "/objs/large", data=b"x" * 20 * MIB, timeout=20)
    body = put(b"Content-Length: 60000\r\n", b"x" * 1000)
    with contextlib.ExitStack() as stack:
        times_s = stack.enter_context(fair_client())
        idle = stack.enter_context(crowd(ADDRESS, 700))
        headers = stack.enter_context(crowd(ADDRESS, 700, b"GET / HTTP/1.1\r\nHost: x\r\n"))
        bodies = stack.enter_context(crowd(ADDRESS, 1400, body))
        readers = stack.enter_context(crowd(ADDRESS, 200, get(b"/objs/large")))
        until(lambda: most_sessions() > 2500)
        until(lambda: not dribble(headers, b"X: y\r\n") + dribble(bodies, b"x"), 40, "all are cut off")
        assert all(connection.recv(4096) for connection in idle)
        for connection in readers:  # they read nothing
            connection.close()
        until(lambda: sessions() < 20, 40, "connections are freed")
    assert max(times_s) < FAIR_S
    assert haproxy_bytes() < 300 * MIB
    assert instance_bytes(unlimited) < 190 * MIB
    assert replaced(unlimited) == []


def test_connections_that_are_all_taken_come_back(unlimited: Testbed) -> None:
    """By bodies that do not come: others wait no longer than for these, and the statistics stay within reach."""
    with crowd(ADDRESS, 4200, put(b"Content-Length: 5\r\n")) as connections:
        until(lambda: most_sessions() == 4000)
        started = time.monotonic()
        assert requests.get(URL + "/healthz", timeout=40).status_code == 200
        assert time.monotonic() - started < FAIR_S
        assert b'{"message": "request too slow' in connections[0].makefile("rb").read()
    until(lambda: sessions() < 20, what="connections are freed")
    assert replaced(unlimited) == []


def dribble(connections: list[socket.socket], piece: bytes) -> int:
    """Send each a little more; how many still take it."""
    for connection in list(connections):
        try:
            connection.sendall(piece)
        except OSError:
            connections.remove(connection)
    time.sleep(0.2)
    return len(connections)


@pytest.mark.usefixtures("unlimited")
def test_statistics_page_is_there_to_read_alone_and_on_loopback() -> None:
    server = next(row["svname"] for row in table() if row["svname"].startswith("web-"))
    order = {"s": server, "action": "maint", "b": "#1"}
    requests.post(f"http://{STATS}/stats", data=order, timeout=5, allow_redirects=False)
    assert next(row["status"] for row in table() if row["svname"] == server) == "UP"
    assert "<select name=action>" not in requests.get(f"http://{STATS}/stats", timeout=5).text
    listening = {line.split()[3] for line in run("ss", "-Hltn").stdout.splitlines()}
    ours = {name for name in listening if name.endswith((ENTRY.split(":")[1], STATS.split(":")[1]))}
    assert ours == {ENTRY, STATS}


@schema.parametrize()
@settings(derandomize=True, max_examples=2)
@pytest.mark.usefixtures("unlimited")
def test_testbed_does_what_the_description_says(case: schemathesis.Case[Any]) -> None:
    check(case, URL)


@pytest.mark.usefixtures("unlimited")
def test_http_2_is_not_spoken() -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
    outcome = attack(ADDRESS, preface)
    assert outcome.data.startswith(b"HTTP/1.") and outcome.closed
