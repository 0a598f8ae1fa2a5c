"""The model of HAProxy, held against what is known of HAProxy 2.6."""

import re

from hypothesis import given
from hypothesis import strategies as st

from controller.actions import Member
from controller.config import Service as Settings
from controller.haproxy_config import TEMPLATE, Waiting
from controller.live import DRAIN_S
from controller.requestlog import Requests
from controller.site import Site
from experiments.simulator import balancer, client, host
from experiments.simulator.balancer import Balancer, Exchange, Place, Worker
from experiments.simulator.clock import Clock
from experiments.simulator.instances import Answering, Instance
from tests.experiments.build import changed, default, exactly

SERVICE = changed(default(), service={"get": exactly(900), "cpu_ms": 0.0}).service


def test_timeouts_are_those_of_the_configuration() -> None:
    text = TEMPLATE.read_text()
    assert f"timeout queue {balancer.QUEUE_S:g}s\n" in text
    assert f"timeout http-keep-alive {client.KEEP_ALIVE_S:g}s\n" in text
    assert "balance leastconn\n" in text
    assert re.search(r"^  option idle-close-on-response$", text, re.MULTILINE)
    assert f"hard-stop-after {balancer.HARD_STOP_S:g}s\n" in text
    assert host.DRAIN_S == DRAIN_S


class Played:
    """A balancer with instances that take 0.9 s for a request, and the log of what it answered."""

    def __init__(self, *names: str, held: int = 0, slots: int = 0, for_first: bool = False) -> None:
        self.clock = Clock()
        answering = Answering(Settings.model_validate({"rate_limit": 0}), SERVICE, seed=1)
        every = (f"web-{number}" for number in range(1, 10))
        instances = {name: Instance(self.clock, answering) for name in every}
        self.requests = Requests(lambda *_: None)
        self.balancer = Balancer(self.clock, Site(), instances, self.requests, slots, Waiting(held, for_first))
        if names:
            self.apply(*names)
        self.ended: list[int] = []

    def apply(self, *names: str) -> str:
        members = [Member(name, int(name[-1])) for name in names]
        how = self.balancer.way(members)
        self.balancer.apply(members)
        return how

    def later(self, t_s: float, *names: str) -> None:
        """Apply these at a time to come."""

        def apply() -> None:
            self.apply(*names)

        self.clock.at(t_s, apply)

    def send(self, count: int = 1, worker: Worker | None = None, kind: str = "get") -> None:
        for _ in range(count):
            exchange = Exchange(kind, self.clock.now_s, self.clock.now_s + 10, self.ended.append)
            self.balancer.accept(worker or self.balancer.worker, exchange)

    def until(self, t_s: float) -> "Played":
        self.clock.at(t_s, self.clock.stop)
        self.clock.run()
        return self

    def servers(self) -> list[str]:
        """Who answered, in the order of the answers."""
        return [request.server for request in self.requests.take()]

    def flying(self) -> dict[str, int]:
        return {name: count for name, count in self.balancer.read().servers.items() if count}


def test_the_least_loaded_gets_the_next_and_among_equals_the_one_that_has_waited_longest() -> None:
    played = Played("web-1", "web-2", "web-3")
    played.send(4)
    assert played.flying() == {"web-1": 2, "web-2": 1, "web-3": 1}
    played.until(2.5)
    played.send(3)
    assert played.until(4).servers()[-3:] == ["web-2", "web-3", "web-1"]


def test_a_new_worker_begins_with_the_first_servers() -> None:
    played = Played("web-2", "web-1")
    played.send()
    played.apply("web-3", "web-2", "web-1")
    played.send()
    assert played.until(2).servers() == ["web-2", "web-3"]


def test_a_server_that_is_set_ready_waits_behind_the_other_idle_ones() -> None:
    played = Played("web-1", "web-2", slots=4)
    assert played.apply("web-3", "web-2", "web-1") == "runtime"
    played.send(3)
    assert played.until(2).servers() == ["web-1", "web-2", "web-3"]


def test_without_a_server_the_answer_is_503_at_once() -> None:
    played = Played()
    played.send()
    assert played.ended == [503]
    assert played.servers() == ["<NOSRV>"]


def test_what_exceeds_maxconn_waits_in_the_order_of_its_coming_for_whoever_is_free() -> None:
    played = Played("web-1", held=1, slots=4)
    played.send(3)
    assert (played.balancer.read().queue_requests, played.balancer.read().in_flight_requests) == (2, 3)
    played.until(0.5).apply("web-2", "web-1")
    assert played.flying() == {"web-1": 1, "web-2": 1}
    assert played.until(2.1).servers() == ["web-1", "web-2", "web-1"]


def test_a_request_waits_in_the_queue_for_five_seconds() -> None:
    played = Played("web-1", held=1)
    played.send(7)
    assert played.until(4.9).ended == [200] * 5
    assert played.until(5.1).ended == [200] * 5 + [503]
    assert played.balancer.read().queue_requests == 0
    assert played.until(9).ended == [200] * 5 + [503, 200]


def test_the_queue_of_an_old_worker_never_reaches_a_new_server() -> None:
    """That is what a reload costs where instances pace themselves."""
    played = Played("web-1", held=1)
    played.send(8)
    old = played.balancer.worker
    assert played.apply("web-2", "web-1") == "reload"
    assert played.balancer.worker is not old
    assert played.balancer.read().queue_requests == 0
    played.until(9)
    assert set(played.servers()) == {"web-1", "<NOSRV>"}
    assert played.ended.count(503) == 2


def test_counters_start_at_zero_in_a_new_worker_and_the_log_tells_of_the_old_one() -> None:
    played = Played("web-1")
    played.send(3)
    old = played.balancer.worker
    played.apply("web-2", "web-1")
    played.send(worker=old)
    played.send(2)
    statistics = played.balancer.read()
    assert (statistics.offered_total, statistics.in_flight_requests) == (2, 2)
    assert statistics.worker_pid == old.pid + 1
    assert played.until(3).requests.finished() == {old.pid: 4, statistics.worker_pid: 2}
    assert played.balancer.in_flight("web-1") == 0


def test_a_server_that_drains_gets_nothing_from_any_worker_and_all_its_requests_count() -> None:
    played = Played("web-1", "web-2")
    played.send(2)
    old = played.balancer.worker
    played.apply("web-3", "web-1", "web-2")
    played.send(3)
    played.balancer.drain("web-1")
    assert played.balancer.in_flight("web-1") == 2
    played.send(4, old)
    played.send(4)
    assert played.balancer.in_flight("web-1") == 2
    assert "web-1" not in played.balancer.read().ready


def test_a_drain_reaches_old_workers_that_have_nothing_to_do_for_their_connections_are_kept_alive() -> None:
    played = Played("web-1", "web-2")
    old = played.balancer.worker
    played.apply("web-3", "web-1", "web-2")
    played.apply("web-4", "web-3", "web-1", "web-2")
    played.balancer.drain("web-1")
    played.send(2, old)
    assert played.until(1).servers() == ["web-2", "web-2"]


def test_of_two_idle_servers_the_one_that_answered_first_is_asked_first() -> None:
    played = Played("web-1", "web-2")
    played.send(kind="get")
    played.send(kind="put")  # soon answered by web-2
    played.until(1)
    played.send()
    assert played.flying() == {"web-2": 1}


def test_of_two_equally_busy_servers_the_one_that_was_asked_last_is_asked_last() -> None:
    played = Played("web-1", "web-2")
    played.balancer.drain("web-2")
    played.send()
    played.until(0.3).send()
    played.until(0.5).balancer.undrain("web-2")
    played.until(1.0).send(2)
    assert played.flying() == {"web-1": 2, "web-2": 1}


def test_a_drain_outlasts_a_reload_and_a_return_ends_it() -> None:
    played = Played("web-1", "web-2")
    played.balancer.drain("web-1")
    assert played.apply("web-3", "web-1", "web-2") == "reload"
    assert played.balancer.read().ready == {"web-2", "web-3"}
    played.balancer.undrain("web-1")
    assert played.balancer.read().ready == {"web-1", "web-2", "web-3"}


def test_only_what_changes_something_is_a_change() -> None:
    played = Played("web-1")
    assert played.apply("web-1") == "none"
    assert played.apply("web-2", "web-1") == "reload"
    slotted = Played("web-1", slots=4)
    assert slotted.apply("web-1") == "none"
    assert slotted.apply("web-2", "web-1") == "runtime"


def test_a_client_that_gives_up_frees_the_server() -> None:
    played = Played("web-1")
    exchange = Exchange("get", 0.0, 0.4, played.ended.append)
    played.balancer.accept(played.balancer.worker, exchange)
    played.until(0.5)
    assert played.ended == [0]
    assert played.flying() == {}
    assert played.requests.take()[0].outcome == "failed"


MOVES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["more", "less", "on", "off"])), max_size=60)


@given(st.integers(0, 3), MOVES)
def test_the_first_is_always_the_one_with_the_fewest_that_has_waited_longest(
    held: int, moves: list[tuple[int, str]]
) -> None:
    """Held against a search through all of them."""
    worker = Worker(1, [Place(f"web-{number}", usable=True) for number in range(5)], held)
    since = {place: number for number, place in enumerate(worker.places.values())}
    for step, (number, move) in enumerate(moves, start=10):
        place = worker.places[f"web-{number}"]
        if (move == "less" and not place.in_flight) or (move in ("on", "off") and place.usable is (move == "on")):
            continue
        if move in ("on", "off"):
            worker.set(place, usable=move == "on")
        else:
            worker.change(place, +1 if move == "more" else -1)
        since[place] = step
        free = [each for each in since if each.usable and not (held and each.in_flight >= held)]
        assert worker.ranking.first() is min(free, key=lambda each: (each.in_flight, since[each]), default=None)


def test_without_any_server_requests_are_refused_or_wait_for_the_first_one() -> None:
    """As haproxy/hold.lua has it, where that is loaded."""
    assert statuses(refusing := Played(), 0.1) == [503]
    waiting = Played(slots=3, for_first=True)
    waiting.later(0.4, "web-1")
    assert statuses(waiting, 1.5) == [200]
    assert waiting.balancer.read().queue_requests == 0
    assert statuses(Played(slots=3, for_first=True), balancer.QUEUE_S + 0.1) == [503]
    assert refusing.ended == [503]


def statuses(played: Played, t_s: float) -> list[int]:
    """What became of one request until then."""
    played.send()
    return played.until(t_s).ended
