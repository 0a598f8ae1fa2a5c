"""The client that sends each request once."""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from geventhttpclient.url import URL

from loadgen.strict_client import StrictClientPool, error_text

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def script(*connections: int) -> Iterator[tuple[URL, list[bytes]]]:
    """A server that, for each connection in turn, answers so many requests and hangs up on the next.

    Gives its URL and the requests it reads.
    """
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)

    def serve() -> None:
        for answers in connections:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                for number in range(answers + 1):
                    seen.append(connection.recv(4096))
                    if number < answers:
                        connection.sendall(ANSWER)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield URL(f"http://127.0.0.1:{listener.getsockname()[1]}/"), seen
    finally:
        thread.join()
        listener.close()


def test_a_request_that_is_hung_up_on_is_sent_once() -> None:
    pool = StrictClientPool(1000, 5)
    with script(0) as (url, seen):
        with pytest.raises(HTTPConnectionClosed) as caught:
            pool.get_client(url).request("GET", "/")
        assert not pool.is_reused()
        assert error_text(caught.value, pool.is_reused()) == "connection closed before a response (new)"
    assert len(seen) == 1


def test_a_reused_connection_that_is_closed_unanswered_is_told_apart() -> None:
    pool = StrictClientPool(1000, 5)
    with script(1) as (url, seen):
        assert pool.get_client(url).request("GET", "/").status_code == 200
        with pytest.raises(HTTPConnectionClosed) as caught:
            pool.get_client(url).request("GET", "/")
        assert "reused" in error_text(caught.value, pool.is_reused())
    assert len(seen) == 2


def test_failures_do_not_use_up_the_places_of_the_pool() -> None:
    pool = StrictClientPool(1, 5)
    with script(0, 0, 0) as (url, seen):
        for _ in range(3):
            with pytest.raises(HTTPConnectionClosed):
                pool.get_client(url).request("GET", "/")
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TimeoutError("timed out"), "timeout"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "connection reset"),
        (OSError(errno.EMFILE, "Too many open files"), f"Too many open files ({errno.EMFILE})"),
        (HTTPParseError("what"), "bad response: what"),
        (ValueError("what"), "ValueError: what"),
    ],
)
def test_errors_have_short_names(error: Exception, text: str) -> None:
    assert error_text(error, False) == text
