"""HAProxy's statistics CSV, and its process list, as values. Columns are found by name."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass

from controller.spelling import plain

NUMBER = re.compile(r"[0-9]{1,12}")  # a worker that takes 100,000 requests a second needs 115 days for more
LONGEST_MESSAGE = 200
COLUMNS = frozenset({"pxname", "svname", "status", "scur", "qcur", "req_tot"})
LEAP = 10**7  # requests between two looks; more have not come, whatever the total tells
ARRIVALS_KEPT = 256  # workers; more than the log keeps, so that none is counted twice


class StatisticsError(ValueError):
    """What HAProxy said is cut off or not what it should be; the message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(plain(message)[:LONGEST_MESSAGE])


@dataclass(frozen=True, slots=True)
class Statistics:
    """One worker's statistics. Totals count from its start; `servers` maps a server to its requests in flight, `ready`
    are those that are not in maintenance."""

    worker_pid: int
    offered_total: int
    in_flight_requests: int
    queue_requests: int
    servers: Mapping[str, int]
    ready: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Processes:
    """HAProxy's workers: the current one and those that finish their last connections after a reload."""

    worker_pid: int | None
    old_pids: tuple[int, ...]
    failed_reloads: int


class Arrivals:
    """How many requests have arrived at any worker since the first look.

    A worker's own total ends with the last look before a reload, yet it takes the last requests of its connections
    after that; the log tells of them when they are finished.
    """

    def __init__(self) -> None:
        self._arrived: dict[int, int] = {}  # by worker
        self._current = 0
        self._looked = 0  # the current worker's own total at the last look
        self._base: dict[int, int] = {}  # what the log told of an earlier worker with the same pid
        self._told: dict[int, int] = {}  # what the log told of each worker at the last look
        self._total = 0

    def total(self, worker_pid: int, arrived: int, finished: Mapping[int, int]) -> int:
        """Take in the current worker's total and what the log tells of each worker; never falls. Raises
        StatisticsError for a total that cannot be true, and goes on from it at the next look."""
        self._check(worker_pid, arrived)
        if worker_pid != self._current and worker_pid in self._arrived:
            del self._arrived[worker_pid]
            self._base[worker_pid] = finished.get(worker_pid, 0)
        self._current = worker_pid
        for pid, count in finished.items():
            if count != self._told.get(pid):
                self._raise(pid, count - self._base.get(pid, 0))
        self._told = dict(finished)
        self._raise(worker_pid, arrived)
        while len(self._arrived) > ARRIVALS_KEPT:
            del self._arrived[next(iter(self._arrived))]
        return self._total

    def _check(self, worker_pid: int, arrived: int) -> None:
        before, self._looked = self._looked if worker_pid == self._current else 0, arrived
        if worker_pid == self._current and not before <= arrived <= before + LEAP:
            self._arrived[worker_pid] = arrived
            raise StatisticsError(f"HAProxy's total of requests went from {before} to {arrived}")

    def _raise(self, pid: int, count: int) -> None:
        before = self._arrived.get(pid, 0)
        if count > before or pid not in self._arrived:
            self._arrived[pid] = max(count, before)
            self._total += max(0, count - before)


def parse_statistics(text: str, frontend: str, backend: str) -> Statistics:
    """Parse the answer to `show info;show stat`. Raises StatisticsError where it is cut off or not as it should be."""
    info, found, table = text.partition("# pxname,")
    pid = re.search(r"^Pid: ([0-9]{1,9})$", info, re.MULTILINE)
    if not found or not pid or not table.endswith("\n\n"):
        raise StatisticsError("HAProxy's statistics are cut off or malformed")
    rows = _table("pxname," + table)
    entry = _row(rows, frontend, "FRONTEND")
    totals = _row(rows, backend, "BACKEND")
    servers = [row for row in rows if row["pxname"] == backend and row["svname"] not in ("FRONTEND", "BACKEND")]
    ready = frozenset(row["svname"] for row in servers if not _text(row, "status").startswith("MAINT"))
    present, waiting = _number(totals, "scur"), _number(totals, "qcur") + sum(_number(row, "qcur") for row in servers)
    if not ready:  # those that no server has wait for the first one
        waiting = max(waiting, present - sum(_number(row, "scur") for row in servers))
    return Statistics(
        worker_pid=int(pid[1]),
        offered_total=_number(entry, "req_tot"),
        in_flight_requests=present,
        queue_requests=waiting,
        servers={row["svname"]: _number(row, "scur") + _number(row, "qcur") for row in servers},
        ready=ready,
    )


def _table(text: str) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(text.split("\n"))
        if absent := COLUMNS - set(reader.fieldnames or ()):
            raise StatisticsError(f"HAProxy's statistics have no column {', '.join(sorted(absent))}")
        return list(reader)
    except csv.Error as error:
        raise StatisticsError(f"HAProxy's statistics are malformed: {error}") from error


def _row(rows: list[dict[str, str]], proxy: str, name: str) -> dict[str, str]:
    for row in rows:
        if row["pxname"] == proxy and row["svname"] == name:
            return row
    raise StatisticsError(f"HAProxy's statistics have no row {proxy}/{name}")


def _text(row: Mapping[str, str | None], column: str) -> str:
    value = row.get(column)
    if value is None:
        raise StatisticsError(f"HAProxy's statistics are cut off in {row['pxname']}/{row['svname']}")
    return value


def _number(row: Mapping[str, str | None], column: str) -> int:
    value = row.get(column)
    if value is None or not NUMBER.fullmatch(value):
        place = f"{row['pxname']}/{row['svname']}/{column}"
        raise StatisticsError(f"HAProxy's statistics have no number in {place}: {value!r}")
    return int(value)


def parse_processes(text: str) -> Processes:
    """Parse the answer to `show proc` on the master socket. Raises StatisticsError where no master is listed."""
    master = re.search(r"^[0-9]+\s+master\s+[0-9]+(?:\s+\[failed: ([0-9]{1,9})\])?", text, re.MULTILINE)
    if not master:
        raise StatisticsError("HAProxy's process list is cut off or malformed")
    current, _, old = text.partition("# old workers")
    pids = [int(pid) for pid in re.findall(r"^([0-9]{1,9})\s+worker\b", current, re.MULTILINE)]
    old_pids = [int(pid) for pid in re.findall(r"^([0-9]{1,9})\s+worker\b", old, re.MULTILINE)]
    return Processes(pids[0] if pids else None, tuple(old_pids), int(master[1] or 0))
