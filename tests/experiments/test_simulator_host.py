"""Virtual time, pools of workers, boots that share the machine, and the actuator's order of steps."""

from typing import Any

import pytest

from controller.actions import Apply, Clone, Drain, Freeze, Member, Return, Stop
from controller.config import Service as Settings
from controller.haproxy_config import Waiting
from controller.ports import Applied, Booted, Drained, Event, Stopped
from controller.requestlog import Requests
from controller.site import Site
from experiments.simulator.balancer import Balancer, Exchange
from experiments.simulator.clock import Clock, Job, Pool
from experiments.simulator.host import Boots, Host
from experiments.simulator.instances import Answering, Instance
from tests.experiments.build import changed, default, exactly, policy

PARAMETERS = changed(
    default(),
    instances={
        "exec": default().instances.exec.model_copy(
            update={
                "clone": exactly(20),
                "address": exactly(0),
                "application": exactly(80),
                "cpu": 0.5,
                "slowdown": 0.5,
            }
        ),
        "stop": exactly(40),
        "thaw_ms": 6.0,
    },
    balancer={
        "reload": exactly(50),
        "reload_slowdown": 1.0,
        "runtime": exactly(5),
        "drain": exactly(10),
        "ask_ms": 1.0,
    },
    service={"get": exactly(30), "cpu_ms": 0.0},
)


def test_jobs_run_in_the_order_of_their_times_and_of_their_giving() -> None:
    clock, seen = Clock(), list[str]()
    for t_s, name in ((2.0, "c"), (1.0, "a"), (1.0, "b")):
        clock.at(t_s, lambda name=name: seen.append(f"{name}{clock.now_s:g}"))
    clock.run()
    assert seen == ["a1", "b1", "c2"]


def test_a_pool_takes_jobs_in_order_as_soon_as_a_worker_is_free() -> None:
    clock, began = Clock(), list[tuple[str, float]]()
    pool = Pool(clock, 2)

    def job(name: str, takes_s: float) -> Any:
        def begin(free: Job) -> None:
            began.append((name, clock.now_s))
            clock.after(takes_s, free)

        return begin

    for name, takes_s in (("a", 3.0), ("b", 1.0), ("c", 1.0), ("d", 1.0)):
        pool.submit(job(name, takes_s))
    clock.run()
    assert began == [("a", 0.0), ("b", 0.0), ("c", 1.0), ("d", 2.0)]


def boots(*jobs: tuple[float, float, bool]) -> list[float]:
    """When boots that begin then, take so long alone, and are spare or not, have ended."""
    clock, ends_s = Clock(), dict[int, float]()
    made = Boots(clock, slowdown=0.5, cpu=1.0)
    instance = Instance(clock, Answering(Settings(), PARAMETERS.service, seed=1))
    for number, (begin_s, alone_s, spare) in enumerate(jobs):
        done = lambda number=number: ends_s.update({number: clock.now_s})  # noqa: E731
        clock.at(begin_s, lambda work=(instance, alone_s, spare, done): made.add(*work))
    clock.run()
    assert instance.used_s == pytest.approx(sum(alone_s for _, alone_s, _ in jobs))
    return [round(ends_s[number], 6) for number in range(len(jobs))]


def test_boots_are_slower_for_as_long_as_they_are_together() -> None:
    assert boots((0.0, 3.0, False)) == [3.0]
    assert boots((0.0, 3.0, False), (0.0, 3.0, False)) == [4.5, 4.5]
    assert boots((0.0, 3.0, False), (1.5, 3.0, False)) == [3.75, 5.25]


def test_a_spare_boot_gives_way_and_slows_down_nothing() -> None:
    assert boots((0.0, 3.0, False), (0.0, 3.0, True)) == [3.0, 4.0]
    assert boots((0.0, 3.0, True)) == [3.0]


class Played:
    """The actuator alone, with its balancer; what it told, and when, in milliseconds."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.told: list[tuple[float, Event]] = []
        self.reloads_ms: list[float] = []
        instances: dict[str, Instance] = {}
        requests = Requests(lambda *_: None)
        self.policy = policy(**{"boot": "exec", "apply": "reload", **settings})
        slots = 9 if self.policy.apply == "runtime" else 0
        self.balancer = Balancer(self.clock, Site(), instances, requests, slots, Waiting())
        answering = Answering(self.policy.service, PARAMETERS.service, seed=1)

        def start(name: str) -> Instance:
            instances[name] = Instance(self.clock, answering)
            return instances[name]

        self.host = Host(self.clock, self.policy, PARAMETERS, self.balancer, start, instances.pop, seed=1)
        self.host.tell = lambda event: self.told.append((self._now_ms(), event))
        self.host.before_reload = lambda: self.reloads_ms.append(self._now_ms())

    def _now_ms(self) -> float:
        return round(1000 * self.clock.now_s, 3)

    def run(self) -> "Played":
        self.clock.run()
        return self

    def busy(self, name: str) -> None:
        """Begin a request at the only server that is ready."""
        assert self.balancer.read().ready == {name}
        self.balancer.accept(self.balancer.worker, Exchange("get", self.clock.now_s, 60.0, lambda _: None))

    def serving(self, *names: str) -> "Played":
        self.host.act([Clone(name, int(name[-1])) for name in names])
        self.run()
        self.host.act([members(*names)])
        self.run()
        self.told.clear()
        self.clock.now_s = 0.0
        return self


def members(*names: str) -> Apply:
    return Apply(tuple(Member(name, int(name[-1])) for name in names))


def test_so_many_boot_at_once_as_there_are_cores_and_the_parts_make_up_the_whole() -> None:
    played = Played()
    played.host.act([Clone(f"web-{number}", number) for number in (1, 2, 3)])
    played.run()
    assert [t_ms for t_ms, _ in played.told] == [150, 150, 250]
    events = [event for _, event in played.told]
    assert events[0] == Booted("web-1", {"clone": 30.0, "address": 0.0, "application": 120.0})
    assert events[2] == Booted("web-3", {"clone": 20.0, "address": 0.0, "application": 80.0})


def test_changes_of_the_balancer_come_one_after_the_other_and_boots_slow_a_reload() -> None:
    played = Played().serving("web-1", "web-2")
    played.host.act([Clone("web-3", 3), members("web-1"), members("web-2", "web-1")])
    played.run()
    applied = [(t_ms, event) for t_ms, event in played.told if isinstance(event, Applied)]
    assert [t_ms for t_ms, _ in applied] == [100, 150]
    assert [event.took_ms for _, event in applied] == pytest.approx([100, 50])
    assert {event.how for _, event in applied} == {"reload"}
    assert played.reloads_ms[-2:] == [0, 100]


def test_a_drain_waits_for_what_is_in_flight_and_asks_every_so_often() -> None:
    played = Played().serving("web-1")
    played.busy("web-1")
    played.host.act([Drain("web-1")])
    played.run()
    assert played.told == [(31, Drained("web-1"))]


def test_a_drain_that_is_called_back_is_told_of_by_nobody() -> None:
    played = Played().serving("web-1")
    played.busy("web-1")
    played.host.act([Drain("web-1"), Return("web-1")])
    played.run()
    assert played.told == []
    assert played.balancer.read().ready == {"web-1"}


def test_a_drain_that_is_called_back_while_it_waits_is_told_of_by_nobody_either() -> None:
    played = Played().serving("web-1")
    played.busy("web-1")
    played.host.act([Drain("web-1")])
    played.clock.at(0.015, lambda: played.host.act([Return("web-1")]))
    played.run()
    assert played.told == []


def test_a_stop_takes_its_time() -> None:
    played = Played().serving("web-1")
    played.host.act([Stop("web-1")])
    played.run()
    assert played.told == [(40, Stopped("web-1", 40.0))]


def test_a_frozen_instance_is_thawed_before_it_serves() -> None:
    played = Played(apply="runtime").serving("web-1")
    played.host.act([Clone("web-2", 2)])
    played.run()
    played.host.act([Freeze("web-2")])
    played.run()
    played.host.act([members("web-2", "web-1")])
    played.run()
    (applied,) = [event for _, event in played.told if isinstance(event, Applied)]
    assert applied.took_ms == pytest.approx(11.0)
    assert applied.how == "runtime"
    played.host.act([members("web-2"), members("web-2", "web-1")])
    played.run()
    assert [event.took_ms for _, event in played.told if isinstance(event, Applied)] == pytest.approx([11, 5, 5])
