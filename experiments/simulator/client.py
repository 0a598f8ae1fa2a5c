"""The open-loop load generator's model: requests are sent when they are due, over connections that are kept alive."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from experiments.simulator.balancer import Balancer, Exchange, Worker
from experiments.simulator.clock import Clock
from experiments.simulator.parameters import BLOCK, Times
from loadgen.arrivals import due_times
from loadgen.ledger import Record, outcome_of
from loadgen.load import Load
from loadgen.mix import Request, RequestMix
from loadgen.options import COMMON_OPTIONS

KEEP_ALIVE_S = 5.0  # timeout http-keep-alive of haproxy/haproxy.cfg.j2
DEFAULTS = {option.name: option.default for option in COMMON_OPTIONS}
MOST_IN_FLIGHT, TIMEOUT_S = DEFAULTS["max_in_flight"], DEFAULTS["request_timeout"]


@lru_cache(maxsize=16)
def due_s(load: Load) -> np.ndarray[Any, np.dtype[np.float64]]:
    """When the requests of a load are due, in seconds since its start, for many simulations of the same load."""
    return np.fromiter(due_times(load.curve(), load.arrivals, load.seed), dtype=np.float64)


class Client:
    """Walks through a load from `origin_s` on and keeps what became of each arrival; `ended` is called when all of it
    has ended."""

    def __init__(
        self, clock: Clock, balancer: Balancer, load: Load, origin_s: float, lag: Times, seed: int,
        ended: Callable[[], None],
    ) -> None:  # fmt: skip
        self.records: list[Record] = []
        self._clock = clock
        self._balancer = balancer
        self._ended = ended
        self._mix = RequestMix(load.seed, load.integral_share)
        self._sends = sends_s(due_s(load) + origin_s, lag, seed)
        self._under_way = 0
        self._walking = True
        self._ends_s = origin_s + load.duration_s
        self._idle: list[tuple[Worker, float]] = []  # connections and since when, the latest last
        self._await_next()

    def _await_next(self) -> None:
        send = next(self._sends, None)
        if send is None:
            self._clock.at(self._ends_s, self._stop_walking)
        else:
            self._clock.at(send[0], self._send, send[1])

    def _stop_walking(self) -> None:
        self._walking = False
        self._check_end()

    def _check_end(self) -> None:
        if not self._walking and not self._under_way:
            self._ended()

    def _send(self, due_s: float) -> None:
        clock, request = self._clock, self._mix.draw()
        if self._under_way >= MOST_IN_FLIGHT:
            self.records.append(Record(due_s, None, None, request.kind, 0, "dropped"))
        else:
            self._under_way += 1
            now_s, worker = clock.now_s, self._connection()
            answered = partial(self._answered, worker, request, due_s, now_s)
            self._balancer.accept(worker, Exchange(request.kind, now_s, now_s + TIMEOUT_S, answered))
        self._await_next()

    def _connection(self) -> Worker:
        """The worker that the connection used last belongs to, or the current one for a new connection."""
        if self._idle:
            worker, since_s = self._idle.pop()
            if self._clock.now_s - since_s < KEEP_ALIVE_S:
                return worker
            self._idle.clear()  # those below are idle for longer
        return self._balancer.worker

    def _answered(self, worker: Worker, request: Request, due_s: float, sent_s: float, status: int) -> None:
        """A worker that was replaced closes the connection with its answer."""
        now_s = self._clock.now_s
        self._under_way -= 1
        error = "" if status else "timeout"
        outcome = outcome_of(status, error)
        reason = (error or f"status {status}") if outcome == "failed" else ""
        self.records.append(Record(due_s, sent_s, now_s, request.kind, status, outcome, reason))
        if outcome == "served" and request.kind == "put":
            self._mix.put_served(request)
        if status and worker is self._balancer.worker:
            self._idle.append((worker, now_s))
        if not self._walking:
            self._check_end()


def sends_s(due_s: np.ndarray[Any, np.dtype[np.float64]], lag: Times, seed: int) -> Iterator[tuple[float, float]]:
    """When each request is sent and when it was due, in the order of sending: one that lags may be overtaken."""
    generator = np.random.default_rng([seed, *b"lag"])
    for start in range(0, len(due_s), BLOCK):
        block_s = due_s[start : start + BLOCK]
        sent_s = block_s + lag.sample_s(generator, len(block_s))
        order = np.argsort(sent_s, kind="stable")
        yield from zip(sent_s[order].tolist(), block_s[order].tolist(), strict=True)
