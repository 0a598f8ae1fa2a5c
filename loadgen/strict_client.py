"""A pool of HTTP connections that sends each request once and hides no failure.

geventhttpclient sends an idempotent request again, on its own, when the connection closes before a response: as often
as its pool has places, and one time more. With a pool for a thousand requests in flight, a server that hangs up
would see each request a thousand times, and a failure that a second try cures would never show.
"""

from __future__ import annotations

import errno
from typing import Any
from weakref import WeakSet

import gevent  # type: ignore[import-untyped]
import gevent.local  # type: ignore[import-untyped]
import gevent.socket  # type: ignore[import-untyped]
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from geventhttpclient.useragent import RetriesExceeded

CLOSED_UNANSWERED = "connection closed before a response"
ERROR_LENGTH = 100


class StrictConnectionPool(ConnectionPool):
    """Connections to one address; knows whether the connection of the running greenlet was used before."""

    def __init__(self, address: tuple[str, int], size: int, connection_timeout_s: float, network_timeout_s: float):
        host, port = address
        super().__init__(
            host, port, host, port, size=size,
            connection_timeout=connection_timeout_s, network_timeout=network_timeout_s,
        )  # fmt: skip
        self.size = -1  # HTTPClient.request repeats a request up to size + 1 times; the places are counted elsewhere
        self._used: WeakSet[gevent.socket.socket] = WeakSet()
        self._current = gevent.local.local()
        self._addresses: list[Any] = []

    def _resolve(self) -> list[Any]:
        if not self._addresses:  # asked once: it takes a thread each time
            self._addresses = super()._resolve()
        return self._addresses

    def get_socket(self) -> gevent.socket.socket:
        """A connection, one that is idle and open or a new one; blocks while all places are taken."""
        self._current.is_reused = False
        sock = super().get_socket()
        self._current.is_reused = sock in self._used
        return sock

    def return_socket(self, sock: gevent.socket.socket) -> None:
        """Keep the connection for another request."""
        self._used.add(sock)
        super().return_socket(sock)

    def is_reused(self) -> bool:
        """Whether the running greenlet's latest connection had carried a request before."""
        return bool(getattr(self._current, "is_reused", False))


class StrictClientPool(HTTPClientPool):
    """A client for each address, over plain HTTP, each with `concurrency` places for connections."""

    def __init__(self, concurrency: int, timeout_s: float) -> None:
        super().__init__()
        self.timeout_s = timeout_s
        self._pool_settings = (concurrency, timeout_s, timeout_s)
        self._pools: list[StrictConnectionPool] = []

    def get_client(self, url: Any) -> HTTPClient:
        """The client for the host and port of `url`, a geventhttpclient URL."""
        key = url.host, url.port
        if key not in self.clients:
            client = HTTPClient(url.host, url.port)
            client._connection_pool = StrictConnectionPool((url.host, url.port or 80), *self._pool_settings)
            self._pools.append(client._connection_pool)
            self.clients[key] = client
        return self.clients[key]

    def is_reused(self) -> bool:
        """Whether the running greenlet's latest connection had carried a request before."""
        return any(pool.is_reused() for pool in self._pools)


def error_text(error: BaseException, is_reused: bool) -> str:
    """A short name for what went wrong in the transport, the same for the same fault.

    A connection that closes before the response can be the server's fault. When it `is_reused`, the server may also
    just have closed it for being idle while the request was on its way (RFC 9112, section 9.3.1): the text tells.
    """
    if isinstance(error, RetriesExceeded):
        error = getattr(error, "original", None) or error.__context__ or error
    if isinstance(error, (gevent.Timeout, TimeoutError)):
        return "timeout"
    if isinstance(error, HTTPConnectionClosed):
        return f"{CLOSED_UNANSWERED} ({'reused: it may have been idle' if is_reused else 'new'})"
    if isinstance(error, HTTPParseError):
        return f"bad response: {error}"[:ERROR_LENGTH]
    if isinstance(error, OSError) and error.errno is not None:
        names = {errno.ECONNREFUSED: "connection refused", errno.ECONNRESET: "connection reset"}
        return names.get(error.errno, f"{error.strerror or 'system error'} ({error.errno})")[:ERROR_LENGTH]
    return f"{type(error).__name__}: {error}"[:ERROR_LENGTH]
