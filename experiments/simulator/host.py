"""The live actuator's model: the same pools of workers and the same order of steps as in controller.live, in virtual
time. Nothing fails here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from controller.actions import Action, Apply, Clone, Drain, Freeze, Member, Return, Stop
from controller.config import PolicyFile
from controller.ports import Applied, Booted, Drained, Event, Stopped
from experiments.simulator.clock import Clock, Job, Pool
from experiments.simulator.parameters import Parameters, draws_s

DRAIN_S = 30.0  # as in controller.live
POLL_S = 0.02


class Machine(Protocol):
    """What boots; `used_s` is the CPU time that it has used."""

    used_s: float


class BackEnd(Protocol):
    """A model of HAProxy, as far as the actuator commands it."""

    def way(self, members: Sequence[Member]) -> str: ...
    def apply(self, members: Sequence[Member]) -> None: ...
    def drain(self, name: str) -> None: ...
    def undrain(self, name: str) -> None: ...
    def in_flight(self, name: str) -> int: ...


@dataclass(slots=True)
class Boot:
    """A boot under way; `left_s` is how long it would still take alone. A `spare` one leaves the CPU to others."""

    machine: Machine
    left_s: float
    spare: bool
    ended: Job


class Boots:
    """Boots that share the machine: each further one makes the others slower, for as long as it lasts; a spare one is
    made slower by others, and makes nothing slower."""

    def __init__(self, clock: Clock, slowdown: float, cpu: float) -> None:
        self._clock = clock
        self._slowdown = slowdown
        self._cpu = cpu
        self._active: list[Boot] = []
        self._since_s = 0.0
        self._plan = 0

    def count(self) -> int:
        """Those that make something slower."""
        return sum(not boot.spare for boot in self._active)

    def add(self, machine: Machine, alone_s: float, spare: bool, ended: Job) -> None:
        self.advance()
        self._active.append(Boot(machine, alone_s, spare, ended))
        self._schedule()

    def advance(self) -> None:
        """Account for the time since the last call."""
        passed_s = self._clock.now_s - self._since_s
        self._since_s = self._clock.now_s
        for boot in self._active:
            went_s = passed_s / self._stretch(boot)
            boot.left_s -= went_s
            boot.machine.used_s += went_s * self._cpu

    def _stretch(self, boot: Boot) -> float:
        """How much longer than alone it takes at present."""
        return 1 + self._slowdown * (self.count() - (not boot.spare))

    def _schedule(self) -> None:
        """The next one to end; what was planned before is void."""
        self._plan += 1
        if self._active:
            first = min(self._active, key=self._left_s)
            self._clock.after(self._left_s(first), self._end, self._plan, first)

    def _left_s(self, boot: Boot) -> float:
        return boot.left_s * self._stretch(boot)

    def _end(self, plan: int, boot: Boot) -> None:
        if plan != self._plan:
            return
        self.advance()
        self._active.remove(boot)
        self._schedule()
        boot.ended()


class Host:
    """The actuator in virtual time. `start` and `remove` are called for each instance that begins to boot and that is
    gone, `tell` for each event, `before_reload` for each reload. On so many `hosts` there is as much more room."""

    def __init__(
        self, clock: Clock, settings: PolicyFile, parameters: Parameters, balancer: BackEnd,
        start: Callable[[str], Machine], remove: Callable[[str], object], seed: int, hosts: int = 1,
    ) -> None:  # fmt: skip
        self.tell: Callable[[Event], None] = lambda _: None
        self.before_reload: Job = lambda: None
        self._clock = clock
        self._balancer = balancer
        self._start = start
        self._remove = remove
        self._reload_slowdown = parameters.balancer.reload_slowdown / hosts
        boot = parameters.instances.boot(settings.boot)
        self._thaw_s, self._ask_s = parameters.instances.thaw_ms / 1000, parameters.balancer.ask_ms / 1000
        parts = {"clone": boot.clone, "address": boot.address, "application": boot.application}
        self._boot_s = {part: draws_s(times, seed, part) for part, times in parts.items()}
        self._reload_s = draws_s(parameters.balancer.reload, seed, "reload")
        self._runtime_s = draws_s(parameters.balancer.runtime, seed, "runtime")
        self._drain_s = draws_s(parameters.balancer.drain, seed, "drain")
        self._stop_s = draws_s(parameters.instances.stop, seed, "stop")
        self._frozen: set[str] = set()
        self._drain_orders: dict[str, object] = {}
        self.boots = Boots(clock, boot.slowdown / hosts, boot.cpu)
        self._booting, self._spares = Pool(clock, parameters.cores * hosts), Pool(clock, hosts)
        self._drains, self._stops, self._balancing = Pool(clock, 16 * hosts), Pool(clock, 4 * hosts), Pool(clock, 1)

    def act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Clone(name, _, spare):
                    (self._spares if spare else self._booting).submit(partial(self._clone, name, spare))
                case Apply():
                    self._balancing.submit(partial(self._apply, action))
                case Drain(name):
                    order = self._drain_orders[name] = object()
                    self._balancing.submit(partial(self._drain, name, order))
                case Return(name):
                    self._drain_orders.pop(name, None)
                    self._balancing.submit(partial(self._ask, partial(self._balancer.undrain, name)))
                case Freeze(name):
                    self._balancing.submit(partial(self._ask, partial(self._frozen.add, name)))
                case Stop(name):
                    self._drain_orders.pop(name, None)
                    self._stops.submit(partial(self._stop, name))

    def _clone(self, name: str, spare: bool, free: Job) -> None:
        machine, began_s = self._start(name), self._clock.now_s
        alone_s = {part: next(draws) for part, draws in self._boot_s.items()}
        whole_s = sum(alone_s.values())

        def ended() -> None:
            stretch = (self._clock.now_s - began_s) / whole_s if whole_s else 1.0
            free()
            self.tell(Booted(name, {part: round(1000 * part_s * stretch, 1) for part, part_s in alone_s.items()}))

        self.boots.add(machine, whole_s, spare, ended)

    def _apply(self, action: Apply, free: Job) -> None:
        began_s = self._clock.now_s
        thawed = self._frozen & {member.name for member in action.members} if self._frozen else set()
        self._frozen -= thawed
        how = self._balancer.way(action.members)
        takes_s = len(thawed) * self._thaw_s
        if how == "reload":
            self.before_reload()
            takes_s += next(self._reload_s) * (1 + self._reload_slowdown * self.boots.count())
        else:
            takes_s += next(self._runtime_s) if how == "runtime" else self._ask_s

        def ended() -> None:
            self._balancer.apply(action.members)
            free()
            self.tell(Applied(action, 1000 * (self._clock.now_s - began_s), how))

        self._clock.after(takes_s, ended)

    def _ask(self, effect: Callable[[], object], free: Job) -> None:
        def ended() -> None:
            effect()
            free()

        self._clock.after(self._ask_s, ended)

    def _drain(self, name: str, order: object, free: Job) -> None:
        if self._drain_orders.get(name) is not order:
            free()
            return

        def ended() -> None:
            self._balancer.drain(name)
            free()
            until_s = self._clock.now_s + DRAIN_S
            self._drains.submit(partial(self._await_idle, name, order, until_s))

        self._clock.after(next(self._drain_s), ended)

    def _await_idle(self, name: str, order: object, until_s: float, free: Job) -> None:
        if self._drain_orders.get(name) is not order:
            free()
        elif self._balancer.in_flight(name) == 0:
            free()
            self.tell(Drained(name))
        elif self._clock.now_s >= until_s:
            free()
            self.tell(Drained(name, f"still had requests in flight after {DRAIN_S:g} s of draining"))
        else:
            self._clock.after(POLL_S + self._ask_s, self._await_idle, name, order, until_s, free)

    def _stop(self, name: str, free: Job) -> None:
        takes_s = next(self._stop_s)

        def ended() -> None:
            self._frozen.discard(name)
            self._remove(name)
            free()
            self.tell(Stopped(name, 1000 * takes_s))

        self._clock.after(takes_s, ended)
