"""The real server as a process."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import quote

import pytest
from waitress.adjustments import Adjustments

from tests.webapp.helpers import temporary_files
from tests.webapp.instance import TIMEOUT_SECONDS, Instance, running_instance, start
from webapp.connection import StrictParser

MIB = 1024 * 1024
MAX_BYTES = 48 * MIB


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def instance(directory: Path) -> Iterator[Instance]:
    """One instance without rate limit for the tests that leave it as it was."""
    with running_instance(directory, MAX_OBJECT_BYTES=str(MAX_BYTES)) as running:
        yield running


def blocks(total_bytes: int) -> Iterator[bytes]:
    """A body in 64 KiB blocks that differ."""
    for number in range(total_bytes // 65536):
        yield number.to_bytes(4, "big") * 16384


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
def test_large_body_is_streamed_in_bounded_memory(instance: Instance, framing: str) -> None:
    size_bytes = 40 * MIB
    before_bytes = instance.peak_memory_bytes()
    headers = {"Content-Length": str(size_bytes)} if framing == "content-length" else {}
    assert instance.request("PUT", f"/objs/large-{framing}", blocks(size_bytes), headers).status == 201
    connection = instance.connection()
    connection.request("GET", f"/objs/large-{framing}")
    response = connection.getresponse()
    received = hashlib.sha256()
    while block := response.read(65536):
        received.update(block)
    connection.close()
    assert received.digest() == hashlib.sha256(b"".join(blocks(size_bytes))).digest()
    assert instance.peak_memory_bytes() - before_bytes < 8 * MIB


def test_body_of_exactly_the_limit_is_stored_in_both_framings(instance: Instance) -> None:
    for headers in ({"Content-Length": str(MAX_BYTES)}, {}):
        assert instance.request("PUT", "/objs/limit", blocks(MAX_BYTES), headers).status in (201, 204)


@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"])
def test_announced_body_over_the_limit_is_refused_before_it_is_sent(instance: Instance, expect: str) -> None:
    head = f"PUT /objs/over HTTP/1.1\r\nHost: x\r\n{expect}Content-Length: {MAX_BYTES + 1}\r\n\r\n"
    answer = instance.send(head.encode())
    assert answer.status == 413
    assert f"at most {MAX_BYTES} bytes" in answer.message
    assert instance.request("GET", "/objs/over").status == 404


def test_chunked_body_over_the_limit_is_refused(directory: Path) -> None:
    head = b"PUT /objs/over HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with running_instance(directory, MAX_OBJECT_BYTES="100") as small:
        answer = small.send(head + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n")
        assert answer.status == 413
        assert "at most 100 bytes" in answer.message
        assert small.send(head + b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n").status == 201


def test_body_that_ends_early_stores_nothing(instance: Instance, directory: Path) -> None:
    with socket.create_connection(("127.0.0.1", instance.port), TIMEOUT_SECONDS) as connection:
        connection.sendall(b"PUT /objs/short HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 600_000)
    assert instance.request("GET", "/objs/short").status == 404
    assert list((directory / ".incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET http://[bad/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"PUT /objs/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT /objs/a HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"PUT /objs/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"PUT /objs/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 431),
    ],
    ids=["line", "header", "url", "bytes", "negative", "huge", "chunk", "coding", "headers"],
)
def test_malformed_request_is_answered_in_json(instance: Instance, data: bytes, status: int) -> None:
    answer = instance.send(data)
    assert (answer.status, bool(answer.message)) == (status, True)


def test_strange_host_header_is_no_server_error(instance: Instance) -> None:
    for host in (b"", b"a b", b"\xff", b"[::1", b"x:y:z"):
        assert instance.send(b"GET /healthz HTTP/1.1\r\nHost: " + host + b"\r\n\r\n").status < 500


def test_get_that_expects_100_continue_is_answered(instance: Instance) -> None:
    assert instance.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n").status == 200


@pytest.mark.parametrize("object_id", ["/", "//a//", "../../x", ".", "\n", "\0", "?#%", "ü/日本", "a:b@c;d"])
def test_nasty_id_survives_the_way_through_the_server(instance: Instance, object_id: str) -> None:
    url = "/objs/" + quote(object_id, safe="/")
    content = object_id.encode()
    assert instance.request("PUT", url, content).status == 201
    assert instance.request("GET", url).body == content
    assert object_id in json.loads(instance.request("GET", "/").body)
    assert instance.request("DELETE", url).status == 204


def test_id_that_is_not_utf_8_is_400_in_the_server_too(instance: Instance) -> None:
    assert "UTF-8" in instance.request("PUT", "/objs/%FF", b"").message


def test_connection_serves_several_requests(instance: Instance) -> None:
    connection = instance.connection()
    for path, status in [("/healthz", 200), ("/objs/none", 404), ("/objs/%FF", 400), ("/healthz", 200)]:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert (response.status, response.will_close) == (status, False)
    connection.close()


def test_request_beyond_ten_in_one_second_is_429_with_retry_after(tmp_path: Path) -> None:
    with running_instance(tmp_path, RATE_LIMIT_RPS="10") as limited:
        begin_seconds = time.monotonic()
        answers = [limited.request("GET", "/") for _ in range(11)]
        health = limited.request("GET", "/healthz")
        if time.monotonic() - begin_seconds >= 1:
            pytest.skip("this machine was too slow to send eleven requests in one second")
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "10 requests per second" in answers[-1].message
    assert health.status == 200


def test_queueing_instance_lets_requests_beyond_ten_in_one_second_wait(tmp_path: Path) -> None:
    with running_instance(tmp_path, RATE_LIMIT_RPS="10", OVERLOAD="queue") as paced:
        begin_seconds = time.monotonic()
        answers = [paced.request("GET", "/") for _ in range(11)]
        assert time.monotonic() - begin_seconds >= 1
    assert [answer.status for answer in answers] == [200] * 11


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGPWR])
def test_signal_ends_an_idle_instance_with_status_0(tmp_path: Path, number: signal.Signals) -> None:
    with running_instance(tmp_path) as running:
        assert running.request("GET", "/healthz").status == 200
        running.process.send_signal(number)
        assert running.process.wait(TIMEOUT_SECONDS) == 0


def test_request_that_is_being_computed_is_answered_after_sigterm(tmp_path: Path) -> None:
    with running_instance(tmp_path) as running:
        connection, begin_ns = running.connection(), _used_ns(running)
        connection.request("GET", "/integral/0/1")
        _wait_until_cpu_is_used(running, begin_ns)
        running.process.send_signal(signal.SIGTERM)
        response = connection.getresponse()
        assert response.status == 200
        assert len(json.loads(response.read())["results"]) == 6
        connection.close()
        assert running.process.wait(TIMEOUT_SECONDS) == 0


def _used_ns(running: Instance) -> int:
    tasks = Path(f"/proc/{running.process.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())


def _wait_until_cpu_is_used(running: Instance, begin_ns: int) -> None:
    """Return when the instance has begun to compute, well before it is done."""
    deadline_seconds = time.monotonic() + TIMEOUT_SECONDS
    while _used_ns(running) - begin_ns < 10_000_000:
        assert time.monotonic() < deadline_seconds
        os.sched_yield()


def test_setting_that_is_not_legal_ends_the_start_with_status_2_and_one_line(tmp_path: Path) -> None:
    with start(tmp_path, RATE_LIMIT_RPS="many") as process:
        _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 2
    assert errors == "webapp: RATE_LIMIT_RPS='many' is not legal: an integer from 0 to 1000000 is\n"


def test_address_in_use_ends_the_start_with_status_1_and_one_line(instance: Instance, tmp_path: Path) -> None:
    with start(tmp_path, PORT=str(instance.port)) as process:
        _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 1
    assert errors.startswith("webapp: cannot listen on 127.0.0.1") and errors.count("\n") == 1


def test_instance_starts_without_its_directory_and_says_so(tmp_path: Path) -> None:
    with running_instance(tmp_path / "absent") as running:
        assert "not usable" in running.request("GET", "/healthz").message
        (tmp_path / "absent").mkdir()
        assert running.request("GET", "/healthz").status == 200


def test_body_that_does_not_fit_on_the_disk_is_507(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_buffer: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer.newfile", no_space)
    parser = StrictParser(Adjustments(host="127.0.0.1", port=0))
    parser.received(b"PUT /objs/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n")
    parser.received(b"x" * MIB)
    assert not parser.completed
    parser.received(b"x" * MIB)
    assert (parser.completed, parser.error.code) == (True, 507)


@pytest.mark.parametrize("chunked", [False, True])
def test_client_whose_body_does_not_fit_may_finish_and_then_gets_its_answer(tmp_path: Path, chunked: bool) -> None:
    """To bytes that nobody reads the kernel would answer with a reset, and the answer might be lost."""
    head = b"PUT /objs/a HTTP/1.1\r\nHost: x\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: 4194304\r\n\r\n"
    block = b"x" * MIB
    piece, end = (b"100000\r\n" + block + b"\r\n", b"0\r\n\r\n") if chunked else (block, b"")
    with running_instance(tmp_path) as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (MIB, MIB))
        with socket.create_connection(("127.0.0.1", running.port), TIMEOUT_SECONDS) as client:
            client.sendall(head + 3 * piece)
            assert select.select([client], [], [], 0.3)[0] == []
            client.sendall(piece + end)
            response = HTTPResponse(client)
            response.begin()
            assert (response.status, response.read()) == (500, b'{"message": "cannot hold the body"}\n')
            assert client.recv(1) == b""
        assert temporary_files(tmp_path) == []


def test_body_that_cannot_be_written_is_answered_and_the_instance_lives_on(tmp_path: Path) -> None:
    with running_instance(tmp_path) as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (MIB, MIB))
        head = b"PUT /objs/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n"
        answer = running.send(head + b"x" * 2 * MIB)
        assert (answer.status, answer.message) == (500, "cannot hold the body")
        assert running.request("PUT", "/objs/a", b"x" * MIB).status == 201
