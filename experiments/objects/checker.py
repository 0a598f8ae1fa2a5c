"""Whether a history could have come from one object store that does one thing at a time: linearizability.

A history is linearizable when each operation can be given a moment between its begin and its end, so that all answers
are right in the order of these moments (Herlihy and Wing, 1990). Objects are independent, and a history is linearizable
when that of each object is, so they are judged one by one (P-compositionality, Horn and Kroening, 2015). For one object
this is Wing and Gong's search (1993) with Lowe's just-in-time order and memory (Testing for linearizability, 2017): an
operation gets its moment only when one that ends needs it. It finds a violation if and only if there is one.

An operation of unknown outcome may have its moment at any later time, or never. Of two ways to explain what was seen so
far, the one that needed fewer of these can do all that the other can, so the other is forgotten: without that, their
number would be in the exponent.

A listing is one look at each object, at moments of their own within the listing; deleting all likewise.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from experiments.objects.history import ABSENT, FAILED, UNKNOWN, History, Operation
from experiments.objects.verdict import Verdict, Violation

NOTHING = ""  # the state of an object that does not exist; every other state is the name of a value
ANYTHING, SOMETHING = "*", "+"  # what a step may want to find; else it is a state


@dataclass(frozen=True, eq=False)
class Step:
    """What an operation means for one object."""

    began_s: float
    ended_s: float  # infinite when the outcome is unknown
    finds: str
    leaves: str | None  # None: what it found
    operation: Operation

    def possible(self, state: str) -> bool:
        """Whether the step may have its moment in this state."""
        return self.finds in (ANYTHING, state) or (self.finds == SOMETHING and state != NOTHING)

    def after(self, state: str) -> str:
        """The state that it leaves."""
        return state if self.leaves is None else self.leaves

    @property
    def sure(self) -> bool:
        """Whether it surely had its moment."""
        return self.ended_s < math.inf


class Way(NamedTuple):
    """One way to explain what was seen so far: the state now, and which open steps have had their moment."""

    state: str
    sure: frozenset[Step] = frozenset()
    unsure: frozenset[Step] = frozenset()

    def then(self, step: Step) -> Way:
        """This way, and then the step."""
        if step.sure:
            return Way(step.after(self.state), self.sure | {step}, self.unsure)
        return Way(step.after(self.state), self.sure, self.unsure | {step})


def check(history: History) -> Verdict:
    """Judge a history at whose begin no object exists."""
    violations = [violation_of(key, steps_of(history, key)) for key in history.keys]
    return Verdict(history, [each for each in violations if each is not None])


def steps_of(history: History, key: str) -> Iterator[Step]:
    """What the history means for this object: nothing where an operation failed, or was a look with unknown outcome."""
    for each in history.operations:
        if each.outcome == FAILED or each.key not in (key, ""):
            continue
        leaves = _leaves(each)
        if each.outcome != UNKNOWN:
            yield Step(each.began_s, each.ended_s, _finds(each, key), leaves, each)
        elif leaves is not None:
            yield Step(each.began_s, math.inf, ANYTHING, leaves, each)


def _finds(operation: Operation, key: str) -> str:
    if operation.outcome == ABSENT:
        return NOTHING
    match operation.action:
        case "get":
            return operation.value
        case "put":
            return NOTHING if operation.answer == "201" else SOMETHING
        case "list":
            return SOMETHING if key in operation.listed else NOTHING
        case "delete":
            return SOMETHING
    return ANYTHING


def _leaves(operation: Operation) -> str | None:
    if operation.action == "put":
        return operation.value
    return NOTHING if operation.action in ("delete", "clear") and operation.outcome != ABSENT else None


def violation_of(key: str, steps: Iterable[Step]) -> Violation | None:
    """The first step that no order of moments explains, or None when there is none."""
    ways, open_steps, seen = [Way(NOTHING)], set[Step](), list[Step]()
    for step, begins in _in_time(steps):
        if begins:
            open_steps.add(step)
            continue
        explained = _ways_to(step, ways, open_steps)
        if not explained:
            states = {way.state for way in _reachable(ways, open_steps - {step})}
            return Violation(key, step.operation, sorted(states), [each.operation for each in seen])
        ways = explained
        open_steps.remove(step)
        seen.append(step)
    return None


def _in_time(steps: Iterable[Step]) -> list[tuple[Step, bool]]:
    """Each step where it begins (True) and, where that is known, where it ends; at one moment begins come first."""
    steps = list(steps)
    moments = [(step.began_s, 0, number) for number, step in enumerate(steps)]
    moments += [(step.ended_s, 1, number) for number, step in enumerate(steps) if step.sure]
    return [(steps[number], end == 0) for _, end, number in sorted(moments)]


def _ways_to(wanted: Step, ways: list[Way], open_steps: set[Step]) -> list[Way]:
    """The ways in which the wanted step has had its moment; it is forgotten in them, for it is open no more."""
    found = {way for way in _reachable(ways, open_steps, wanted) if wanted in way.sure}
    return _fewest([Way(way.state, way.sure - {wanted}, way.unsure) for way in found])


def _reachable(ways: list[Way], open_steps: set[Step], last: Step | None = None) -> Iterator[Way]:
    """These ways, and those that follow by giving open steps their moments; none follows one with the last step."""
    kept: dict[tuple[str, frozenset[Step]], list[frozenset[Step]]] = {}
    # Shorter ways first, for they make longer ones superfluous.
    ahead = deque(sorted(ways, key=_length))
    while ahead:
        way = ahead.popleft()
        rivals = kept.setdefault((way.state, way.sure), [])
        if any(rival <= way.unsure for rival in rivals):
            continue
        rivals.append(way.unsure)
        yield way
        if last is None or last not in way.sure:
            ahead.extend(way.then(step) for step in open_steps - way.sure - way.unsure if step.possible(way.state))


def _length(way: Way) -> int:
    return len(way.sure) + len(way.unsure)


def _fewest(ways: list[Way]) -> list[Way]:
    """Those that no other one makes superfluous."""
    return list(_reachable(ways, set()))
