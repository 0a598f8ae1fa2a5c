"""What the checker found, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from experiments.objects.history import ABSENT, DONE, History, Operation

SHOWN_BEFORE = 6


@dataclass(frozen=True)
class Violation:
    """An answer that no order of the operations on its object explains."""

    key: str
    operation: Operation
    possible: list[str]  # the values that could be there then; "" for no object
    before: list[Operation]  # those on the object that had ended, in the order of their ends

    @property
    def kind(self) -> str:
        """What a person would call it."""
        each = self.operation
        if each.action == "get" and each.value.startswith("?"):
            return "torn object"
        if each.outcome == ABSENT or (each.action == "list" and self.key not in each.listed) or each.answer == "201":
            return "lost object"
        if self.possible == [""]:
            return "deleted object came back"
        return "stale or lost value"

    def text(self) -> str:
        """Some lines: what was seen, what could have been, and what went before."""
        could = ", ".join(value or "no object" for value in self.possible)
        lines = [f"{self.key}: {self.kind}: {told(self.operation, self.key)}; there could be: {could}"]
        lines += [f"    before: {told(each, self.key)}" for each in self.before[-SHOWN_BEFORE:]]
        return "\n".join(lines)


@dataclass(frozen=True)
class Verdict:
    """The history and what is wrong with it."""

    history: History
    violations: list[Violation]

    @property
    def holds(self) -> bool:
        """Whether every answer is explained, and every object was seen at the end."""
        return not self.violations and not self.unseen

    @property
    def unseen(self) -> list[str]:
        """The objects of which nobody knows what became of them: none was seen after its last write."""
        unseen: dict[str, None] = {}
        for each in self.history.operations:
            if each.action == "put":
                unseen[each.key] = None
            elif each.action == "get" and each.outcome in (DONE, ABSENT):
                unseen.pop(each.key, None)
        return list(unseen)

    def text(self) -> str:
        """One line, and some for each violation."""
        operations = self.history.operations
        outcomes = Counter(each.outcome for each in operations)
        written = sum(each.action == "put" and each.outcome == DONE for each in operations)
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
        told_counts = f"{len(operations):,} operations on {_many(len(self.history.keys), 'object')} ({counts})"
        if self.holds:
            return f"objects are safe: {told_counts}; all of {written:,} acknowledged writes whole and in order"
        lines = [f"objects are NOT safe: {told_counts}; {_many(len(self.violations), 'violation')}"]
        lines += [violation.text() for violation in self.violations]
        return "\n".join(lines + [f"{key}: not seen at the end" for key in self.unseen])


def told(operation: Operation, key: str) -> str:
    """An operation in words, as it concerns one object."""
    what = f"client {operation.client}: {operation.action}"
    if operation.action == "list" and operation.outcome == DONE:
        what += " with it" if key in operation.listed else " without it"
    value = f" {operation.value}" if operation.value else ""
    times = f"{operation.began_s:.4f} to {operation.ended_s:.4f} s"
    return f"{what}{value}, {operation.outcome} ({operation.answer}), {times}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
