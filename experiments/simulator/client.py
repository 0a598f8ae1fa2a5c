"""The load generator's model: requests over connections that are kept alive."""

from abc import ABC, abstractmethod
from random import Random

from experiments.simulator.balancer import Balancer, Exchange, Worker
from experiments.simulator.clock import Clock
from experiments.simulator.parameters import Times
from loadgen.ledger import Record, outcome_of
from loadgen.load import ClosedLoad, Load, OpenLoad
from loadgen.mix import Request, RequestMix
from loadgen.sending import Sending

KEEP_ALIVE_S = 5.0  # timeout http-keep-alive of haproxy/haproxy.cfg.j2
SENDING = Sending()
LEAST_THINK_S = 1e-4  # time passes, even where an answer takes none


class Client(ABC):
    """Offers a load from `origin_s` on and keeps what became of each request."""

    def __init__(self, clock: Clock, balancer: Balancer, load: Load, origin_s: float) -> None:
        self.records: list[Record] = []
        self.is_walking = True
        self.under_way = 0
        self.clock = clock
        self.ends_s = origin_s + load.duration_s
        self.mix = RequestMix(load.seed, load.integral_share, load.integral_steps)
        self._balancer = balancer
        self._idle: list[tuple[Worker, float]] = []  # connections and since when, the latest last

    @property
    def is_done(self) -> bool:
        return not self.is_walking and not self.under_way

    @abstractmethod
    def answered(self) -> None:
        """A request has ended."""

    def stop_walking(self) -> None:
        self.is_walking = False

    def send(self, request: Request, due_s: float) -> None:
        sent_s, worker = self.clock.now_s, self._connection()
        until_s = sent_s + SENDING.request_timeout_s
        self._balancer.accept(
            worker,
            Exchange(request.kind, sent_s, until_s, lambda status: self._ended(worker, request, due_s, sent_s, status)),
        )

    def _connection(self) -> Worker:
        """The worker that the connection used last belongs to, or the current one for a new connection."""
        if self._idle:
            worker, since_s = self._idle.pop()
            if self.clock.now_s - since_s < KEEP_ALIVE_S:
                return worker
            self._idle.clear()  # those below are idle for longer
        return self._balancer.worker

    def _ended(self, worker: Worker, request: Request, due_s: float, sent_s: float, status: int) -> None:
        """A worker that was replaced closes the connection with its answer."""
        self.under_way -= 1
        error = "" if status else "timeout"
        outcome = outcome_of(status, error)
        reason = (error or f"status {status}") if outcome == "failed" else ""
        self.records.append(Record(due_s, sent_s, self.clock.now_s, request.kind, status, outcome, reason))
        if request.kind == "put" and outcome == "served":
            self.mix.put_served(request)
        if status and worker is self._balancer.worker:
            self._idle.append((worker, self.clock.now_s))
        self.answered()


class OpenClient(Client):
    """Sends each request when it is due, later by the generator's own `lag`."""

    def __init__(
        self, clock: Clock, balancer: Balancer, load: OpenLoad, origin_s: float, lag: Times, random: Random
    ) -> None:
        super().__init__(clock, balancer, load, origin_s)
        self._origin_s = origin_s
        self._lag = lag
        self._random = random
        self._due_s = load.due_times()
        self._await_next()

    def answered(self) -> None:
        """The next request is due whatever becomes of this one."""

    def _await_next(self) -> None:
        offset_s = next(self._due_s, None)
        if offset_s is None:
            self.clock.at(self.ends_s, self.stop_walking)
        else:
            self.clock.at(self._origin_s + offset_s, self._arrive)

    def _arrive(self) -> None:
        due_s, request = self.clock.now_s, self.mix.draw()
        if self.under_way >= SENDING.max_in_flight:
            self.records.append(Record(due_s, None, None, request.kind, 0, "dropped"))
        else:
            self.under_way += 1
            self.clock.after(self._lag.draw_s(self._random), lambda: self.send(request, due_s))
        self._await_next()


class ClosedClient(Client):
    """Users that wait for each response; a request is due when its user sends it."""

    def __init__(self, clock: Clock, balancer: Balancer, load: ClosedLoad, origin_s: float) -> None:
        super().__init__(clock, balancer, load, origin_s)
        self._think_s = max(load.think_s, LEAST_THINK_S)
        for _ in range(load.users):
            clock.at(origin_s, self._ask)
        clock.at(self.ends_s, self.stop_walking)

    def answered(self) -> None:
        if self.clock.now_s + self._think_s < self.ends_s:
            self.clock.after(self._think_s, self._ask)

    def _ask(self) -> None:
        self.under_way += 1
        self.send(self.mix.draw(), self.clock.now_s)
