"""observe → decide → limit → act → record.

`tick` and `handle` are all that happens; both take the time and never block, so the same loop runs on the live host,
in virtual time and in tests.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import attrgetter

from controller.actions import Apply, Clone, Drain, Member, Return, Stop
from controller.fleet import Fleet
from controller.judge import Judge, Verdict
from controller.model import Decision, Instance, Observation, Phase
from controller.ports import (
    Actuator,
    Applied,
    ApplyFailed,
    BalancerLost,
    Booted,
    Drained,
    Event,
    Failed,
    FirstAnswer,
    Journal,
    Kind,
    ReturnFailed,
    Sensor,
    StopFailed,
    Stopped,
    Trouble,
)
from controller.shadows import Shadows

log = logging.getLogger("controller")

FIELDS = tuple(field.name for field in fields(Observation) if field.name not in ("t_s", "counts", "instances"))
VALUES = attrgetter(*FIELDS)
TELL_S = 1.0  # between two sentences in the log while nothing changes; the journal has every tick's


class Loop:
    """The control loop over one fleet. The `shadows` see what the acting judge sees and decide too; nothing follows
    from it but words. `latest` is what was seen and judged at the last tick."""

    def __init__(
        self,
        fleet: Fleet,
        judge: Judge,
        sensor: Sensor,
        actuator: Actuator,
        journal: Journal,
        shadows: Sequence[Judge] = (),
    ) -> None:
        self.fleet = fleet
        self.latest: tuple[Observation, Verdict] | None = None
        self._judge = judge
        self._shadows = Shadows(shadows, journal, self._error)
        self._sensor = sensor
        self._actuator = actuator
        self._journal = journal
        self._early_answers: dict[str, float] = {}

    def tick(self, now_s: float) -> str:
        """One step of the loop; returns what happened as one sentence."""
        observation = self._sensor.observe(now_s, self.fleet.counts(), list(self.fleet.instances.values()))
        verdict = self._judge.decide(observation)
        decision, self.latest = verdict.limited, (observation, verdict)
        shadows = self._shadows.decide(observation)
        if decision.wanted != self.fleet.wanted:
            was, self.fleet.wanted = self.fleet.wanted, decision.wanted
            self._journal.write(now_s, "decision", was=was, wanted=decision.wanted, reason=decision.reason)
        sentence = self.time_mark + describe(observation, decision, shadows, self.fleet.held(now_s))
        self.fleet.seen = observation.instances
        if observation.missing:
            self.fleet.reapply(now_s)
        fields = _tick_fields(observation)
        if shadows:
            fields["shadows"] = shadows
        self._journal.write(now_s, "tick", **fields, wanted=decision.wanted, sentence=sentence)
        self._act(now_s)
        return sentence

    @property
    def time_mark(self) -> str:
        """Before words whose seconds are the policy's own."""
        return time_mark(self._judge)

    @property
    def wake_s(self) -> float | None:
        """When to call `wake`, unless a tick or an event comes before; None for never."""
        return self.fleet.wake_s()

    def wake(self, now_s: float) -> None:
        """Do what has become due."""
        self._act(now_s)

    def handle(self, event: Event, now_s: float) -> None:
        """Take in what became of an action, and do at once what follows from it."""
        match event:
            case Booted(name, timings_ms):
                self.fleet.booted(name, now_s, timings_ms)
                self._journal_phase(now_s, name, **{f"{part}_ms": ms for part, ms in timings_ms.items()})
            case Failed(name, reason):
                self._early_answers.pop(name, None)
                if self.fleet.failed(name, now_s):
                    log.warning("%s failed: %s", name, reason)
                    self._journal_phase(now_s, name, reason=reason)
            case Applied(Apply(members), took_ms, how):
                self._applied(members, took_ms, how, now_s)
            case ApplyFailed(reason):
                self.fleet.apply_failed(now_s)
                self._error(now_s, f"the balancer refused the change and goes on as before: {reason}")
            case Drained(name, reason):
                self.fleet.drained(name, now_s)
                if reason:
                    self._error(now_s, f"{name}: {reason}")
            case Stopped(name, took_ms):
                self.fleet.stopped(name)
                self._journal.write(now_s, "instance", instance=name, phase="GONE", stop_ms=round(took_ms, 1))
            case FirstAnswer(name, at_s):
                self._first_answer(name, at_s, now_s)
            case _:
                self._trouble(event, now_s)
        self._act(now_s)

    def _trouble(self, event: Event, now_s: float) -> None:
        match event:
            case ReturnFailed(name, reason):
                self.fleet.reapply(now_s)
                self._error(now_s, f"{name} could not be taken back: {reason}")
            case StopFailed(name, reason):
                self.fleet.stop_failed(name, now_s)
                self._error(now_s, f"{name} could not be stopped: {reason}")
            case BalancerLost():
                if self.fleet.reapply(now_s):
                    self._error(now_s, "the balancer has ended: it is to be started again with the same fleet")
            case Trouble(message):
                self._error(now_s, message)

    def _applied(self, members: tuple[Member, ...], took_ms: float, how: str, now_s: float) -> None:
        entered = self.fleet.applied(members, now_s)
        event: Kind = "reload" if how == "reload" else "apply"
        self._journal.write(now_s, event, ok=True, how=how, took_ms=round(took_ms, 1), members=len(members))
        if how == "start":
            log.warning("the balancer was started again, with %d members", len(members))
        for instance in entered:
            breakdown = _breakdown(instance, now_s)
            log.info("%s is in service, %.0f ms after the decision", instance.name, breakdown["total_ms"])
            self._journal_phase(now_s, instance.name, **breakdown)
            if instance.name in self._early_answers:
                self._first_answer(instance.name, self._early_answers.pop(instance.name), now_s)

    def _first_answer(self, name: str, at_s: float, now_s: float) -> None:
        """An answer may be seen before it is known that the balancer has the instance; then it waits for that."""
        instance = self.fleet.instances.get(name)
        if instance is not None and instance.phase is Phase.STANDBY:
            self._early_answers[name] = at_s
        elif instance is not None:
            since_ms = round(1000 * (at_s - instance.ordered_s), 1)
            self._journal.write(now_s, "first_answer", instance=name, since_decision_ms=since_ms)

    def _act(self, now_s: float) -> None:
        actions = self.fleet.plan(now_s)
        for action in actions:
            if isinstance(action, Clone | Drain | Return | Stop):
                self._journal_phase(now_s, action.name)
        if actions:
            self._actuator.act(actions)

    def _journal_phase(self, now_s: float, name: str, **fields: object) -> None:
        if name in self.fleet.instances:
            self._journal.write(now_s, "instance", instance=name, phase=self.fleet.instances[name].phase, **fields)

    def _error(self, now_s: float, message: str) -> None:
        log.error(message)
        self._journal.write(now_s, "error", message=message)


def _breakdown(standby: Instance, now_s: float) -> dict[str, float]:
    """Where the milliseconds from the decision to service went; `wait` is the wait for other boots to end."""
    parts = {f"{part}_ms": ms for part, ms in standby.timings_ms.items()}
    total_ms, balancer_ms = 1000 * (now_s - standby.ordered_s), 1000 * (now_s - standby.since_s)
    wait_ms = max(0.0, total_ms - balancer_ms - sum(parts.values()))
    rounded = {"wait_ms": wait_ms, "balancer_ms": balancer_ms, "total_ms": total_ms}
    return parts | {name: round(value, 1) for name, value in rounded.items()}


def time_mark(judge: Judge) -> str:
    """Seconds in what a judge says are its own."""
    return "" if judge.time_scale == 1 else f"[time x{judge.time_scale:g}] "


def describe(
    observation: Observation, decision: Decision, shadows: Mapping[str, int] | None = None, held: str = ""
) -> str:  # fmt: skip
    """One sentence for a person: what is done with how many instances, why, what was seen, what is `held` up and why,
    and what others would do."""
    was = observation.counts.wanted
    verb = "hold" if decision.wanted == was else "grow to" if decision.wanted > was else "shrink to"
    others = f"; shadows: {', '.join(f'{name} {wanted}' for name, wanted in shadows.items())}" if shadows else ""
    seen = "; ".join(filter(None, (_seen(observation), held)))
    return f"{verb} {decision.wanted}: {decision.reason}; {seen}{others}"


def _seen(observation: Observation) -> str:
    counts = observation.counts
    fleet = f"{counts.in_service} in service" + "".join(
        f", {count} {word}"
        for count, word in ((counts.booting, "booting"), (counts.standby, "on standby"), (counts.draining, "draining"))
        if count
    )
    if observation.missing:
        return f"{fleet}; {observation.missing}"
    offered = observation.offered_rps
    parts = ["offered unknown" if offered is None else f"offered {offered:.1f}/s"]
    if observation.rejected_rps:
        parts.append(f"rejected {observation.rejected_rps:.1f}/s")
    if observation.failed_rps:
        parts.append(f"failed {observation.failed_rps:.1f}/s")
    if observation.queue_requests:
        parts.append(f"{observation.queue_requests} queued")
    if observation.latency_ms_p95 is not None:
        parts.append(f"p95 {observation.latency_ms_p95:.0f} ms")
    return f"{fleet}; {', '.join(parts)}"


def _tick_fields(observation: Observation) -> dict[str, object]:
    counts = observation.counts
    seen = zip(FIELDS, VALUES(observation), strict=True)
    told = {name: round(value, 3) if isinstance(value, float) else value for name, value in seen}
    told["booting"], told["standby"] = counts.booting, counts.standby
    told["in_service"], told["draining"] = counts.in_service, counts.draining
    return told
