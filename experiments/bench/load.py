"""A brisk, even load on a few keep-alive connections, so that instances have something to answer."""

import threading
import time
from http.client import HTTPConnection, HTTPException
from types import TracebackType

LONGEST_S = 120.0
OBJECT, BYTES = "/objs/bench", b"x" * 1000


class EvenLoad:
    """While the block lasts, `rate_rps` requests a second go to `entry`; not longer than LONGEST_S."""

    def __init__(self, entry: str, rate_rps: float, connections: int = 2) -> None:
        self._entry = entry
        self._pause_s = connections / rate_rps
        self._ended = threading.Event()
        offsets_s = (number / rate_rps for number in range(connections))
        self._threads = [threading.Thread(target=self._send, args=(offset_s,), daemon=True) for offset_s in offsets_s]

    def __enter__(self) -> "EvenLoad":
        connection = HTTPConnection(self._entry, timeout=5)
        self._ask(connection, "PUT")
        connection.close()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _send(self, offset_s: float) -> None:
        connection = HTTPConnection(self._entry, timeout=5)
        started = time.monotonic()
        due = started + offset_s
        while due - started < LONGEST_S and not self._ended.wait(max(0.0, due - time.monotonic())):
            self._ask(connection, "GET")
            due = max(due + self._pause_s, time.monotonic())
        connection.close()

    def _ask(self, connection: HTTPConnection, method: str) -> None:
        try:
            connection.request(method, OBJECT, BYTES if method == "PUT" else None)
            connection.getresponse().read()
        except (OSError, HTTPException):
            connection.close()  # the next request opens another
