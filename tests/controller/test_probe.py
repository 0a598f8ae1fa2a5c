"""One question to a real socket."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from controller.health import healthy
from controller.probe import Probe


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def asked(listener: socket.socket) -> Probe:
    return Probe("127.0.0.1", listener.getsockname()[1], "/healthz")


def settled(probe: Probe) -> int | None:
    deadline = time.monotonic() + 10
    while (status := probe.status()) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    probe.close()
    return status


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", 200), (b"HTTP/1.0 503 No\r\n\r\n", 503), (b"SSH-2.0\r\n", 0), (b"", 0)],
)
def test_answer_is_read(listener: socket.socket, answer: bytes, status: int) -> None:
    probe = asked(listener)
    with listener.accept()[0] as served:
        assert probe.status() is None
        assert served.recv(1000).startswith(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        served.sendall(answer)
    assert settled(probe) == status


def test_listener_that_never_answers_is_connected_and_silent(listener: socket.socket) -> None:
    probe = asked(listener)
    assert probe.status() is None
    assert probe.connected
    probe.close()


def test_refusal_is_no_status(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert settled(Probe("127.0.0.1", port, "/healthz")) == 0


def test_address_that_does_not_react_is_not_connected() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        select.select([full], [], [])  # its queue has no place any more: Linux drops what comes
        probe = asked(full)
        assert probe.status() is None
        assert not probe.connected
        probe.close()


def test_health_check_of_one_that_answers_without_end_comes_to_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as client, contextlib.suppress(OSError):
                while True:
                    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

        threading.Thread(target=answer).start()
        assert not healthy("127.0.0.1", listener.getsockname()[1], "/healthz")
