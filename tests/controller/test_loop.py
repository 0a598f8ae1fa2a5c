"""The loop in virtual time: stories told by a load over time, and what the fleet makes of it."""

import heapq
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from controller.actions import Action, Apply, Clone, Drain, Stop
from controller.fleet import Fleet
from controller.judge import Judge
from controller.limits import Limiter, Limits
from controller.loop import Loop, describe
from controller.model import Counts, Instance, Observation
from controller.policies import Policy
from controller.ports import Applied, ApplyFailed, Booted, Drained, Event, Failed, FirstAnswer, Stopped
from controller.sensor import samples_of
from tests.controller.build import decided, observed, rule, rules, target

Load = Callable[[float], float | None]
Outcome = Callable[[Action, float], Event | None]
TOOK_S = {Clone: 1.0, Apply: 0.1, Drain: 0.2, Stop: 0.3}


def success(action: Action, _: float) -> Event | None:
    match action:
        case Clone(name):
            return Booted(name, {"clone": 400.0, "application": 600.0})
        case Apply():
            return Applied(action, 1000 * TOOK_S[Apply])
        case Drain(name):
            return Drained(name)
        case Stop(name):
            return Stopped(name, 1000 * TOOK_S[Stop])
        case _:  # Freeze and Return are told of only when they fail
            return None


class World:
    """Sensor, actuator and journal in virtual time: what is done becomes an event after a while."""

    def __init__(
        self,
        load: Load,
        policy: Policy,
        outcome: Outcome = success,
        standby: int = 0,
        wanted: int = 1,
        shadows: Sequence[Judge] = (),
    ) -> None:
        self.load, self.outcome, self.now_s, self.number = load, outcome, 0.0, itertools.count()
        self.lines: list[dict[str, Any]] = []
        self.due: list[tuple[float, int, Event]] = []
        self.served: set[str] | None = set()  # the balancer's members, None while it is down
        fleet = Fleet("web", 50, wanted, standby)
        self.loop = Loop(fleet, Judge("acting", policy, Limiter(Limits(1, 40))), self, self, self, shadows)

    def observe(self, now_s: float, counts: Counts, instances: Sequence[Instance]) -> Observation:
        rps = self.load(now_s) if self.served is not None else None
        samples, missing = samples_of(instances, {}, {}), "no statistics" if rps is None else ""
        return Observation(now_s, counts, offered_rps=rps, instances=samples, missing=missing)

    def act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if event := self.outcome(action, self.now_s):
                self.later(TOOK_S[type(action)], event)

    def later(self, pause_s: float, event: Event) -> None:
        heapq.heappush(self.due, (self.now_s + pause_s, next(self.number), event))

    def write(self, t_s: float, event: str, **fields: Any) -> None:
        self.lines.append({"t_s": round(t_s, 3), "event": event, **fields})

    def run(self, until_s: float, tick_s: float = 0.5) -> "World":
        while self.now_s < until_s:
            tick_at_s = self.now_s
            self.loop.tick(tick_at_s)
            while self.due and self.due[0][0] < tick_at_s + tick_s:
                self.now_s, _, event = heapq.heappop(self.due)
                if isinstance(event, Applied) and isinstance(event.action, Apply):
                    self.served = {member.name for member in event.action.members}
                self.loop.handle(event, self.now_s)
            self.now_s = tick_at_s + tick_s
        return self

    def of(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        wanted = {"event": event, **fields}
        return [line for line in self.lines if wanted.items() <= line.items()]

    def column(self, field: str, *times_s: float) -> list[Any]:
        return [line[field] for line in self.of("tick") if line["t_s"] in times_s]


def flash_crowd(now_s: float) -> float:
    return 5.0 if now_s < 10 else 100.0


def test_flash_crowd_is_followed_within_one_boot() -> None:
    world = World(flash_crowd, target(10)).run(14)
    times_s = (9.5, 10.0, 10.5, 11.0, 11.5)
    assert world.column("wanted", *times_s) == [1, 10, 10, 10, 10]
    assert world.column("booting", *times_s) == [0, 0, 9, 9, 0]
    assert world.column("in_service", *times_s) == [1, 1, 1, 1, 10]


def test_flash_crowd_orders_its_instances_once_while_they_boot() -> None:
    """After a rule fired, its condition must hold for the whole time again."""
    world = World(flash_crowd, rules(rule("rate_per_instance", above=8, add="100%", for_s=0.5))).run(30)
    assert [(line["t_s"], line["wanted"]) for line in world.of("decision")] == [
        (10.5, 2), (11.5, 4), (12.5, 8), (13.5, 16)
    ]  # fmt: skip


def test_standby_instances_serve_a_flash_crowd_without_a_boot() -> None:
    world = World(flash_crowd, target(10), standby=9).run(14)
    assert world.column("in_service", 10.0, 10.5) == [1, 10]


def test_scale_down_drains_first_then_leaves_the_balancer_then_stops() -> None:
    world = World(lambda now_s: 20.0 if now_s < 10 else 5.0, target(10)).run(15)
    (story,) = [name for name in ("web-1", "web-2") if name not in world.loop.fleet.instances]
    lines = [line for line in world.lines if line["t_s"] >= 10 and line["event"] != "tick"]
    told = [line.get("phase", line["event"]) for line in lines if line.get("instance") in (story, None)]
    assert told == ["decision", "DRAINING", "reload", "STOPPING", "GONE"]
    assert [line["t_s"] for line in lines if line["event"] == "reload"] == [10.3]


def test_boots_that_fail_are_retried_after_growing_pauses() -> None:
    def outcome(action: Action, now_s: float) -> Event | None:
        if isinstance(action, Clone) and now_s < 12:
            return Failed(action.name, "no template")
        return success(action, now_s)

    world = World(lambda _: 5.0, target(10), outcome).run(30)
    ordered_s = [line["t_s"] for line in world.of("instance", phase="BOOTING")]
    assert ordered_s == [0.0, 1.5, 3.5, 6.5, 11.5, 20.5]
    assert world.column("in_service", 29.0) == [1]
    assert {line["reason"] for line in world.of("instance", phase="FAILED")} == {"no template"}


def test_missing_statistics_never_shrink_the_fleet() -> None:
    world = World(lambda now_s: 100.0 if now_s < 10 else None, target(10)).run(60)
    assert set(world.column("wanted", *range(10, 60))) == {10}
    assert "no statistics" in world.of("tick")[-1]["sentence"]


def test_fleet_goes_on_growing_when_the_statistics_are_back() -> None:
    world = World(lambda now_s: None if 5 <= now_s < 10 else 30.0, target(10)).run(12)
    assert world.column("wanted", 9.0, 10.0) == [3, 3]


def test_dead_instance_is_replaced() -> None:
    world = World(lambda _: 25.0, target(10)).run(5)
    world.later(0.1, Failed("web-2", "its first process ended"))
    world.run(8)
    assert world.column("in_service", 4.5, 5.5, 7.0) == [3, 2, 3]
    assert world.served == {"web-1", "web-3", "web-4"}
    assert world.of("instance", instance="web-2")[-1]["phase"] == "GONE"


def test_refused_reload_is_retried_and_the_old_members_stay() -> None:
    def outcome(action: Action, now_s: float) -> Event | None:
        refused = isinstance(action, Apply) and 5 <= now_s < 8
        return ApplyFailed("out of memory") if refused else success(action, now_s)

    world = World(lambda now_s: 5.0 if now_s < 5 else 15.0, target(10), outcome).run(7.5)
    assert world.served == {"web-1"}
    assert world.loop.fleet.counts().standby == 1
    world.run(12)
    assert world.served == {"web-1", "web-2"}
    times_s = [line["t_s"] for line in world.of("error")]
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(times_s))
    assert "goes on as before: out of memory" in world.of("error")[0]["message"]


def test_drain_that_was_given_up_is_told() -> None:
    def outcome(action: Action, now_s: float) -> Event | None:
        return Drained(action.name, "still busy") if isinstance(action, Drain) else success(action, now_s)

    world = World(lambda now_s: 20.0 if now_s < 10 else 5.0, target(10), outcome).run(15)
    assert [line["message"] for line in world.of("error")] == ["web-2: still busy"]
    assert world.column("draining", 14.0) == [0]


def test_same_load_leads_to_the_same_journal() -> None:
    def journal() -> list[dict[str, Any]]:
        return World(lambda now_s: 60 + 50 * ((now_s * 7) % 1 - 0.5), target(7), standby=2).run(60).lines

    assert journal() == journal()


def test_first_answer_is_told_with_the_time_since_the_decision() -> None:
    world = World(lambda _: 5.0, target(10)).run(2)
    world.loop.handle(FirstAnswer("web-1", 1.25), 1.3)
    world.loop.handle(FirstAnswer("web-99", 1.25), 1.3)
    (line,) = world.of("first_answer")
    assert (line["instance"], line["since_decision_ms"]) == ("web-1", 1250)


def test_each_decision_is_recorded_with_its_reason() -> None:
    world = World(flash_crowd, target(10)).run(12)
    (line,) = world.of("decision")
    assert (line["was"], line["wanted"], line["reason"]) == (1, 10, "offered 100/s needs 10 at 10/s each")


def test_tick_records_everything_that_was_seen() -> None:
    (line, *_) = World(lambda _: 5.0, target(10)).run(1).of("tick")
    assert {"offered_rps", "latency_ms_p95", "cpu_percent", "missing", "booting", "in_service", "wanted"} <= set(line)
    assert "counts" not in line


def test_sentence_tells_change_reason_and_what_was_seen() -> None:
    seen = observed(3, 2, offered_rps=25.04, rejected_rps=5.0, queue_requests=3, latency_ms_p95=12.3)
    assert describe(seen, decided(3)) == (
        "grow to 3: because; 2 in service; offered 25.0/s, rejected 5.0/s, 3 queued, p95 12 ms"
    )
    assert describe(seen, decided(1)).startswith("shrink to 1: ")
    assert describe(observed(3, 2, missing="no answer"), decided(2)) == "hold 2: because; 2 in service; no answer"


def test_time_in_the_queue_for_a_boot_is_not_counted_as_the_balancer_s() -> None:
    """Two boots at a time: the last of six waits two seconds before its own boot begins."""
    world = World(lambda _: 5.0, target(10), lambda *_: None)
    world.loop.tick(0.0)
    world.loop.handle(Applied(Apply(()), 100.0), 0.0)
    world.loop.handle(Booted("web-1", {"clone": 400.0, "application": 600.0}), 3.0)
    world.loop.handle(Applied(Apply(world.loop.fleet.members()), 100.0), 3.1)
    assert world.of("instance", phase="IN_SERVICE")[0]["balancer_ms"] == pytest.approx(100)


def test_balancer_that_went_down_is_brought_back() -> None:
    world = World(lambda _: 25.0, target(10)).run(5)
    world.served = None
    world.run(20)
    assert world.served == {"web-1", "web-2", "web-3"}


def test_unknown_rate_is_not_told_as_zero() -> None:
    assert "0.0/s" not in describe(observed(0, 1, offered_rps=None), decided(1))


def test_first_answer_that_is_seen_early_counts_from_the_decision_all_the_same() -> None:
    world = World(lambda _: 5.0, target(10), lambda *_: None)
    world.loop.tick(1.0)
    world.loop.handle(Applied(Apply(()), 100.0), 1.0)
    world.loop.handle(Booted("web-1", {}), 1.3)
    world.loop.handle(FirstAnswer("web-1", 1.4), 1.41)
    assert world.of("first_answer") == []
    world.loop.handle(Applied(Apply(world.loop.fleet.members()), 100.0), 1.42)
    assert world.of("first_answer")[0]["since_decision_ms"] == pytest.approx(400)
