"""The watch in virtual time: what the world shows, and what is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from controller.model import Instance, Phase
from controller.ports import BalancerLost, Event, Failed, Trouble
from controller.usage import Signs
from controller.watch import ANSWER_S, ASK_S, ASKED_PER_S, BUSY_S, COMMON_S, ROUND_S, Watch, answer_s

OUT_S = 1.0  # within it a hang must be told, with time left to act


@dataclass
class Asked:
    """A question to an instance of the world."""

    world: "World"
    name: str
    connected: bool = True
    closed: bool = False

    def status(self) -> int | None:
        self.connected = self.name not in self.world.unplugged
        return self.world.statuses.get(self.name, 200)

    def close(self) -> None:
        self.closed = True


@dataclass
class World:
    """All instances answer at once, unless `statuses` says otherwise; CPU time grows by `cpu` a second."""

    names: tuple[str, ...] = ("web-1", "web-2", "web-3")
    now_s: float = 0.0
    statuses: dict[str, int | None] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    phases: dict[str, Phase] = field(default_factory=dict)
    heard_s: dict[str, float] = field(default_factory=dict)
    unplugged: set[str] = field(default_factory=set)
    dead: dict[str, str] = field(default_factory=dict)
    balancer: bool = True
    asked: list[Asked] = field(default_factory=list)
    told: list[tuple[float, Event]] = field(default_factory=list)
    patience_s: float = ANSWER_S

    def __post_init__(self) -> None:
        self.watch = Watch(self, self.tell, lambda: self.now_s, self.patience_s)

    def tell(self, event: Event) -> None:
        self.told.append((self.now_s, event))

    def instances(self) -> list[Instance]:
        return [Instance(slot, name, self.phases.get(name, Phase.IN_SERVICE), 0.0, 0.0)
                for slot, name in enumerate(self.names, 1)]  # fmt: skip

    def deaths(self) -> Mapping[str, str]:
        return self.dead

    def answered_s(self, name: str) -> float:
        return self.heard_s.get(name, float("-inf"))

    def ask(self, instance: Instance) -> Asked:
        self.asked.append(Asked(self, instance.name))
        return self.asked[-1]

    def signs(self, name: str) -> Signs | None:
        return Signs(self.cpu.get(name, 0.0) * self.now_s, self.states.get(name, "S"))

    def balancer_lives(self) -> bool:
        return self.balancer

    def run(self, until_s: float) -> "World":
        while self.now_s < until_s:
            self.now_s += ROUND_S
            self.watch.round(self.now_s)
        return self

    @property
    def failed(self) -> dict[str, str]:
        return {event.name: event.reason for _, event in self.told if isinstance(event, Failed)}


@pytest.fixture
def world() -> World:
    return World().run(5.0)


def test_nothing_is_told_of_instances_that_answer(world: World) -> None:
    assert world.told == []
    assert len(world.asked) == pytest.approx(3 * 5 / ASK_S, rel=0.3)
    assert sum(not each.closed for each in world.asked) <= 3


def test_instance_that_hangs_is_told_within_a_second(world: World) -> None:
    world.statuses["web-2"] = None
    world.run(5 + OUT_S - 0.1)
    assert list(world.failed) == ["web-2"]
    assert "stopped answering: no answer for 0.4 s: its threads wait" in world.failed["web-2"]


@pytest.mark.parametrize(
    ("states", "words"), [("TTTT", "its process is stopped"), ("DD", "are frozen"), ("SSS", "its threads wait")]
)
def test_reason_tells_what_the_process_does(world: World, states: str, words: str) -> None:
    world.statuses["web-2"], world.states["web-2"] = None, states
    assert words in world.run(6).failed["web-2"]


def test_instance_that_no_packet_reaches_is_told_as_such(world: World) -> None:
    world.statuses["web-2"] = None
    world.unplugged.add("web-2")
    assert "its address does not react" in world.run(6).failed["web-2"]


@pytest.mark.parametrize("cores", [0.02, 0.1, 1.0])
def test_instance_that_computes_is_busy_and_not_hung(world: World, cores: float) -> None:
    world.statuses["web-2"], world.cpu["web-2"] = None, cores
    assert world.run(5 + BUSY_S - 1).told == []


def test_instance_that_waits_for_its_turn_on_the_cpu_is_not_hung(world: World) -> None:
    world.statuses["web-2"], world.states["web-2"] = None, "SSR"
    assert world.run(20).told == []


def test_instance_that_computes_for_ever_is_told_in_the_end(world: World) -> None:
    world.statuses["web-2"], world.cpu["web-2"] = None, 1.0
    assert "though it computes" in world.run(6 + BUSY_S).failed["web-2"]


def test_instance_that_answers_clients_is_not_asked(world: World) -> None:
    world.asked.clear()
    for _ in range(100):
        world.heard_s = dict.fromkeys(world.names, world.now_s)
        world.run(world.now_s + ROUND_S)
    assert world.asked == []


def test_instance_whose_threads_answer_clients_is_well_though_its_health_check_waits(world: World) -> None:
    world.statuses["web-2"] = None
    for _ in range(100):
        world.heard_s["web-2"] = world.now_s
        world.run(world.now_s + 0.3)
    assert world.told == []


def test_short_silence_is_forgiven(world: World) -> None:
    world.statuses["web-2"] = None
    world.run(5.3)
    world.statuses.clear()
    assert world.run(20).told == []


def test_host_that_stood_still_blames_nobody(world: World) -> None:
    world.statuses = dict.fromkeys(world.names, None)
    world.run(5.2)
    world.now_s += 10
    world.watch.round(world.now_s)
    world.statuses.clear()
    assert world.run(30).told == []


def test_most_of_them_silent_at_once_are_given_time_and_it_is_told(world: World) -> None:
    world.statuses = dict.fromkeys(("web-1", "web-2"), None)
    world.run(5 + OUT_S)
    assert [type(event) for _, event in world.told] == [Trouble]
    assert "2 of 3 instances are not well at once" in str(world.told[0][1])
    world.statuses.clear()
    assert len(world.run(20).told) == 1


def test_most_of_them_silent_for_long_are_replaced_all_the_same(world: World) -> None:
    world.statuses = dict.fromkeys(world.names, None)
    assert set(world.run(5 + OUT_S + COMMON_S).failed) == set(world.names)


def test_single_instance_that_hangs_is_its_own_cause() -> None:
    world = World(names=("web-1",)).run(2.0)
    world.statuses["web-1"] = None
    assert list(world.run(2 + OUT_S).failed) == ["web-1"]


@pytest.mark.parametrize(("status", "words"), [(503, "is answered 503"), (0, "refuses or cuts connections")])
def test_one_that_answers_badly_is_replaced(world: World, status: int, words: str) -> None:
    world.statuses["web-2"] = status
    assert words in world.run(5 + 1.5).failed["web-2"]


def test_all_that_answer_badly_are_kept_for_ever(world: World) -> None:
    """Others would answer the same: the object directory cannot be used, for example."""
    world.statuses = dict.fromkeys(world.names, 503)
    world.run(60)
    assert [type(event) for _, event in world.told] == [Trouble]


@pytest.mark.parametrize("phase", [Phase.BOOTING, Phase.STANDBY, Phase.STOPPING, Phase.FAILED])
def test_others_are_not_asked(phase: Phase) -> None:
    world = World(statuses=dict.fromkeys(("web-1", "web-2", "web-3"), None), phases={"web-1": phase, "web-2": phase})
    world.run(60)
    assert set(world.failed) == {"web-3"}
    assert {each.name for each in world.asked} == {"web-3"}


def test_draining_instance_that_hangs_is_told(world: World) -> None:
    world.phases["web-2"], world.statuses["web-2"] = Phase.DRAINING, None
    assert "web-2" in world.run(6).failed


def test_death_is_told_once_and_at_once_with_its_cause(world: World) -> None:
    world.dead = {"web-3": "it ran out of memory"}
    world.run(10)
    assert [event for _, event in world.told] == [Failed("web-3", "it ran out of memory")]
    assert world.told[0][0] < 5 + 3 * ROUND_S


def test_death_of_one_that_boots_is_left_to_who_boots_it(world: World) -> None:
    world.phases["web-3"], world.dead = Phase.BOOTING, {"web-3": "it ended", "web-9": "it ended"}
    assert world.run(10).told == []


def test_balancer_that_has_ended_is_told_at_once_and_again_until_it_is_back(world: World) -> None:
    world.balancer = False
    world.run(5 + ROUND_S)
    assert [event for _, event in world.told] == [BalancerLost()]
    world.run(6)
    assert 2 <= len(world.told) <= 6
    world.balancer = True
    told = len(world.told)
    assert len(world.run(20).told) == told


def test_large_fleet_is_asked_no_more_often_than_its_host_can_bear() -> None:
    world = World(names=tuple(f"web-{number}" for number in range(1, 201))).run(10)
    assert len(world.asked) <= 10 * ASKED_PER_S * 1.1


def test_instances_that_pace_themselves_may_sleep_for_two_turns() -> None:
    assert answer_s(10, queues=True) == ANSWER_S
    assert answer_s(1, queues=True) == 2
    assert answer_s(1, queues=False) == answer_s(0, queues=True) == ANSWER_S
    world = World(patience_s=answer_s(1, queues=True)).run(5)
    world.statuses["web-2"] = None
    assert world.run(6.5).told == []
    assert "web-2" in world.run(8).failed


def test_round_that_fails_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    world, rounds = World(), list[float]()

    def broken(now_s: float) -> None:
        rounds.append(now_s)
        if len(rounds) == 3:
            world.watch._closing.set()
        raise RuntimeError("odd")

    monkeypatch.setattr(world.watch, "round", broken)
    world.watch.start()
    world.watch._thread.join(10)
    assert len(rounds) == 3
