"""One run in virtual time with flows instead of requests: for days, and for thousands of instances.

The controller's loop, the actuator's steps and their durations are those of the simulation of single requests; load,
balancer and instances are flows (experiments.simulator.flow). Not modelled: connections that are kept alive, the load
generator's lag and its bound of requests in flight, and that boots slow down answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.actions import Member
from controller.config import PolicyFile
from controller.judge import Judge
from controller.ports import Journal
from controller.site import Site
from experiments.simulator.clock import Clock
from experiments.simulator.controlling import Controller
from experiments.simulator.flow import Arrivals, Flow
from experiments.simulator.flows import Answers, Flows, FlowSensor
from experiments.simulator.host import Host
from experiments.simulator.parameters import Parameters
from loadgen.load import OpenLoad

POLL_S = 0.1  # until what waits at the load's end has been served or has timed out


@dataclass(slots=True)
class Usage:
    """An instance, of which nothing is known but the CPU time that its boot takes."""

    used_s: float = 0.0


class FlowBalancer:
    """HAProxy's back end as the actuator commands it; who is usable decides where the flow goes."""

    def __init__(self, clock: Clock, flow: Flow, is_runtime: bool, answer_s: float) -> None:
        self._clock = clock
        self._flow = flow
        self._is_runtime = is_runtime
        self._answer_s = answer_s
        self._served: frozenset[str] = frozenset()
        self._disabled: frozenset[str] = frozenset()
        self._idle_s: dict[str, float] = {}
        self._asked: tuple[Sequence[Member], frozenset[str]] = ((), frozenset())

    def way(self, members: Sequence[Member]) -> str:
        names, disabled = self._wanted(members)
        if (names, disabled) == (self._served, self._disabled):
            return "none"
        return "runtime" if self._is_runtime else "reload"

    def apply(self, members: Sequence[Member]) -> None:
        self._flow.advance(self._clock.now_s)
        if self.way(members) == "reload":
            self._flow.leave_queue_behind()
        names, disabled = self._wanted(members)
        for name in self._served - names:
            self._flow.windows.forget(name)
            self._idle_s.pop(name, None)
        self._flow.windows.join(names - disabled - self._flow.windows.names, self._clock.now_s)
        self._served, self._disabled = names, disabled

    def _wanted(self, members: Sequence[Member]) -> tuple[frozenset[str], frozenset[str]]:
        if members is not self._asked[0]:
            self._asked = (members, frozenset([member.name for member in members]))
        names = self._asked[1]
        return names, (self._disabled & names) | {member.name for member in members if member.draining}

    def drain(self, name: str) -> None:
        self._flow.advance(self._clock.now_s)
        self._flow.windows.leave(name)
        self._disabled |= {name}
        busy_s = self._answer_s + (self._flow.held / self._flow.each_rps if self._flow.queues else 0.0)
        self._idle_s[name] = self._clock.now_s + busy_s

    def undrain(self, name: str) -> None:
        self._flow.advance(self._clock.now_s)
        self._disabled -= {name}
        self._flow.windows.join([name], self._clock.now_s)

    def in_flight(self, name: str) -> int:
        return int(self._clock.now_s < self._idle_s.get(name, 0.0))


def _newest_first(settings: PolicyFile) -> PolicyFile:
    """The same fleet where all are loaded alike, as flows have it: the newest is the least loaded one."""
    if settings.instances.victim != "least_loaded":
        return settings
    return settings.model_copy(update={"instances": settings.instances.model_copy(update={"victim": "newest"})})


@dataclass(frozen=True, slots=True)
class Scale:
    """By how much a run is larger than the scenario says: so many hosts as the parameters describe, each with the
    scenario's load and the policy file's largest fleet; and a load that takes so many times longer."""

    hosts: int = 1
    stretch: float = 1.0

    def fleet(self, settings: PolicyFile) -> PolicyFile:
        """The settings for a fleet on all hosts."""
        bounds = settings.instances
        larger = {"max": bounds.max * self.hosts, "standby": bounds.standby * self.hosts}
        return settings.model_copy(update={"instances": bounds.model_copy(update=larger)})


class FluidSimulation:
    """A controller with `settings` under `load`; the settings are for the fleet of all hosts already."""

    def __init__(
        self, settings: PolicyFile, load: OpenLoad, parameters: Parameters, seed: int, journal: Journal,
        started: str = "", shadows: Sequence[Judge] = (), scale: Scale = Scale(),
    ) -> None:  # fmt: skip
        self._clock = Clock()
        self._course = parameters.run
        self._ends_s = parameters.run.load_from_s + scale.stretch * load.duration_s
        self._settle_s = 0.0
        self._flows = Flows()
        arrivals = Arrivals(load, parameters.run.load_from_s, scale.hosts, scale.stretch)
        self._flow = Flow(arrivals, settings.service, parameters.service, settings.waiting.for_first, self._flows.note)
        answers = Answers(parameters.service, load)
        balancer = FlowBalancer(self._clock, self._flow, settings.apply == "runtime", answers.mean_s)
        host = Host(
            self._clock, settings, parameters, balancer, lambda _: Usage(), lambda _: None, seed, scale.hosts
        )
        fleet = _newest_first(settings).make_fleet(
            Site().service, 2 * (settings.instances.max + settings.instances.standby) + 4
        )
        cpu_s = parameters.service.cpu_ms / 1000
        sensor = FlowSensor(self._flow, self._flows, answers, settings.rate_window_s, cpu_s)
        self._controller = Controller(self._clock, settings, fleet, sensor, host, journal, shadows, started)
        host.tell = self._controller.tell

    def run(self, settle_s: float) -> Flows:
        """Run through the load and `settle_s` beyond its end; what went on."""
        self._settle_s = settle_s
        self._clock.at(self._ends_s, self._load_ended)
        self._controller.run(self._course.first_tick_s)
        return self._flows

    @property
    def now_s(self) -> float:
        """Virtual time since the controller's start."""
        return self._clock.now_s

    def _load_ended(self) -> None:
        self._flow.advance(self._clock.now_s)
        if self._flow.queues:
            self._clock.after(POLL_S, self._load_ended)
        else:
            self._clock.after(self._course.load_ends_s + self._settle_s, self._clock.stop)
