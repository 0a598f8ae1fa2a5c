"""Finds what has died or hangs among the instances in service, and a balancer that has ended, within a part of a
second and whatever the length of a tick.

An instance that has answered a client lately is well. Any other one is asked for its health. One that does not answer
hangs when it uses no CPU meanwhile; one that computes, or waits for its turn on the CPU, is busy, and may be for long.
Where most of them are silent at once, this host, its disk or its network is the likely cause, and not they: then they
are given more time, and never are they replaced for what they all answer alike.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from controller.model import Instance, Phase
from controller.ports import BalancerLost, Event, Failed, Trouble
from controller.usage import Signs

log = logging.getLogger("controller")

ROUND_S = 0.05
LATE_S = 0.1  # beyond it a round that comes too late tells that this host stood still
ASK_S = 0.3  # an instance of which nothing was heard for so long is asked
ASKED_PER_S = 100  # at most, all instances together: each question costs one 1.2 ms of CPU
ANSWER_S = 0.4  # no answer for so long, and no CPU used: it hangs
COMMON_S = 3.0  # the same where most instances are silent at once
BUSY_S = 30.0  # no answer to anybody for so long: it hangs, whatever it computes; HAProxy's own time-out
IDLE_CPU_S = 0.005  # within ANSWER_S; a busy instance with the smallest legal share of a core uses more
LOST_AGAIN_S = 0.25


def answer_s(rate_limit: int, queues: bool) -> float:
    """How long an instance that is well may be idle and silent: one that paces itself lets all its threads sleep."""
    return max(ANSWER_S, 2 / rate_limit) if queues and rate_limit else ANSWER_S


WATCHED = (Phase.IN_SERVICE, Phase.DRAINING)


class Question(Protocol):
    """A health check under way."""

    connected: bool

    def status(self) -> int | None: ...
    def close(self) -> None: ...


class World(Protocol):
    """Where the watch looks."""

    def instances(self) -> Iterable[Instance]: ...
    def deaths(self) -> Mapping[str, str]:
        """The instances whose application has ended, with the cause."""
        ...

    def answered_s(self, name: str) -> float:
        """When the instance last answered a client well; -inf where it never did."""
        ...

    def ask(self, instance: Instance) -> Question: ...
    def signs(self, name: str) -> Signs | None:
        """None where they are not known."""
        ...

    def balancer_lives(self) -> bool: ...


@dataclass(slots=True)
class Care:
    """What is known of one instance: when it was last well, and the question under way, if any."""

    well_s: float
    question: Question | None = None
    asked_s: float = 0.0
    since_s: float = 0.0  # it has been idle and silent from then on
    cpu_s: float | None = None
    bad: str = ""  # what it answered instead of being well
    bad_s: float = 0.0

    def drop(self) -> None:
        if self.question is not None:
            self.question.close()
            self.question = None


class Watch:
    """Looks at everything once a round, and reports events; `start` has a thread do so until `close`. An instance that
    is well may be idle and silent for `answer_s`."""

    def __init__(
        self, world: World, report: Callable[[Event], None], clock: Callable[[], float], answer_s: float = ANSWER_S
    ) -> None:  # fmt: skip
        self._answer_s = answer_s
        self._world = world
        self._report = report
        self._clock = clock
        self._cares: dict[str, Care] = {}
        self._dead: frozenset[str] = frozenset()
        self._round_s: float | None = None
        self._common_s: float | None = None
        self._lost_s: float | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()
        for care in self._cares.values():
            care.drop()

    def _run(self) -> None:
        while not self._closing.wait(ROUND_S):
            try:
                self.round(self._clock())
            except Exception:
                log.exception("a round of the watch failed, the next one is tried")

    def round(self, now_s: float) -> None:
        """Look once, and report what is wrong."""
        self._forgive(now_s)
        self._watch_balancer(now_s)
        instances = list(self._world.instances())
        self._report_deaths(instances)
        watched = [each for each in instances if each.phase in WATCHED]
        for name in self._cares.keys() - {each.name for each in watched}:
            self._cares.pop(name).drop()
        every_s = max(ASK_S, len(watched) / ASKED_PER_S)
        troubles = {each.name: trouble for each in watched if (trouble := self._trouble(each, every_s, now_s))}
        self._judge(troubles, len(watched), now_s)

    def _forgive(self, now_s: float) -> None:
        """While this host stood still, nobody could answer."""
        late_s = 0.0 if self._round_s is None else now_s - self._round_s - ROUND_S
        self._round_s = now_s
        for care in self._cares.values() if late_s > LATE_S else ():
            care.asked_s += late_s
            care.since_s += late_s
            care.bad_s += late_s

    def _watch_balancer(self, now_s: float) -> None:
        if self._world.balancer_lives():
            self._lost_s = None
        elif self._lost_s is None or now_s - self._lost_s >= LOST_AGAIN_S:
            self._lost_s = now_s
            self._report(BalancerLost())

    def _report_deaths(self, instances: Iterable[Instance]) -> None:
        """Those that boot are watched by who boots them."""
        present = {each.name for each in instances if each.phase is not Phase.BOOTING}
        deaths = {name: cause for name, cause in self._world.deaths().items() if name in present}
        for name in deaths.keys() - self._dead:
            self._report(Failed(name, deaths[name]))
        self._dead = frozenset(deaths)

    def _trouble(self, instance: Instance, every_s: float, now_s: float) -> str:
        """What is wrong with an instance in service, in words; empty where nothing is, or not yet."""
        care = self._cares.setdefault(instance.name, Care(instance.since_s))
        heard_s = max(instance.since_s, self._world.answered_s(instance.name))
        if heard_s > care.well_s:
            care.well_s, care.bad = heard_s, ""
            care.asked_s, care.since_s = max(care.asked_s, heard_s), max(care.since_s, heard_s)
        if care.question is None:
            if now_s - max(care.well_s, care.asked_s) >= every_s:
                self._ask(instance, care, now_s)
            return self._bad(care, now_s)
        status = care.question.status()
        if status is None:
            return self._silence(instance.name, care, now_s) or self._bad(care, now_s)
        care.drop()
        self._take(care, status, now_s)
        return self._bad(care, now_s)

    def _ask(self, instance: Instance, care: Care, now_s: float) -> None:
        signs = self._world.signs(instance.name)
        care.cpu_s = signs.cpu_s if signs else None
        care.asked_s = care.since_s = now_s
        try:
            care.question = self._world.ask(instance)
        except OSError as error:
            log.debug("%s cannot be asked: %s", instance.name, error)

    def _take(self, care: Care, status: int, now_s: float) -> None:
        if status == 200:
            care.well_s, care.bad = now_s, ""
            return
        care.bad_s = care.bad_s if care.bad else now_s
        care.bad = f"its health check is answered {status}" if status else "it refuses or cuts connections"

    def _bad(self, care: Care, now_s: float) -> str:
        return care.bad if care.bad and now_s - care.bad_s >= self._answer_s else ""

    def _silence(self, name: str, care: Care, now_s: float) -> str:
        """What it means that the question has not been answered yet."""
        assert care.question is not None
        if now_s - care.since_s < self._answer_s:
            return ""
        signs = self._world.signs(name)
        if now_s - care.asked_s >= BUSY_S:
            return f"it has answered nothing for {BUSY_S:g} s, though it computes"
        if signs is None or care.cpu_s is None or signs.cpu_s - care.cpu_s >= IDLE_CPU_S or "R" in signs.states:
            care.since_s, care.cpu_s = now_s, signs.cpu_s if signs else None
            return ""
        where = signs.words if care.question.connected else "its address does not react"
        return f"no answer for {now_s - care.asked_s:.1f} s: {where}"

    def _judge(self, troubles: Mapping[str, str], watched: int, now_s: float) -> None:
        """Report what is wrong; where it is wrong with most of several at once, later, and only the silent ones."""
        if len(troubles) <= max(1, watched / 2):
            self._common_s = None
            self._fail(troubles)
            return
        if self._common_s is None:
            self._common_s = now_s
            self._report(Trouble(_common(troubles, watched)))
        if now_s - self._common_s >= COMMON_S:
            self._fail({name: why for name, why in troubles.items() if why != self._cares[name].bad})

    def _fail(self, troubles: Mapping[str, str]) -> None:
        for name, why in troubles.items():
            self._cares.pop(name).drop()
            self._report(Failed(name, f"it stopped answering: {why}"))


def _common(troubles: Mapping[str, str], watched: int) -> str:
    name, why = next(iter(troubles.items()))
    return (
        f"{len(troubles)} of {watched} instances are not well at once, so this host, its disk or network may be the "
        f"cause, and they are kept for now ({name}: {why})"
    )
