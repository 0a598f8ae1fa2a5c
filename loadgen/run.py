"""One process's part of a load: requests that are sent, each in a greenlet of its own, and noted."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from gevent.pool import Pool  # type: ignore[import-untyped]

from loadgen.ledger import Ledger, Record, outcome_of
from loadgen.load import ClosedLoad, Load, OpenLoad
from loadgen.mix import Request, RequestMix
from loadgen.sending import Sending
from loadgen.specs import MOST_RPS, MOST_S
from loadgen.strict_client import error_text
from loadgen.summary import summarise, text_of

MOST_REQUESTS = MOST_RPS * MOST_S  # that a closed loop makes before it is stopped: all are kept in memory
DRAIN_MARGIN_S = 1.0  # for requests whose own timeout is just about to end them

Exchange = Callable[[Request], tuple[int, str]]  # sends; gives the HTTP status, 0 for none, and the error, "" for none
Item = TypeVar("Item")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What one of `count` processes is to do: of the load every `count`-th arrival, or user, from the `index`-th on.

    `origin_s` is the load's beginning in seconds of CLOCK_MONOTONIC, which all processes of a machine share.
    """

    load: Load
    sending: Sending
    origin_s: float
    index: int = 0
    count: int = 1

    def share(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items that are this process's."""
        return islice(items, self.index, None, self.count)

    @property
    def most_in_flight(self) -> int:
        """The most requests that may be under way at once."""
        return self.load.users if isinstance(self.load, ClosedLoad) else self.sending.max_in_flight

    @property
    def requests_csv(self) -> Path | None:
        """The file of this process: `r.csv` where there is one, else `r.worker-0.csv`, `r.worker-1.csv` and so on."""
        path = self.sending.requests_csv
        return path if path is None or self.count == 1 else path.with_suffix(f".worker-{self.index}{path.suffix}")


@dataclass(frozen=True)
class Result:
    """What became of a load, or of one process's part of it; `silent` workers have told nothing of theirs."""

    records: Sequence[Record]
    elapsed_s: float
    duration_s: float
    is_complete: bool
    silent: int = 0

    @property
    def served_nothing(self) -> bool:
        """Whether there were arrivals and none was served."""
        return bool(self.records) and all(record.outcome != "served" for record in self.records)

    def text(self, host: str) -> str:
        """The summary for people."""
        lines = ["", text_of(summarise(self.records, self.elapsed_s))]
        if self.silent:
            lines.append(f"workers that told nothing of their part: {self.silent}")
        if not self.is_complete:
            lines.append(f"interrupted after {self.elapsed_s:.1f} s of {self.duration_s:g} s")
        if self.served_nothing:
            lines.append(f"nothing was served by {host}: is the controller running, and does --host name it?")
        return "\n".join(lines)


class Run(ABC):
    """One walk through a load: its ledger and its requests under way."""

    def __init__(self, order: Order, exchange: Exchange) -> None:
        self.order = order
        self.sending = order.sending
        self.ends_s = order.origin_s + order.load.duration_s
        self.ledger = Ledger(order.requests_csv)
        self.mix = RequestMix(order.load.seed, order.load.integral_share, order.load.integral_steps)
        self.requests = Pool(order.most_in_flight)
        self.stop_wanted = Event()
        self.is_complete = False
        self._draws = order.share(iter(self.mix.draw, None))
        self._exchange = exchange

    def walk(self) -> None:
        """Offer the load and wait for the last requests; ends early once `stop_wanted` is set."""
        self.offer()
        if not self.wait_until(self.ends_s):
            self.requests.join(timeout=self.sending.request_timeout_s + DRAIN_MARGIN_S)
            self.is_complete = True

    @abstractmethod
    def offer(self) -> None:
        """Send requests, or have others do it, until the load or the run ends."""

    def wait_until(self, time_s: float) -> bool:
        """Wait until then, at least for other greenlets to go on; true when the run is to stop instead."""
        wait_s = time_s - time.monotonic()
        if wait_s > 0:
            return bool(self.stop_wanted.wait(wait_s))
        gevent.sleep(0)
        return bool(self.stop_wanted.is_set())

    def draw(self) -> Request:
        """The next request of this process."""
        return next(self._draws)

    def send(self, request: Request, due_s: float | None = None) -> None:
        """Send one request, due now unless told otherwise, and record what became of it, whatever that is."""
        sent_s = time.monotonic()
        done_s: float | None = None
        status, error = 0, "interrupted"
        try:
            status, error = self._exchange(request)
            done_s = time.monotonic()
        except (Exception, gevent.Timeout) as unforeseen:
            done_s = time.monotonic()
            error = error_text(unforeseen, False)
        finally:
            outcome = outcome_of(status, error)
            reason = (error or f"status {status}") if outcome == "failed" else ""
            due_s = sent_s if due_s is None else due_s
            record = Record(due_s, sent_s, done_s, request.kind, status, outcome, reason)
            self.ledger.add(record, time.monotonic())
        if request.kind == "put" and outcome == "served":
            self.mix.put_served(request)

    def close(self) -> Result:
        """End the requests under way and write the records."""
        self.stop_wanted.set()
        self.requests.kill(timeout=DRAIN_MARGIN_S)
        self.ledger.close()
        duration_s = self.order.load.duration_s
        elapsed_s = min(duration_s, max(time.monotonic() - self.order.origin_s, 0.001))
        return Result(self.ledger.records, elapsed_s, duration_s, self.is_complete)


class OpenRun(Run):
    """Each request is sent when it is due, however long others take; one beyond the bound is dropped."""

    def __init__(self, order: Order, load: OpenLoad, exchange: Exchange) -> None:
        super().__init__(order, exchange)
        self._due_s = order.share(load.due_times())

    def offer(self) -> None:
        for offset_s in self._due_s:
            due_s = self.order.origin_s + offset_s
            if self.wait_until(due_s):
                return
            request = self.draw()
            if self.requests.full():
                self.ledger.add(Record(due_s, None, None, request.kind, 0, "dropped"), time.monotonic())
            else:
                self.requests.spawn(self.send, request, due_s)


class ClosedRun(Run):
    """Users that wait for each response, so that a slow server is asked less."""

    def __init__(self, order: Order, load: ClosedLoad, exchange: Exchange) -> None:
        super().__init__(order, exchange)
        self._think_s = load.think_s
        self._users = order.share(iter(range(load.users)))

    def offer(self) -> None:
        for _ in self._users:
            self.requests.spawn(self._use)

    def _use(self) -> None:
        """Be one user."""
        wanted_s = self.order.origin_s
        while not self.wait_until(wanted_s) and time.monotonic() < self.ends_s:
            self.send(self.draw())
            if len(self.ledger.records) == MOST_REQUESTS:
                logger.error("%d requests were sent; more are not kept, the run is stopped", MOST_REQUESTS)
                self.stop_wanted.set()
            wanted_s = time.monotonic() + self._think_s
            if wanted_s >= self.ends_s:
                return


def run_of(order: Order, exchange: Exchange) -> Run:
    """The run that does what is ordered."""
    load = order.load
    logger.info("%s, part %d of %d, within %g s, from %.6f s of CLOCK_MONOTONIC on",
                load.shape, order.index + 1, order.count, load.duration_s, order.origin_s)  # fmt: skip
    return ClosedRun(order, load, exchange) if isinstance(load, ClosedLoad) else OpenRun(order, load, exchange)
