"""HAProxy's log of requests, read from a datagram socket.

It tells what the statistics cannot: 429 apart from other 4xx, latencies as a distribution, and every request across
reloads. A thread reads it, because a datagram socket holds only some messages, and what comes beyond them is lost.
"""

import contextlib
import grp
import math
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

NO_SERVER = "<NOSRV>"  # HAProxy answered by itself
KEPT = 200_000  # requests kept at most, about a minute at 3,000 requests a second

QUEUE = Path("/proc/sys/net/unix/max_dgram_qlen")  # of each socket that is made from now on
QUEUE_MESSAGES = 512  # as systemd has it; the kernel's own are 10

WORKERS_KEPT = 64  # more than can live at once: an old worker ends after seconds


class Request(NamedTuple):
    """One finished request: HTTP status (0 where there was none), server name, milliseconds until its end, and the
    HAProxy worker that had it."""

    at_s: float
    status: int
    server: str
    total_ms: float
    worker_pid: int = 0

    @property
    def outcome(self) -> str:
        """served | rejected (by the rate limiter) | failed (5xx, no answer, or none by an instance)."""
        if self.server == NO_SERVER or not 0 < self.status < 500:
            return "failed"
        return "rejected" if self.status == 429 else "served"


def parse_request(line: str, at_s: float) -> Request | None:
    """Parse one line of the format in haproxy.cfg.j2: `%ST %s %Tw %Tr %Ta %ts %pid`. None for any other line."""
    fields = line.split()
    if len(fields) < 7:
        return None
    try:
        status, total_ms, worker_pid = int(fields[0]), float(fields[4]), int(fields[6])
    except ValueError:
        return None
    if not (status < 1000 and total_ms < math.inf and 0 <= worker_pid < 2**31):
        return None
    return Request(at_s, max(0, status), fields[1], max(0.0, total_ms), worker_pid)


class Requests:
    """The requests that have ended, until they are taken, and who has answered well for the first time."""

    def __init__(self, first_answer: Callable[[str, float], None]) -> None:
        self._first_answer = first_answer
        self._requests: deque[Request] = deque(maxlen=KEPT)
        self._finished: dict[int, int] = {}
        self._awaited: set[str] = set()
        self._answered_s: dict[str, float] = {}

    def await_first_answer(self, server: str) -> None:
        """Report the next request that this server answers well."""
        self._awaited.add(server)

    def add(self, request: Request) -> None:
        """Take in a request that has just ended."""
        self._requests.append(request)
        self._count(request.worker_pid)
        if request.outcome != "failed":
            self._answered_s[request.server] = request.at_s
        if request.server in self._awaited and request.outcome == "served":
            self._awaited.discard(request.server)
            self._first_answer(request.server, request.at_s)

    def _count(self, worker_pid: int) -> None:
        self._finished[worker_pid] = self._finished.get(worker_pid, 0) + 1
        if len(self._finished) > WORKERS_KEPT:
            del self._finished[next(iter(self._finished))]

    def answered_s(self, server: str) -> float:
        """When this server last answered, be it to reject; -inf where it never did."""
        return self._answered_s.get(server, -math.inf)

    def finished(self) -> dict[int, int]:
        """How many requests each worker has finished since this log was opened, for the newest workers."""
        return dict(self._finished)

    def take(self) -> list[Request]:
        """The requests that have ended since the last call, in the order of their ends."""
        return [self._requests.popleft() for _ in range(len(self._requests))]


@contextlib.contextmanager
def long_queue() -> Iterator[None]:
    """A datagram socket that is made meanwhile holds at least QUEUE_MESSAGES; the host's setting stays as it was.
    Where that may not be changed, the socket has the host's."""
    try:
        before = QUEUE.read_text()
        QUEUE.write_text(str(max(int(before), QUEUE_MESSAGES)))
    except (OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        QUEUE.write_text(before)


class RequestLog(Requests):
    """Collects requests from HAProxy's log. `clock` gives seconds on the controller's time axis."""

    def __init__(self, path: Path, clock: Callable[[], float], first_answer: Callable[[str, float], None]) -> None:
        super().__init__(first_answer)
        self._path = path
        self._clock = clock
        self._closing = False
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Bind the socket; HAProxy's group may write to it. Takes over from a controller that was killed."""
        self._path.unlink(missing_ok=True)
        with long_queue():
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        os.chown(self._path, 0, grp.getgrnam("haproxy").gr_gid)
        self._path.chmod(0o620)
        threading.Thread(target=self._read, args=(self._socket,), name="request-log", daemon=True).start()

    def close(self) -> None:
        """Stop reading and remove the socket; does nothing where it is not open."""
        self._closing = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._path.unlink(missing_ok=True)

    def _read(self, source: socket.socket) -> None:
        while not self._closing:
            try:
                line = source.recv(4096).decode(errors="replace")
            except OSError:
                return
            request = parse_request(line, self._clock())
            if request is not None:
                self.add(request)
