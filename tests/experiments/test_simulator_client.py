"""The model of the load generator: connections that are kept alive, and the workers that they belong to."""

from typing import Any, cast

from experiments.simulator.balancer import Balancer, Exchange, Worker
from experiments.simulator.client import ClosedClient, OpenClient
from experiments.simulator.clock import Clock
from experiments.simulator.parameters import Lognormal
from loadgen.load import ClosedLoad, OpenLoad
from tests.experiments.build import load


class Played:
    """A balancer that answers each request after so long; `asked` is which worker got each."""

    def __init__(self, clock: Clock, takes_s: list[float]) -> None:
        self.worker = Worker(1, [], 0)
        self.asked: list[int] = []
        self._clock = clock
        self._takes_s = takes_s

    def accept(self, worker: Worker, exchange: Exchange) -> None:
        self.asked.append(worker.pid)
        self._clock.after(self._takes_s[len(self.asked) - 1], lambda: exchange.ended(200))


def played(takes_s: list[float], replaced_s: float, **offered: Any) -> tuple[Played, OpenClient]:
    """A load of one request a second from the first second on, unless told otherwise."""
    clock = Clock()
    made = Played(clock, takes_s)
    flat = {"shape": "step", "low_rps": 1, "high_rps": 1, "before_s": 0, "duration_s": len(takes_s)}
    shape = load(**{**flat, **offered})
    assert isinstance(shape, OpenLoad)
    lag = Lognormal(median_ms=0, p95_ms=0)
    client = OpenClient(clock, cast(Balancer, made), shape, 0.0, clock.stop, lag, 1)
    clock.at(replaced_s, lambda: setattr(made, "worker", Worker(2, [], 0)))
    clock.run()
    return made, client


def test_a_connection_brings_its_worker_one_request_after_the_worker_was_replaced() -> None:
    made, client = played([0.1] * 5, replaced_s=2.5)
    assert made.asked == [1, 1, 1, 2, 2]
    assert [record.outcome for record in client.records] == ["served"] * 5


def test_the_connection_that_was_used_last_is_used_first() -> None:
    """Two overlap at first; of their connections one is used from then on, the other grows old."""
    made, _ = played([1.5, *[0.1] * 9], replaced_s=8.5)
    assert made.asked == [1] * 9 + [2]


def test_a_connection_that_is_idle_for_five_seconds_is_closed() -> None:
    made, _ = played([0.1] * 3, replaced_s=11.0, low_rps=0.1, high_rps=0.1, duration_s=30)
    assert made.asked == [1, 2, 2]
    made, _ = played([0.1] * 3, replaced_s=5.0, low_rps=0.25, high_rps=0.25, duration_s=12)
    assert made.asked == [1, 1, 2]


def test_closed_loop_users_wait_for_each_response_and_think() -> None:
    """Two users, of whom each asks anew 0.5 s after its answer of 1 s: at 0, 1.5, 3 and 4.5 s."""
    clock = Clock()
    made = Played(clock, [1.0] * 20)
    offered = ClosedLoad(users=2, think_s=0.5, duration_s=5)
    client = ClosedClient(clock, cast(Balancer, made), offered, 0.0, clock.stop)
    clock.run()
    assert [record.due_s for record in client.records] == [0, 0, 1.5, 1.5, 3, 3, 4.5, 4.5]
    assert all(record.sent_s == record.due_s for record in client.records)
    assert clock.now_s == 5.5


def test_closed_loop_users_ask_less_when_answers_take_longer() -> None:
    def asked(takes_s: float) -> int:
        clock = Clock()
        made = Played(clock, [takes_s] * 1000)
        client = ClosedClient(clock, cast(Balancer, made), ClosedLoad(users=3, duration_s=10), 0.0, clock.stop)
        clock.run()
        return len(client.records)

    assert asked(0.1) > 5 * asked(1.0)
