"""The open-loop load generator's model: requests are sent when they are due, over connections that are kept alive."""

from collections.abc import Iterator
from random import Random

from experiments.simulator.balancer import Balancer, Exchange, Worker
from experiments.simulator.clock import Clock
from experiments.simulator.parameters import Times
from loadgen.arrivals import due_times
from loadgen.ledger import Record, outcome_of
from loadgen.load import Load
from loadgen.mix import Request, RequestMix
from loadgen.options import COMMON_OPTIONS

KEEP_ALIVE_S = 5.0  # timeout http-keep-alive of haproxy/haproxy.cfg.j2
DEFAULTS = {option.name: option.default for option in COMMON_OPTIONS}


class Client:
    """Walks through a load from `origin_s` on and keeps what became of each arrival."""

    def __init__(
        self, clock: Clock, balancer: Balancer, load: Load, origin_s: float, lag: Times, random: Random
    ) -> None:
        self.records: list[Record] = []
        self.is_walking = True
        self._clock = clock
        self._balancer = balancer
        self._origin_s = origin_s
        self._lag = lag
        self._random = random
        self._mix = RequestMix(load.seed, load.integral_share)
        self._due_s = due_times(load.curve(), load.arrivals, load.seed)
        self._ends_s = origin_s + load.duration_s
        self._under_way = 0
        self._idle: list[tuple[Worker, float]] = []  # connections and since when, the latest last
        self._await_next(self._due_s)

    @property
    def is_done(self) -> bool:
        return not self.is_walking and not self._under_way

    def _await_next(self, due_s: Iterator[float]) -> None:
        offset_s = next(due_s, None)
        if offset_s is None:
            self._clock.at(self._ends_s, self._stop_walking)
        else:
            self._clock.at(self._origin_s + offset_s, self._arrive)

    def _stop_walking(self) -> None:
        self.is_walking = False

    def _arrive(self) -> None:
        due_s, request = self._clock.now_s, self._mix.draw()
        if self._under_way >= DEFAULTS["max_in_flight"]:
            self.records.append(Record(due_s, None, None, request.kind, 0, "dropped"))
        else:
            self._under_way += 1
            self._clock.after(self._lag.draw_s(self._random), lambda: self._send(request, due_s))
        self._await_next(self._due_s)

    def _send(self, request: Request, due_s: float) -> None:
        sent_s, worker = self._clock.now_s, self._connection()
        until_s = sent_s + DEFAULTS["request_timeout"]
        self._balancer.accept(
            worker,
            Exchange(request.kind, sent_s, until_s, lambda status: self._ended(worker, request, due_s, sent_s, status)),
        )

    def _connection(self) -> Worker:
        """The worker that the connection used last belongs to, or the current one for a new connection."""
        if self._idle:
            worker, since_s = self._idle.pop()
            if self._clock.now_s - since_s < KEEP_ALIVE_S:
                return worker
            self._idle.clear()  # those below are idle for longer
        return self._balancer.worker

    def _ended(self, worker: Worker, request: Request, due_s: float, sent_s: float, status: int) -> None:
        """A worker that was replaced closes the connection with its answer."""
        self._under_way -= 1
        error = "" if status else "timeout"
        outcome = outcome_of(status, error)
        reason = (error or f"status {status}") if outcome == "failed" else ""
        self.records.append(Record(due_s, sent_s, self._clock.now_s, request.kind, status, outcome, reason))
        if request.kind == "put" and outcome == "served":
            self._mix.put_served(request)
        if status and worker is self._balancer.worker:
            self._idle.append((worker, self._clock.now_s))
