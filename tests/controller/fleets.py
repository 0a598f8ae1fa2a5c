"""Fleets for the tests of the state machine, and what makes their actions succeed."""

from collections.abc import Iterable

from controller.actions import Action, Apply, Clone, Drain, Stop
from controller.fleet import Fleet


def fleet(wanted: int = 1, standby: int = 0, slots: int = 20) -> Fleet:
    return Fleet("web", slots, wanted, standby)


def gathering(wanted: int, gather_s: float = 0.05) -> Fleet:
    """A fleet that lets healthy instances wait for those that boot; the balancer runs, the clones are ordered."""
    made = Fleet("web", 20, wanted, gather_s=gather_s)
    made.plan(0)
    made.applied((), 0)
    return made


def serving(count: int, standby: int = 0, slots: int = 20) -> Fleet:
    """A fleet whose first `count` instances are in service, nothing else going on; its time is 0."""
    made = fleet(count, standby, slots)
    settle(made)
    assert made.counts().in_service == count
    return made


def settle(made: Fleet, now_s: float = 0.0) -> list[Action]:
    """Let all that is planned succeed at once; returns all that was planned."""
    planned: list[Action] = []
    while actions := made.plan(now_s):
        planned += actions
        for action in actions:
            succeed(made, action, now_s)
    return planned


def succeed(made: Fleet, action: Action, now_s: float = 0.0) -> None:
    match action:
        case Clone(name):
            made.booted(name, now_s, {})
        case Apply(members):
            made.applied(members, now_s)
        case Drain(name):
            made.drained(name, now_s)
        case Stop(name):
            made.stopped(name)


def phases(made: Fleet) -> dict[str, str]:
    return {name: instance.phase.value for name, instance in made.instances.items()}


def kinds(actions: Iterable[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]
