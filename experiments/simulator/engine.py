"""One run in virtual time: the controller's loop on the models."""

from collections.abc import Mapping, Sequence

from controller.config import PolicyFile
from controller.judge import Judge
from controller.ports import FirstAnswer, Journal
from controller.requestlog import Requests
from controller.sensor import HostSensor
from controller.site import Site
from experiments.simulator.balancer import Balancer
from experiments.simulator.client import Client, ClosedClient, OpenClient
from experiments.simulator.clock import Clock
from experiments.simulator.controlling import Controller
from experiments.simulator.host import Host
from experiments.simulator.instances import Answering, Instance
from experiments.simulator.parameters import Parameters
from loadgen.ledger import Record
from loadgen.load import ClosedLoad, Load

NOTHING = (None, 0.0, 0.0)


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
        self._clock = Clock()
        self._course = course = parameters.run
        self._settle_s = 0.0
        site, bounds = Site(), settings.instances
        slots = site.slots_for(bounds.max + bounds.standby)
        requests = Requests(lambda name, at_s: self._controller.tell(FirstAnswer(name, at_s)))
        instances: dict[str, Instance] = {}
        answering = Answering(settings.service, parameters.service, seed)
        self._balancer = Balancer(
            self._clock, site, instances, requests, slots if settings.apply == "runtime" else 0,
            settings.waiting,
        )  # fmt: skip

        def start(name: str) -> Instance:
            requests.await_first_answer(name)
            instances[name] = Instance(self._clock, answering)
            return instances[name]

        host = Host(self._clock, settings, parameters, self._balancer, start, instances.pop, seed)
        meter = CpuMeter(self._clock, host, instances)
        sensor = HostSensor(self._balancer, requests, self._clock.now, meter.percent, settings.rate_window_s)
        fleet = settings.make_fleet(site.service, slots)
        self._controller = Controller(self._clock, settings, fleet, sensor, host, journal, shadows, started)
        host.tell, host.before_reload, self._balancer.boots = self._controller.tell, sensor.sample, host.boots.count
        self._client: Client
        if isinstance(load, ClosedLoad):
            self._client = ClosedClient(self._clock, self._balancer, load, course.load_from_s, self._load_ended)
        else:
            self._client = OpenClient(
                self._clock, self._balancer, load, course.load_from_s, self._load_ended, course.lag, seed
            )

    def run(self, settle_s: float) -> list[Record]:
        """Run through the load and `settle_s` beyond its end; what became of each arrival, in the order of their due
        times."""
        self._settle_s = settle_s
        self._controller.run(self._course.first_tick_s)
        return sorted(self._client.records, key=lambda record: record.due_s)

    @property
    def now_s(self) -> float:
        """Virtual time since the controller's start."""
        return self._clock.now_s

    def _load_ended(self) -> None:
        self._clock.after(self._course.load_ends_s + self._settle_s, self._clock.stop)

