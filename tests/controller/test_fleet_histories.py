"""The fleet under random histories: what must never happen, and where it must end."""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.actions import Action, Apply, Clone, Drain, Member, Stop
from controller.fleet import Fleet
from controller.model import Phase

PHASES = (Phase.IN_SERVICE, Phase.BOOTING, Phase.DRAINING, Phase.FAILED)  # of what an earlier controller left
INDEX = st.integers(0, 1000)  # picks one of what is pending, modulo how much that is


class FleetHistory(RuleBasedStateMachine):
    """The fleet and a world that carries its actions out, in any order, late, twice, or not."""

    @initialize(slots=st.integers(2, 8), wanted=INDEX, standby=st.integers(0, 2), adopted=st.sets(st.integers(1, 8)))
    def begin(self, slots: int, wanted: int, standby: int, adopted: set[int]) -> None:
        self.now_s, self.slots, self.room = 0.0, slots, max(0, slots - standby)
        self.fleet = Fleet("web", slots, wanted % (self.room + 1), min(standby, slots))
        self.containers: dict[str, int] = {}  # what runs, by name, with its slot
        self.healthy: set[str] = set()
        self.idle: set[str] = set()
        self.balancer: frozenset[str] = frozenset()  # the back end as it really is
        self.pending: list[Action] = []
        self.past: list[Callable[[], object]] = []  # events that may arrive a second time
        for slot in sorted(number for number in adopted if number <= slots):
            self.adopt(f"web-{slot}", slot, PHASES[slot % len(PHASES)])
        self.plan()

    def adopt(self, name: str, slot: int, phase: Phase) -> None:
        self.containers[name] = slot
        self.fleet.adopt(name, slot, self.now_s, phase)
        if phase in (Phase.IN_SERVICE, Phase.DRAINING):
            self.balancer |= {name}
            self.healthy.add(name)
        match phase:
            case Phase.BOOTING:
                self.pending.append(Clone(name, slot))
            case Phase.DRAINING:
                self.pending.append(Drain(name))

    def plan(self) -> None:
        for action in self.fleet.plan(self.now_s):
            match action:
                case Clone(name, slot):
                    self.check_clone(name, slot)
                case Apply(members):
                    self.check_apply(members)
                case Drain(name):
                    assert self.fleet.instances[name].phase is Phase.DRAINING
                    assert name in self.healthy
                case Stop(name):
                    self.check_stop(name)
            self.pending.append(action)

    def check_clone(self, name: str, slot: int) -> None:
        assert name not in self.containers, "the name is taken"
        assert slot not in self.containers.values(), "the slot is taken"
        assert 1 <= slot <= self.slots
        self.containers[name] = slot

    def check_apply(self, members: tuple[Member, ...]) -> None:
        assert not any(isinstance(action, Apply) for action in self.pending), "an apply is in flight"
        assert {member.name for member in members} <= self.healthy, "a member is not healthy"
        assert len({member.slot for member in members}) == len(members)

    def check_stop(self, name: str) -> None:
        in_flight = {m.name for action in self.pending if isinstance(action, Apply) for m in action.members}
        assert name not in self.balancer | in_flight, "it is still a member"
        assert Stop(name) not in self.pending, "it is being stopped"
        assert name not in self.healthy or name in self.idle or name not in self.served, "it may be busy"

    @property
    def served(self) -> set[str]:
        """Instances that are being drained: requests may be in flight there."""
        return {action.name for action in self.pending if isinstance(action, Drain)}

    # What may happen

    @rule(pause_s=st.sampled_from([0.0, 0.1, 0.5, 2.0, 40.0]))
    def time_passes(self, pause_s: float) -> None:
        self.now_s += pause_s
        self.plan()

    @rule(wanted=INDEX)
    def another_number_is_wanted(self, wanted: int) -> None:
        self.fleet.wanted = wanted % (self.room + 1)
        self.plan()

    @precondition(lambda self: self.pending)
    @rule(index=INDEX)
    def an_action_succeeds(self, index: int) -> None:
        self.succeed(self.pending.pop(index % len(self.pending)))
        self.plan()

    @precondition(lambda self: any(isinstance(action, Clone | Apply) for action in self.pending))
    @rule(index=INDEX)
    def an_action_fails(self, index: int) -> None:
        may_fail = [action for action in self.pending if isinstance(action, Clone | Apply)]
        action = may_fail[index % len(may_fail)]
        self.pending.remove(action)
        if isinstance(action, Clone):
            self.fleet.failed(action.name, self.now_s)
        else:
            self.fleet.apply_failed(self.now_s)
        self.plan()

    @precondition(lambda self: self.healthy)
    @rule(index=INDEX, again=st.booleans())
    def an_instance_dies(self, index: int, again: bool) -> None:
        name = sorted(self.healthy)[index % len(self.healthy)]
        self.healthy.discard(name)
        for _ in range(1 + again):
            self.fleet.failed(name, self.now_s)
        self.plan()

    @precondition(lambda self: self.past)
    @rule(index=INDEX)
    def an_event_arrives_again(self, index: int) -> None:
        self.past[index % len(self.past)]()
        self.plan()

    def succeed(self, action: Action) -> None:
        match action:
            case Clone(name):
                self.healthy.add(name)
                self.fleet.booted(name, self.now_s, {})
            case Apply(members):
                self.balancer = frozenset(member.name for member in members)
                self.fleet.applied(members, self.now_s)
            case Drain(name):
                self.drain(name)
            case Stop(name):
                self.remove(name)

    def drain(self, name: str) -> None:
        self.idle.add(name)
        self.fleet.drained(name, self.now_s)
        self.past.append(lambda: self.fleet.booted(name, self.now_s, {}) if name in self.healthy else None)

    def remove(self, name: str) -> None:
        del self.containers[name]
        self.healthy.discard(name)
        self.idle.discard(name)
        self.pending = [action for action in self.pending if action != Drain(name)]
        self.fleet.stopped(name)
        if name not in self.fleet.instances:
            self.past.append(lambda: None if name in self.containers else self.fleet.drained(name, self.now_s))

    # What must hold

    @invariant()
    def nothing_is_in_service_that_the_balancer_does_not_serve(self) -> None:
        if hasattr(self, "fleet"):
            assert {instance.name for instance in self.fleet.within(Phase.IN_SERVICE)} <= self.balancer

    @invariant()
    def slots_are_used_once_and_never_exceeded(self) -> None:
        if hasattr(self, "fleet"):
            slots = [instance.slot for instance in self.fleet.instances.values()]
            assert len(set(slots)) == len(slots) <= self.slots
            assert {name: instance.slot for name, instance in self.fleet.instances.items()} == self.containers

    @invariant()
    def counts_agree_with_the_phases(self) -> None:
        if hasattr(self, "fleet"):
            counts = self.fleet.counts()
            assert counts.wanted == self.fleet.wanted
            assert counts.in_service == len(self.fleet.within(Phase.IN_SERVICE))
            by_phase = [instance for phase in Phase for instance in self.fleet.within(phase)]
            assert {instance.name: instance for instance in by_phase} == self.fleet.instances
            assert len(by_phase) == len(self.fleet.instances)

    def teardown(self) -> None:
        """Once everything succeeds and nothing else happens, the fleet is what is wanted, and nothing is left over."""
        if not hasattr(self, "fleet"):
            return
        for _ in range(200):
            self.now_s += 5
            self.plan()
            while self.pending:
                self.succeed(self.pending.pop(0))
                self.plan()
        assert self.fleet.counts().in_service == self.fleet.wanted
        assert self.fleet.counts().standby == self.fleet.standby
        assert len(self.fleet.instances) == self.fleet.wanted + self.fleet.standby
        assert self.balancer == {instance.name for instance in self.fleet.within(Phase.IN_SERVICE)}


FleetHistory.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestFleetUnderAnyHistory = FleetHistory.TestCase
