"""HAProxy's model: workers that balance by least connections, hold back what exceeds `maxconn`, and are replaced.

Sources: HAProxy 2.6, src/lb_fwlc.c (among servers with equally many requests the one that has waited longest comes
first; one that is set ready comes last) and src/queue.c; timeouts as in haproxy/haproxy.cfg.j2.
"""

import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.actions import Member
from controller.haproxy_config import Server, Waiting, servers_of
from controller.requestlog import NO_SERVER, Request, Requests
from controller.site import Site
from controller.statistics import Statistics
from experiments.simulator.clock import Clock
from experiments.simulator.instances import Instance

QUEUE_S = 5.0  # timeout queue
HARD_STOP_S = 30.0  # hard-stop-after: no worker lives longer than that after it was replaced
UNAVAILABLE = 503


@dataclass(slots=True)
class Exchange:
    """A request in HAProxy. The client gives up at `until_s`; `ended` is told the status, 0 for none."""

    kind: str
    accepted_s: float
    until_s: float
    ended: Callable[[int], None]
    queued: bool = False


@dataclass(slots=True, eq=False)
class Place:
    """A server as one worker sees it."""

    name: str
    usable: bool
    in_flight: int = 0


class Ranking:
    """The servers that may have another request: those with the fewest first, of these the one that waits longest."""

    def __init__(self, held: int) -> None:
        self._held = held
        self._ranks: list[OrderedDict[str, Place]] = [OrderedDict()]  # by requests in flight
        self._least = 0  # no server has fewer

    def put(self, place: Place) -> None:
        """It waits behind its equals, unless it has as many requests as it may have."""
        rank = place.in_flight
        if self._held and rank >= self._held:
            return
        while rank >= len(self._ranks):
            self._ranks.append(OrderedDict())
        self._ranks[rank][place.name] = place
        self._least = min(self._least, rank)

    def take(self, place: Place) -> None:
        """It waits no longer."""
        if place.in_flight < len(self._ranks):
            self._ranks[place.in_flight].pop(place.name, None)

    def first(self) -> Place | None:
        while not self._ranks[self._least]:
            if self._least == len(self._ranks) - 1:
                return None
            self._least += 1
        return next(iter(self._ranks[self._least].values()))


class Worker:
    """One process. It counts from its start, and knows the servers of the file that it started with; its first requests
    go to the first of these."""

    def __init__(self, pid: int, places: Iterable[Place], held: int) -> None:
        self.pid = pid
        self.places = {place.name: place for place in places}
        self.usable = {place.name for place in self.places.values() if place.usable}
        self.offered = 0
        self.in_flight = 0  # queued ones included
        self.replaced_s = 0.0
        self.queue: deque[Exchange] = deque()
        self.ranking = Ranking(held)
        for place in self.places.values():
            if place.usable:
                self.ranking.put(place)

    def change(self, place: Place, by: int) -> None:
        """So many requests more at a server; it waits behind those that have as many."""
        self.ranking.take(place)
        place.in_flight += by
        if place.usable:
            self.ranking.put(place)

    def set(self, place: Place, usable: bool) -> None:
        place.usable = usable
        (self.usable.add if usable else self.usable.discard)(place.name)
        (self.ranking.put if usable else self.ranking.take)(place)


class Balancer:
    """HAProxy with its workers; `slots` and `waiting` are as for controller.haproxy."""

    def __init__(
        self, clock: Clock, site: Site, instances: Mapping[str, Instance], requests: Requests, slots: int,
        waiting: Waiting,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._site = site
        self._instances = instances
        self._requests = requests
        self._slots = slots
        self._waiting = waiting
        self._pids = itertools.count(1)
        self._draining: frozenset[str] = frozenset()
        self._served = servers_of(site, [], slots, self._draining)
        self._old: list[Worker] = []
        self.worker = self._started()
        self.boots: Callable[[], int] = lambda: 0

    # What clients meet

    def accept(self, worker: Worker, exchange: Exchange) -> None:
        worker.offered += 1
        worker.in_flight += 1
        place = worker.ranking.first()
        if place is not None:
            self._pass(worker, place, exchange)
        elif not worker.usable and not self._waiting.for_first:
            self._answer(worker, exchange, UNAVAILABLE, NO_SERVER)
        else:
            exchange.queued = True
            worker.queue.append(exchange)
            self._clock.after(QUEUE_S, self._expire, worker, exchange)

    def _pass(self, worker: Worker, place: Place, exchange: Exchange) -> None:
        worker.change(place, +1)
        status, done_s = self._instances[place.name].serve(exchange.kind, self.boots())
        if done_s > exchange.until_s:
            status, done_s = 0, exchange.until_s
        self._clock.at(done_s, self._leave, worker, place, exchange, status)

    def _leave(self, worker: Worker, place: Place, exchange: Exchange, status: int) -> None:
        worker.change(place, -1)
        self._answer(worker, exchange, status, place.name)
        if worker.queue:
            self._feed(worker, place)

    def _feed(self, worker: Worker, place: Place) -> None:
        """Give the server what waits, as far as it may have more."""
        held = self._waiting.held_requests
        while worker.queue and place.usable and not (held and place.in_flight >= held):
            exchange = worker.queue.popleft()
            exchange.queued = False
            self._pass(worker, place, exchange)

    def _expire(self, worker: Worker, exchange: Exchange) -> None:
        if exchange.queued:
            worker.queue.remove(exchange)
            exchange.queued = False
            self._answer(worker, exchange, UNAVAILABLE, NO_SERVER)

    def _answer(self, worker: Worker, exchange: Exchange, status: int, server: str) -> None:
        worker.in_flight -= 1
        now_s = self._clock.now_s
        self._requests.add(Request(now_s, status, server, 1000 * (now_s - exchange.accepted_s), worker.pid))
        exchange.ended(status)

    # What the controller asks

    def read(self) -> Statistics:
        worker = self.worker
        return Statistics(
            worker_pid=worker.pid,
            offered_total=worker.offered,
            in_flight_requests=worker.in_flight,
            queue_requests=len(worker.queue),
            servers={place.name: place.in_flight for place in worker.places.values()},
            ready=frozenset(worker.usable),
        )

    def in_flight(self, name: str) -> int:
        """Requests that the server has in any worker."""
        return sum(worker.places[name].in_flight for worker in self._workers() if name in worker.places)

    def way(self, members: Sequence[Member]) -> str:
        """How `apply` would make HAProxy serve these members: reload, runtime or none."""
        wanted = self._wanted(members)
        if wanted == self._served:
            return "none"
        same = {server.name for server in wanted} == {server.name for server in self._served}
        return "runtime" if self._slots and same else "reload"

    def apply(self, members: Sequence[Member]) -> None:
        """Serve exactly these members."""
        how, wanted = self.way(members), self._wanted(members)
        self._draining &= {member.name for member in members}
        self._served = wanted
        if how == "runtime":
            for server in wanted:
                self._set(self.worker, server.name, usable=not server.disabled)
        elif how == "reload":
            self._replace()

    def _replace(self) -> None:
        """The old worker lives on for its requests, and for the last one of each connection that is kept alive."""
        now_s = self.worker.replaced_s = self._clock.now_s
        self._old = [worker for worker in self._workers() if now_s - worker.replaced_s < HARD_STOP_S]
        self.worker = self._started()

    def drain(self, name: str) -> None:
        """No worker, old or new, gives the server another request."""
        self._draining |= {name}
        self._note(name, disabled=True)
        for worker in self._workers():
            self._set(worker, name, usable=False)

    def undrain(self, name: str) -> None:
        """The current worker gives the server requests again."""
        self._draining -= {name}
        self._note(name, disabled=False)
        self._set(self.worker, name, usable=True)

    def _wanted(self, members: Iterable[Member]) -> list[Server]:
        present = list(members)
        draining = self._draining & {member.name for member in present}
        return servers_of(self._site, present, self._slots, draining)

    def _note(self, name: str, disabled: bool) -> None:
        self._served = [replace(each, disabled=disabled) if each.name == name else each for each in self._served]

    def _set(self, worker: Worker, name: str, usable: bool) -> None:
        place = worker.places.get(name)
        if place is None or place.usable is usable:
            return
        worker.set(place, usable)
        if usable:
            self._feed(worker, place)

    def _started(self) -> Worker:
        """A worker that starts with the file as it is."""
        places = [Place(each.name, usable=not each.disabled) for each in self._served]
        return Worker(next(self._pids), places, self._waiting.held_requests)

    def _workers(self) -> list[Worker]:
        return [self.worker, *self._old]
