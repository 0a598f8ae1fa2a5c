"""One run in virtual time: the controller's loop on the models."""

from collections.abc import Mapping, Sequence

from controller.config import PolicyFile
from controller.judge import Judge
from controller.loop import Loop
from controller.ports import Event, FirstAnswer, Journal
from controller.requestlog import Requests
from controller.sensor import HostSensor
from controller.site import Site
from experiments.simulator.balancer import Balancer, Exchange
from experiments.simulator.client import Client, ClosedClient, OpenClient
from experiments.simulator.clock import Clock
from experiments.simulator.host import Host
from experiments.simulator.instances import HEALTH, OK, Answering, Instance
from experiments.simulator.parameters import Parameters
from loadgen.ledger import Record
from loadgen.load import ClosedLoad, Load

NOTHING = (None, 0.0, 0.0)
PROBE_S = 0.5  # the runner's pause between two health checks through HAProxy


class CpuMeter:
    """CPU use in percent of one core, between one call and the next; an instance's first is not known."""

    def __init__(self, clock: Clock, host: Host, instances: Mapping[str, Instance]) -> None:
        self._clock = clock
        self._host = host
        self._instances = instances
        self._last: dict[str, tuple[Instance | None, float, float]] = {}

    def percent(self) -> dict[str, float]:
        self._host.boots.advance()
        now_s, found = self._clock.now_s, {}
        last: dict[str, tuple[Instance | None, float, float]] = {}
        for name, each in self._instances.items():
            before, since_s, used_s = self._last.get(name, NOTHING)
            if before is each and now_s > since_s:
                found[name] = 100 * (each.used_s - used_s) / (now_s - since_s)
            last[name] = (each, now_s, each.used_s)
        self._last = last
        return found


class Simulation:
    """A controller with `settings` under `load`. The same arguments give the same journal and the same records;
    `started` is the time of day to write into it."""

    def __init__(
        self, settings: PolicyFile, load: Load, parameters: Parameters, seed: int, journal: Journal,
        started: str = "", shadows: Sequence[Judge] = (),
    ) -> None:  # fmt: skip
        self.clock = Clock()
        self._started = started
        self._settings = settings
        self._parameters = parameters
        self._settle_s = 0.0
        self._journal = journal
        site, bounds = Site(), settings.instances
        slots = site.slots_for(bounds.max + bounds.standby)
        requests = Requests(lambda name, at_s: self._tell(FirstAnswer(name, at_s)))
        instances: dict[str, Instance] = {}
        answering = Answering(settings.service, parameters.service, seed)
        balancer = Balancer(
            self.clock, site, instances, requests, slots if settings.apply == "runtime" else 0,
            settings.waiting,
        )  # fmt: skip
        host = Host(self.clock, settings, parameters, balancer, requests, instances, answering, seed)
        meter = CpuMeter(self.clock, host, instances)
        sensor = HostSensor(balancer, requests, self.clock.now, meter.percent, settings.rate_window_s)
        host.tell, host.before_reload, balancer.boots = self._tell, sensor.sample, host.boots.count
        fleet, judge = settings.make_fleet(site.service, slots), settings.make_judge(settings.policy_name)
        self.loop = Loop(fleet, judge, sensor, host, journal, shadows)
        self._balancer = balancer
        course = parameters.run
        self._client: Client
        if isinstance(load, ClosedLoad):
            self._client = ClosedClient(self.clock, balancer, load, course.load_from_s, self._load_ended)
        else:
            self._client = OpenClient(
                self.clock, balancer, load, course.load_from_s, self._load_ended, course.lag, seed
            )

    def run(self, settle_s: float) -> list[Record]:
        """Run through the load and `settle_s` beyond its end; what became of each arrival, in the order of their due
        times."""
        self._settle_s = settle_s
        policy, notes = self._settings.model_dump(mode="json"), self._settings.notes
        self._journal.write(0.0, "start", monotonic_s=0.0, time=self._started, policy=policy, notes=notes)
        self.clock.at(self._parameters.run.first_tick_s, self._tick)
        self.clock.at(self._parameters.run.first_tick_s + PROBE_S, self._probe)
        self.clock.run()
        self._journal.write(self.clock.now_s, "stop", troubles=[], tick_ms_p50=None, tick_ms_p99=None)
        return sorted(self._client.records, key=lambda record: record.due_s)

    def _load_ended(self) -> None:
        self.clock.after(self._parameters.run.load_ends_s + self._settle_s, self.clock.stop)

    def _tick(self) -> None:
        self.loop.tick(self.clock.now_s)
        self._await_wake()
        self.clock.after(self._settings.tick_s, self._tick)

    def _await_wake(self) -> None:
        """The loop may want to go on before the next tick or event."""
        if (wake_s := self.loop.wake_s) is not None:
            self.clock.at(wake_s, self._wake)

    def _wake(self) -> None:
        if (wake_s := self.loop.wake_s) is not None and wake_s <= self.clock.now_s:
            self.loop.wake(self.clock.now_s)

    def _probe(self) -> None:
        """As the runner does before the load: ask for the health until it is well."""
        now_s = self.clock.now_s
        exchange = Exchange(HEALTH, now_s, now_s + 1.0, self._probed)
        self._balancer.accept(self._balancer.worker, exchange)

    def _probed(self, status: int) -> None:
        if status != OK:
            self.clock.after(PROBE_S, self._probe)

    def _tell(self, event: Event) -> None:
        self.loop.handle(event, self.clock.now_s)
        self._await_wake()
