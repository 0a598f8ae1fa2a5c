"""What HAProxy's two sockets are asked: the admin socket, which is the current worker's own, and the master's, which
reaches old workers too.
"""

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from controller.ports import ControllerError
from controller.site import Site
from controller.statistics import Processes, Statistics, parse_processes, parse_statistics

T = TypeVar("T")
PATIENCE_S = 2.0  # for a busy HAProxy's answer, before it is taken for dead


class BalancerError(ControllerError):
    """HAProxy did not do what was asked; what it did before, it still does."""


class Found(NamedTuple):
    """The servers that HAProxy gives requests, those that have some, in old workers too, and how many should."""

    ready: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    wanted: int = 0


def ask(path: Path, command: str, timeout_s: float = 1.0) -> str:
    """Send one line to one of HAProxy's sockets and return the whole answer. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        connection.sendall(command.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)  # else the master socket keeps the connection open
        answer = bytearray()
        while chunk := connection.recv(65536):
            answer += chunk
    return answer.decode(errors="replace")


def listens(address: str | tuple[str, int]) -> bool | None:
    """True when somebody listens there, busy or not; None when nobody does."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe, contextlib.suppress(OSError):
        probe.settimeout(1.0)
        probe.connect(address)
        return True
    return None


def within(seconds: float, attempt: Callable[[], T | None], pause_s: float = 0.005) -> T | None:
    """Try until `attempt` gives something other than None, at most for so long; what it raises of OSError, ValueError
    counts as nothing yet."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ValueError):
            if (result := attempt()) is not None:
                return result
        if time.monotonic() >= deadline:
            return None
        time.sleep(pause_s)


class Sockets:
    """The two sockets of one site's HAProxy; `has_ended` tells that nobody will answer any more."""

    def __init__(self, site: Site, has_ended: Callable[[], bool]) -> None:
        self._service = site.service
        self._has_ended = has_ended
        self.admin = site.admin_dir / "haproxy.sock"
        self.master = site.admin_dir / "master.sock"

    def read(self) -> Statistics:
        """The current worker's statistics. Raises OSError or ValueError where there are none."""
        return self._parse(ask(self.admin, "show info;show stat"))

    def read_worker(self, pid: int) -> Statistics | None:
        """The statistics of one of the workers, None when it has ended meanwhile. Raises ValueError where it does not
        tell, BalancerError."""
        table = self.ask_master(f"@!{pid} show info;@!{pid} show stat")
        try:
            return self._parse(table)
        except ValueError:
            processes = self.processes()
            if pid in (processes.worker_pid, *processes.old_pids):
                raise
            return None

    def find(self) -> Found | None:
        """Which servers all workers have, as far as the master tells. Raises OSError, ValueError, BalancerError."""
        processes = parse_processes(ask(self.master, "show proc"))
        current = None if processes.worker_pid is None else self.read_worker(processes.worker_pid)
        workers = [current, *map(self.read_worker, processes.old_pids)]
        busy = {name for worker in workers if worker for name, count in worker.servers.items() if count}
        return Found(current.ready, frozenset(busy), len(current.ready)) if current else None

    def in_flight(self, name: str) -> int:
        """Requests that the server has in any worker. Raises OSError, ValueError, BalancerError."""
        workers = [self.read(), *map(self.read_worker, self.processes().old_pids)]
        return sum(worker.servers.get(name, 0) for worker in workers if worker)

    def worker_pid(self) -> int | None:
        """The current worker's, when it answers."""
        with contextlib.suppress(OSError):
            for line in ask(self.admin, "show info").splitlines():
                if line.startswith("Pid: "):
                    return int(line.removeprefix("Pid: "))
        return None

    def processes(self) -> Processes:
        """The master's list; it is deaf for a moment around reloads, hence the patience. Raises BalancerError."""
        told = within(PATIENCE_S, lambda: parse_processes(self._ask_living(self.master, "show proc")), pause_s=0.02)
        if told is None:
            raise BalancerError("HAProxy's master does not answer")
        return told

    def ask_admin(self, command: str) -> str:
        """The current worker's answer. Raises BalancerError where there is none."""
        answer = within(1.0, lambda: self._ask_living(self.admin, command))
        if answer is None:
            raise BalancerError("HAProxy does not answer")
        return answer

    def _ask_living(self, path: Path, command: str) -> str:
        """Nobody waits for an HAProxy that has ended. Raises BalancerError for such, OSError."""
        try:
            return ask(path, command)
        except OSError:
            if self._has_ended():
                raise BalancerError("HAProxy has ended") from None
            raise

    def ask_master(self, command: str) -> str:
        """The master's answer, or that of the worker that the command names; empty where there is none."""
        return within(1.0, lambda: ask(self.master, command), pause_s=0.02) or ""

    def _parse(self, table: str) -> Statistics:
        return parse_statistics(table, "entry", self._service)
