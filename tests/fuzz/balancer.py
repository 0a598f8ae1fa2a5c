"""What HAProxy says: statistics, process lists, its log of requests. Nothing negative, nothing made up."""

import math
from collections.abc import Sequence
from functools import partial

from controller.requestlog import Requests, parse_request
from controller.statistics import Arrivals, Statistics, StatisticsError, parse_processes, parse_statistics
from tests.fuzz.target import ROOT, Target, accepted, parts_of, require

DATA = ROOT / "tests/controller/data"
LINES = (
    b"200 web-1 0 0 12 -- 4242\n429 web-2 0 1 3 -- 4242\n503 <NOSRV> 0 -1 -1 SC 4242\n",
    b"0 web-3 0 -1 30001 CD 99\n-1 web-1 0 0 5.5 -- 4243\n",
)


def check(data: bytes) -> None:
    """One of HAProxy's answers, the kind by the first byte."""
    kind, rest = parts_of(data, 3)
    text = rest.decode(errors="replace")
    (_check_statistics, _check_processes, _check_log)[kind](text)


def _check_statistics(text: str) -> None:
    found = accepted(lambda: parse_statistics(text, "entry", "web"), StatisticsError)
    if found is None:
        return
    numbers = (found.worker_pid, found.offered_total, found.in_flight_requests, found.queue_requests)
    require(all(number >= 0 for number in (*numbers, *found.servers.values())), f"negative: {found}")
    require(found.ready <= set(found.servers), f"ready, but not there: {found}")
    _check_arrivals(found)


def _check_arrivals(found: Statistics) -> None:
    """They never fall, whichever worker tells them, and whatever the log tells beside."""
    arrivals, totals = Arrivals(), [0]
    for worker in (found.worker_pid, found.worker_pid + 1, found.worker_pid):
        told = {worker: found.in_flight_requests}
        total = accepted(partial(arrivals.total, worker, found.offered_total, told), StatisticsError)
        totals.append(totals[-1] if total is None else total)
    require(totals == sorted(totals), f"arrivals fall: {totals}")


def _check_processes(text: str) -> None:
    found = accepted(lambda: parse_processes(text), StatisticsError)
    if found is not None:
        numbers = (*found.old_pids, found.failed_reloads, found.worker_pid or 0)
        require(all(number >= 0 for number in numbers), f"negative: {found}")


def _check_log(text: str) -> None:
    kept = Requests(lambda _server, _at_s: None)
    for number, line in enumerate(text.split("\n")):
        request = parse_request(line, float(number))
        if request is not None:
            kept.await_first_answer(request.server)
            kept.add(request)
    for request in kept.take():
        require(request.outcome in ("served", "rejected", "failed"), f"outcome of {request}")
        require(0 <= request.total_ms < math.inf and request.status >= 0, f"{request}")
        require(request.worker_pid >= 0, f"{request}")


def _seeds() -> Sequence[bytes]:
    paths = sorted(DATA.glob("*.txt"))
    files = [(b"\x01" if "processes" in path.name else b"\x00") + path.read_bytes() for path in paths]
    return [*files, *(b"\x02" + lines for lines in LINES)]


TARGETS = (Target("haproxy", check, _seeds),)
