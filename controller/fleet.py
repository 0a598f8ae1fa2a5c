"""The instances' state machine: pure bookkeeping that says what should be done next.

    BOOTING ──healthy──▶ STANDBY ──in the balancer──▶ IN_SERVICE ◀─┐
       │                    ╲                            │ too many │ load came back
       │ failed              ╲ died                      ▼          │
       └────────▶ FAILED ◀────╲─────── died ───────── DRAINING ─────┘──idle, out of the balancer──▶ STOPPING ──▶ gone
                    └──────────────────out of the balancer──────────────────────────────────────▲

`plan` compares what is wanted with what there is and returns actions; events tell what became of them. An instance
enters service only after its health check has answered and the balancer has confirmed it, and is stopped only after the
balancer has forgotten it.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from controller.actions import Action, Apply, Clone, Drain, Freeze, Member, Return, Stop
from controller.backoff import Backoff
from controller.model import Counts, Instance, Phase, Sample
from controller.roster import Roster, Victim, reluctance

APPLY_RETRY_S = 1.0
SPARE_RETRY_S = 10.0  # after a boot for the pool that failed; what is wanted does not wait for it
STOP_RETRY_S = 5.0
GATHER_S = 0.05  # about a reload
member = lru_cache(maxsize=None)(Member)  # the same ones come again with each change
YOUNG_S = 5.0  # an instance that dies so soon after it was ordered counts as a failed boot


class Fleet:
    """All instances. `prefix` begins every instance's name, `slots` is how many addresses there are, `victim` says
    which instance goes first: least_loaded, newest or oldest. A healthy instance waits `gather_s` for others that
    boot, so that one change of the balancer takes in all."""

    def __init__(
        self, prefix: str, slots: int, wanted: int, standby: int = 0, victim: Victim = "least_loaded",
        gather_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.wanted = wanted
        self.standby = standby
        self.seen: Sequence[Sample] = ()  # the instances as they were at the last tick
        self._victim = victim
        self._gather_s = gather_s
        self._prefix = prefix
        self._slots = slots
        self._next_slot = 1
        self._roster = Roster()
        self._applied: frozenset[str] = frozenset()  # the names of the back end's members
        self._compared: tuple[int, int] | None = None  # the state that `_differing` is about
        self._differing = False
        self._applying = False
        self._apply_from_s: float | None = -math.inf  # at start and after a failure: apply from then on in any case
        self._backoff = Backoff()
        self._spare_from_s = -math.inf

    @property
    def instances(self) -> Mapping[str, Instance]:
        """All of them, by name."""
        return self._roster.instances

    def counts(self) -> Counts:
        count = self._roster.count
        return Counts(
            self.wanted, count(Phase.BOOTING), count(Phase.STANDBY), count(Phase.IN_SERVICE), count(Phase.DRAINING)
        )

    def within(self, *phases: Phase) -> list[Instance]:
        """The instances in these phases, oldest first."""
        return self._roster.within(*phases)

    # What should be done

    def plan(self, now_s: float) -> list[Action]:
        """The actions that bring the fleet nearer to what is wanted; empty when it is there or on its way."""
        if self._is_steady:
            return []
        steps = (self._returns, self._drains, self._clones, self._promote, self._apply, self._stops, self._freezes)
        return [action for step in steps for action in step(now_s)]

    @property
    def _is_steady(self) -> bool:
        """Are there exactly those that are wanted, all in service, and is that what the balancer serves?"""
        is_all = len(self.instances) == self.wanted == self._roster.count(Phase.IN_SERVICE)
        return is_all and not self.standby and self._apply_from_s is None and not self._applying and not self._differs()

    @property
    def _lacking(self) -> int:
        """How many more should be in service."""
        return max(0, self.wanted - self._roster.count(Phase.IN_SERVICE))

    def _returns(self, now_s: float) -> list[Action]:
        """Load came back: an instance that still drains is quicker than a new one. The last to drain returns first."""
        if not self._roster.count(Phase.DRAINING):
            return []
        draining = sorted((i for i in self.within(Phase.DRAINING) if not i.idle), key=lambda i: -i.since_s)
        returning = draining[: self._lacking]
        for instance in returning:
            self._enter(instance.name, Phase.IN_SERVICE, now_s)
        return [Return(instance.name) for instance in returning]

    def _drains(self, now_s: float) -> list[Action]:
        surplus = self._roster.count(Phase.IN_SERVICE) - self.wanted
        if surplus <= 0:
            return []
        serving, key = self._roster.by_name(Phase.IN_SERVICE).values(), reluctance(self._victim, self.seen)
        victims = heapq.nsmallest(surplus, serving, key)
        for victim in victims:
            self._enter(victim.name, Phase.DRAINING, now_s)
        return [Drain(victim.name) for victim in victims]

    def _freezes(self, now_s: float) -> list[Action]:
        """Those on standby that are not wanted now; never beside an apply, which may just be promoting one of them."""
        if self._applying or self._apply_from_s is not None or not self._roster.count(Phase.STANDBY):
            return []
        fresh = [instance for instance in self.within(Phase.STANDBY)[self._lacking :] if not instance.frozen]
        for instance in fresh:
            self._enter(instance.name, Phase.STANDBY, now_s, frozen=True)
        return [Freeze(instance.name) for instance in fresh]

    def _clones(self, now_s: float) -> list[Action]:
        """What is wanted all at once; then, when all of it serves, the pool one by one."""
        count, booting = self._roster.count, self._roster.count(Phase.BOOTING)
        alive = booting + count(Phase.STANDBY) + count(Phase.IN_SERVICE)
        spare = sum(each.spare for each in self.within(Phase.BOOTING)) if booting else 0
        lacking = self.wanted + spare - alive
        if self._backoff.pause_s(now_s):
            return []
        if lacking > 0:
            return self._order(now_s, self._backoff.allowed(lacking, booting, self._newest_s()), spare=False)
        calm = not booting and not self._lacking and now_s >= self._spare_from_s
        return self._order(now_s, 1, spare=True) if calm and alive < self.wanted + self.standby else []

    def _newest_s(self) -> float:
        """When the newest healthy instance was ordered."""
        return max((each.ordered_s for each in self.within(Phase.STANDBY, Phase.IN_SERVICE)), default=-math.inf)

    def held(self, now_s: float) -> str:
        """Why instances that are wanted do not boot now, in words; empty where they do, or none is lacking."""
        count = self._roster.count
        lacking = self.wanted - count(Phase.BOOTING) - count(Phase.STANDBY) - count(Phase.IN_SERVICE)
        if lacking <= 0:
            return ""
        if pause_s := self._backoff.pause_s(now_s):
            return f"{lacking} not booted, boots failed {self._backoff.failures} times: again in {pause_s:.1f} s"
        if self._roster.free_slot(self._next_slot, self._slots) is None:
            return f"{lacking} not booted: none of {self._slots} addresses is free"
        return ""

    def _order(self, now_s: float, number: int, spare: bool) -> list[Action]:
        """As far as there are slots, which are used round and round: an address rests as long as possible."""
        orders: list[Action] = []
        while len(orders) < number and (slot := self._roster.free_slot(self._next_slot, self._slots)) is not None:
            self._next_slot = slot % self._slots + 1
            name = f"{self._prefix}-{slot}"
            self._roster.put(Instance(slot, name, Phase.BOOTING, ordered_s=now_s, since_s=now_s, spare=spare))
            orders.append(Clone(name, slot, spare))
        return orders

    def members(self) -> tuple[Member, ...]:
        """The back end that should be: what serves, what is promoted, and what still drains.

        The newest come first: a worker that starts gives its first requests to the first servers, so a new instance
        takes load at once.
        """
        chosen = [*self._roster.by_name(Phase.IN_SERVICE).values(), *self._joining()]
        chosen.sort(key=lambda i: (-i.ordered_s, i.slot))
        return tuple([member(i.name, i.slot, i.phase is Phase.DRAINING) for i in chosen])

    def _joining(self) -> list[Instance]:
        """The members that are not in service: what is promoted, and what still drains."""
        promoted = self.within(Phase.STANDBY)[: self._lacking]
        return promoted + [i for i in self.within(Phase.DRAINING) if not i.idle]

    def _promote(self, now_s: float) -> list[Action]:
        """Note when an instance of the pool was chosen, or that it is no longer; `members` has it already."""
        for place, instance in enumerate(self.within(Phase.STANDBY)):
            chosen = instance.frozen and place < self._lacking
            if chosen is (instance.chosen_s is None):
                self._roster.put(replace(instance, chosen_s=now_s if chosen else None))
        return []

    def _apply(self, now_s: float) -> list[Action]:
        """A drain is set at run time: on its own it is no reason to apply, only who is in the back end is."""
        if self._applying:
            return []
        due = self._differs() if self._apply_from_s is None else now_s >= self._apply_from_s
        gathering_until_s = self.wake_s() if due else None
        if not due or (gathering_until_s is not None and now_s < gathering_until_s):
            return []
        self._applying = True
        return [Apply(self.members())]

    def _differs(self) -> bool:
        """Has the back end other members than it should have?"""
        state = (self._roster.version, self.wanted)
        if state != self._compared:
            serving = self._roster.by_name(Phase.IN_SERVICE).keys()
            others = {each.name for each in self._joining()}
            is_same = serving <= self._applied and others <= self._applied
            self._compared = state
            self._differing = not is_same or len(self._applied) != len(serving) + len(others)
        return self._differing

    def wake_s(self) -> float | None:
        """When to plan again though nothing happens: then instances that are healthy wait no longer for those that
        boot. None where none waits."""
        if not self._gather_s or not self._roster.count(Phase.STANDBY):
            return None
        if self._applying or self._apply_from_s is not None:
            return None
        healthy = self.within(Phase.STANDBY)
        ready = [i for i in healthy if not i.frozen]
        if not ready or len(healthy) >= self._lacking or all(i.spare for i in self.within(Phase.BOOTING)):
            return None
        return min(instance.since_s for instance in ready) + self._gather_s

    def _stops(self, now_s: float) -> list[Action]:
        leaving = [i for i in self.within(Phase.DRAINING, Phase.FAILED) if i.idle or i.phase is Phase.FAILED]
        surplus = self.within(Phase.STANDBY)[self._lacking + self.standby :]
        free = [] if self._applying else [i for i in leaving + surplus if i.name not in self._applied]
        gone = [i for i in free if now_s >= i.stop_from_s]
        for instance in gone:
            self._enter(instance.name, Phase.STOPPING, now_s)
        return [Stop(instance.name) for instance in gone]

    # What became of it

    def adopt(self, name: str, slot: int, now_s: float, phase: Phase) -> None:
        """What an earlier controller left goes on from its phase."""
        self._roster.put(Instance(slot, name, phase, ordered_s=now_s, since_s=now_s))
        if phase in (Phase.IN_SERVICE, Phase.DRAINING):
            self._applied |= {name}

    def booted(self, name: str, now_s: float, timings_ms: Mapping[str, float]) -> None:
        if self._is(name, Phase.BOOTING):
            self._enter(name, Phase.STANDBY, now_s, timings_ms=dict(timings_ms))

    def applied(self, members: Iterable[Member], now_s: float) -> list[Instance]:
        """The balancer serves these members now; returns the instances that entered service by it, as they were on
        standby. One that was promoted from the pool counts as ordered when it was chosen."""
        self._applying, self._apply_from_s, self._compared = False, None, None
        self._applied = frozenset(member.name for member in members)
        entered = [self._dated(each) for each in self.within(Phase.STANDBY) if each.name in self._applied]
        for instance in entered:
            self._roster.put(replace(instance, phase=Phase.IN_SERVICE, since_s=now_s, frozen=False))
        return entered

    def _dated(self, instance: Instance) -> Instance:
        if instance.chosen_s is None:
            return instance
        return replace(instance, ordered_s=instance.chosen_s, since_s=instance.chosen_s, timings_ms={})

    def apply_failed(self, now_s: float) -> None:
        """The balancer still serves what it served; try again after a pause."""
        self._applying, self._apply_from_s = False, now_s + APPLY_RETRY_S

    def drained(self, name: str, now_s: float) -> None:
        if self._is(name, Phase.DRAINING):
            self._enter(name, Phase.DRAINING, now_s, idle=True)

    def failed(self, name: str, now_s: float) -> bool:
        """The instance did not boot, or died; false where that is known, or meant. Boots that fail in a row are
        retried after growing pauses."""
        if name not in self.instances or self.instances[name].phase in (Phase.STOPPING, Phase.FAILED):
            return False
        booting = self._is(name, Phase.BOOTING)
        self._enter(name, Phase.FAILED, now_s)
        if booting and self.instances[name].spare:
            self._spare_from_s = now_s + SPARE_RETRY_S
        elif booting or now_s - self.instances[name].ordered_s < YOUNG_S:
            self._backoff.failed(now_s, self._newest_s(), spared=0 if booting else 1)
        return True

    def stopped(self, name: str) -> None:
        if self._is(name, Phase.STOPPING):
            self._roster.remove(name)

    def stop_failed(self, name: str, now_s: float) -> None:
        """Something of the instance is still there: stop it again after a pause."""
        if self._is(name, Phase.STOPPING):
            self._enter(name, Phase.FAILED, now_s, stop_from_s=now_s + STOP_RETRY_S)

    def reapply(self, now_s: float) -> bool:
        """The balancer may not be what it was: apply again, whatever it is known to serve; false where that is so
        already."""
        if self._applying or self._apply_from_s is not None:
            return False
        self._apply_from_s = now_s
        return True

    def _is(self, name: str, phase: Phase) -> bool:
        return name in self.instances and self.instances[name].phase is phase

    def _enter(self, name: str, phase: Phase, now_s: float, **changes: object) -> None:
        instance = self.instances[name]
        self._roster.put(replace(instance, phase=phase, since_s=now_s, **changes))  # type: ignore[arg-type]
