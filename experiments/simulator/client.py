"""The load generator's model: requests over connections that are kept alive."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from experiments.simulator.balancer import Balancer, Exchange, Worker
from experiments.simulator.clock import Clock
from experiments.simulator.parameters import BLOCK, Times
from loadgen.ledger import Record, outcome_of
from loadgen.load import ClosedLoad, Load, OpenLoad
from loadgen.mix import Request, RequestMix
from loadgen.sending import Sending

KEEP_ALIVE_S = 5.0  # timeout http-keep-alive of haproxy/haproxy.cfg.j2
MOST_IN_FLIGHT, TIMEOUT_S = Sending().max_in_flight, Sending().request_timeout_s
LEAST_THINK_S = 1e-4  # time passes, even where an answer takes none


class Client(ABC):
    """Offers a load from `origin_s` on and keeps what became of each request; `ended` is called when all has ended."""

    def __init__(
        self, clock: Clock, balancer: Balancer, load: Load, origin_s: float, ended: Callable[[], None]
    ) -> None:
        self.records: list[Record] = []
        self.under_way = 0
        self.clock = clock
        self.ends_s = origin_s + load.duration_s
        self.mix = RequestMix(load.seed, load.integral_share, load.integral_steps)
        self._balancer = balancer
        self._ended = ended
        self._walking = True
        self._idle: list[tuple[Worker, float]] = []  # connections and since when, the latest last

    @abstractmethod
    def answered(self) -> None:
        """A request has ended."""

    def stop_walking(self) -> None:
        """Nothing more is sent."""
        self._walking = False
        if not self.under_way:
            self._ended()

    def send(self, request: Request, due_s: float) -> None:
        self.under_way += 1
        now_s, worker = self.clock.now_s, self._connection()
        take = partial(self._take, worker, request, due_s, now_s)
        self._balancer.accept(worker, Exchange(request.kind, now_s, now_s + TIMEOUT_S, take))

    def _connection(self) -> Worker:
        """The worker that the connection used last belongs to, or the current one for a new connection."""
        if self._idle:
            worker, since_s = self._idle.pop()
            if self.clock.now_s - since_s < KEEP_ALIVE_S:
                return worker
            self._idle.clear()  # those below are idle for longer
        return self._balancer.worker

    def _take(self, worker: Worker, request: Request, due_s: float, sent_s: float, status: int) -> None:
        """An answer has come. A worker that was replaced closes the connection with it."""
        now_s = self.clock.now_s
        self.under_way -= 1
        error = "" if status else "timeout"
        outcome = outcome_of(status, error)
        reason = (error or f"status {status}") if outcome == "failed" else ""
        self.records.append(Record(due_s, sent_s, now_s, request.kind, status, outcome, reason))
        if outcome == "served" and request.kind == "put":
            self.mix.put_served(request)
        if status and worker is self._balancer.worker:
            self._idle.append((worker, now_s))
        self.answered()
        if not self._walking and not self.under_way:
            self._ended()


class OpenClient(Client):
    """Sends each request when it is due, later by the generator's own `lag`."""

    def __init__(
        self, clock: Clock, balancer: Balancer, load: OpenLoad, origin_s: float, ended: Callable[[], None],
        lag: Times, seed: int,
    ) -> None:  # fmt: skip
        super().__init__(clock, balancer, load, origin_s, ended)
        self._sends = sends_s(due_s(load) + origin_s, lag, seed)
        self._await_next()

    def answered(self) -> None:
        """The next request is due whatever becomes of this one."""

    def _await_next(self) -> None:
        send = next(self._sends, None)
        if send is None:
            self.clock.at(self.ends_s, self.stop_walking)
        else:
            self.clock.at(send[0], self._arrive, send[1])

    def _arrive(self, due_s: float) -> None:
        request = self.mix.draw()
        if self.under_way >= MOST_IN_FLIGHT:
            self.records.append(Record(due_s, None, None, request.kind, 0, "dropped"))
        else:
            self.send(request, due_s)
        self._await_next()


class ClosedClient(Client):
    """Users that wait for each response; a request is due when its user sends it."""

    def __init__(
        self, clock: Clock, balancer: Balancer, load: ClosedLoad, origin_s: float, ended: Callable[[], None]
    ) -> None:
        super().__init__(clock, balancer, load, origin_s, ended)
        self._think_s = max(load.think_s, LEAST_THINK_S)
        for _ in range(load.users):
            clock.at(origin_s, self._ask)
        clock.at(self.ends_s, self.stop_walking)

    def answered(self) -> None:
        if self.clock.now_s + self._think_s < self.ends_s:
            self.clock.after(self._think_s, self._ask)

    def _ask(self) -> None:
        self.send(self.mix.draw(), self.clock.now_s)


@lru_cache(maxsize=16)
def due_s(load: OpenLoad) -> np.ndarray[Any, np.dtype[np.float64]]:
    """When the requests of a load are due, in seconds since its start, for many simulations of the same load."""
    return np.fromiter(load.due_times(), dtype=np.float64)


def sends_s(due_s: np.ndarray[Any, np.dtype[np.float64]], lag: Times, seed: int) -> Iterator[tuple[float, float]]:
    """When each request is sent and when it was due, in the order of sending: one that lags may be overtaken."""
    generator = np.random.default_rng([seed, *b"lag"])
    for start in range(0, len(due_s), BLOCK):
        block_s = due_s[start : start + BLOCK]
        sent_s = block_s + lag.sample_s(generator, len(block_s))
        order = np.argsort(sent_s, kind="stable")
        yield from zip(sent_s[order].tolist(), block_s[order].tolist(), strict=True)
