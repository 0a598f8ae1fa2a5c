"""Hostile clients of one instance, without the balancer that stands before it: all is bounded, others are served."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webapp.attacks import (
    CHUNKED,
    ONE_REQUEST,
    REFUSED,
    SMUGGLED,
    TARGETS,
    TIMEOUT_S,
    attack,
    attack_all,
    crowd,
    get,
    put,
)
from tests.webapp.instance import Instance, running_instance, with_bounds
from webapp.connection import CONNECTIONS

MIB = 1024 * 1024
FULL_HEAD = b"PUT /objs/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
FAIR_HEAD = b"PUT /objs/fair HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("parent") / "shared"
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def instance(directory: Path) -> Iterator[Instance]:
    with running_instance(directory) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(directory: Path) -> Iterator[Instance]:
    """An instance whose clients have half a second in place of ten."""
    with running_instance(directory, with_bounds(PATIENCE_S=0.5)) as running:
        yield running


def address(instance: Instance) -> tuple[str, int]:
    return "127.0.0.1", instance.port


def descriptors(instance: Instance) -> int:
    return len(list(Path(f"/proc/{instance.process.pid}/fd").iterdir()))


def await_descriptors(instance: Instance, most: int) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while (count := descriptors(instance)) > most:
        assert time.monotonic() < deadline, f"{count} descriptors are open, {most} were before"
        time.sleep(0.02)


def serves(instance: Instance) -> bool:
    """Whether another client is served."""
    return instance.request("PUT", "/objs/other", b"x").status in (201, 204)


def test_malformed_request_is_refused_once_and_ends_its_connection(instance: Instance) -> None:
    for name, outcome in attack_all(address(instance), REFUSED, TIMEOUT_S).items():
        assert len(outcome.statuses) == 1 and outcome.closed, name
        assert 400 <= outcome.statuses[0] < 500 or outcome.statuses[0] == 501, name
        assert b'{"message": ' in outcome.data, name


def test_request_that_means_to_be_two_is_one(instance: Instance) -> None:
    for name, outcome in attack_all(address(instance), ONE_REQUEST).items():
        assert len(outcome.statuses) == 1 and outcome.statuses[0] < 500, name


def test_strange_target_is_an_id_or_refused(instance: Instance, directory: Path) -> None:
    for target, outcome in attack_all(address(instance), {str(target): get(target) for target in TARGETS}).items():
        assert len(outcome.statuses) == 1 and outcome.statuses[0] < 500, target
        assert b"root:" not in outcome.data and b"\nSet-Cookie" not in outcome.data, target
    puts = {str(target): get(target, b"Content-Length: 1\r\n").replace(b"GET", b"PUT", 1) + b"x" for target in TARGETS}
    for target, outcome in attack_all(address(instance), puts).items():
        assert len(outcome.statuses) == 1 and outcome.statuses[0] < 500, target
    files = {path.parent for path in directory.parent.rglob("*") if path.is_file()}
    assert files == {directory / "objects"}


def test_pipelined_requests_cost_no_more_than_one(instance: Instance) -> None:
    outcome = attack(address(instance), SMUGGLED * 20_000, TIMEOUT_S)
    assert (outcome.statuses, outcome.closed) == ([404], True)


@pytest.mark.parametrize(
    ("head", "piece"),
    [(b"GET / HTTP/1.1\r\n", b"X: y\r\n"), (FULL_HEAD, b"x"), (CHUNKED, b"1\r\nx\r\n")],
    ids=["headers", "body", "chunks"],
)
def test_request_that_is_dribbled_is_408(impatient: Instance, head: bytes, piece: bytes) -> None:
    with socket.create_connection(address(impatient), TIMEOUT_S) as connection:
        connection.sendall(head)
        connection.settimeout(0.05)
        answer, deadline = b"", time.monotonic() + TIMEOUT_S
        while not answer:
            assert time.monotonic() < deadline
            connection.sendall(piece)
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(4096)
        connection.settimeout(TIMEOUT_S)
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(4096):
                answer += block
    assert answer.startswith(b"HTTP/1.") and b" 408 " in answer and b'{"message": "request too slow' in answer
    assert serves(impatient)


def test_jump_of_the_wall_clock_gives_slow_clients_no_time(directory: Path) -> None:
    jump = "import time; real = time.time; time.time = lambda: real() + (time.monotonic() < begun + 1) * 1e6; "
    program = "import time; begun = time.monotonic(); " + jump + with_bounds(PATIENCE_S=0.5)
    with running_instance(directory, program) as jumping:
        assert serves(jumping)
        time.sleep(1)
        seen = attack(address(jumping), b"GET / HTTP/1.1\r\n", TIMEOUT_S)
    assert (seen.statuses, seen.closed) == ([408], True)


def test_idle_connection_is_closed_in_the_end(directory: Path) -> None:
    with running_instance(directory, with_bounds(IDLE_S=0.5)) as instance, crowd(address(instance), 5) as connections:
        assert [connection.recv(1) for connection in connections] == [b""] * 5


def test_slow_but_fair_upload_is_stored(directory: Path) -> None:
    """Ten times the least rate, for four times the patience."""
    bounds = with_bounds(PATIENCE_S=0.5, LEAST_BYTES_PER_S=200)
    with running_instance(directory, bounds) as instance, crowd(address(instance), 1, FAIR_HEAD) as (connection,):
        for _ in range(20):
            connection.sendall(b"x" * 200)
            time.sleep(0.1)
        assert connection.recv(100).startswith((b"HTTP/1.1 201", b"HTTP/1.1 204"))


def test_answer_that_nobody_reads_is_dropped(directory: Path) -> None:
    with running_instance(directory, with_bounds(PATIENCE_S=1, LEAST_BYTES_PER_S=MIB)) as hasty:
        hasty.request("PUT", "/objs/large", b"x" * 20 * MIB)
        before = descriptors(hasty)
        with crowd(address(hasty), 20, get(b"/objs/large")) as connections:
            assert all(connection.recv(1) for connection in connections)
            assert serves(hasty)
            await_descriptors(hasty, before)


@pytest.mark.parametrize(
    "first_bytes", [b"", b"GET / HTTP/1.1\r\n", FULL_HEAD + b"x" * 150_000], ids=["idle", "headers", "bodies"]
)
def test_crowd_gives_way_and_its_memory_is_bounded(directory: Path, first_bytes: bytes) -> None:
    with running_instance(directory) as crowded:
        assert serves(crowded)
        before, before_bytes = descriptors(crowded), crowded.peak_memory_bytes()
        with crowd(address(crowded), CONNECTIONS + 150, first_bytes):
            started = time.monotonic()
            assert all(serves(crowded) for _ in range(20))
            assert time.monotonic() - started < 60
            assert descriptors(crowded) < before + 2 * (CONNECTIONS + 50)
        assert crowded.peak_memory_bytes() - before_bytes < 100 * MIB
        await_descriptors(crowded, before)


def test_one_of_a_crowd_is_told_why(instance: Instance) -> None:
    with crowd(address(instance), CONNECTIONS + 5, put(b"Content-Length: 5\r\n")) as connections:
        assert b"another client needs one" in connections[0].makefile("rb").read()
