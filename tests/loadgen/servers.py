"""A tiny HTTP server on a free loopback port, in a thread."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REJECT_EVERY = 3


class TinyServer(ThreadingHTTPServer):
    """Keeps objects as the application does, and counts the statuses it answered."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, rejects: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rejects = rejects
        self.lock = threading.Lock()
        self.stored: set[str] = set()
        self.statuses: Counter[int] = Counter()

    @property
    def url(self) -> str:
        """The URL of the server, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def status_for(self, method: str, path: str) -> int:
        """The status to answer: 429 for every third request when the server rejects."""
        with self.lock:
            status = self._judge(method, path)
            self.statuses[status] += 1
        return status

    def _judge(self, method: str, path: str) -> int:
        if self.rejects and self.statuses.total() % REJECT_EVERY == REJECT_EVERY - 1:
            return 429
        if method == "PUT":
            self.stored.add(path)
            return 201
        return 200 if path in self.stored or path.startswith("/integral/") else 404


class Handler(BaseHTTPRequestHandler):
    """Answers PUT and GET with what the server says."""

    protocol_version = "HTTP/1.1"
    server: TinyServer

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer("GET")

    def do_PUT(self) -> None:
        """Answer a PUT."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer("PUT")

    def _answer(self, method: str) -> None:
        status = self.server.status_for(method, self.path)
        # In one piece: two take 40 ms, because of Nagle's algorithm and delayed acknowledgements.
        self.wfile.write(b"HTTP/1.1 %d Tiny\r\nContent-Length: 2\r\n\r\nok" % status)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def tiny_server(*, rejects: bool = False) -> Iterator[TinyServer]:
    """A running TinyServer."""
    with TinyServer(rejects=rejects) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
