"""What clients did to objects and what they saw: one operation a line, in the order in which the operations ended."""

from __future__ import annotations

import dataclasses
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

DONE, ABSENT, FAILED, UNKNOWN = "done", "absent", "failed", "unknown"


class HistoryError(Exception):
    """The file is no history; the message is for the user."""


@dataclass(frozen=True)
class Operation:
    """One request. Times are of one monotonic clock, in seconds: before the first byte was sent, after the last came.

    `outcome` is `done`, `absent` (there was no such object), `failed` (it surely had no effect) or `unknown` (it may
    have its effect at any later time, or never). `value` names the content that was put or got.
    """

    client: int
    action: str  # put, get, delete, list (all ids) or clear (delete all)
    began_s: float
    ended_s: float
    outcome: str
    answer: str  # the HTTP status, or what went wrong
    key: str = ""  # the object id; none for list and clear
    value: str = ""
    listed: tuple[str, ...] = ()


@dataclass
class History:
    """The operations so far; any thread may add one."""

    operations: list[Operation] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, operation: Operation) -> None:
        with self._lock:
            self.operations.append(operation)

    @property
    def keys(self) -> list[str]:
        """The keys that anything was done to, in the order of their first use."""
        return list(dict.fromkeys(each.key for each in self.operations if each.key))

    def save(self, path: Path) -> None:
        """Write one JSON object a line. Raises OSError."""
        lines = [json.dumps(dataclasses.asdict(each)) + "\n" for each in self.operations]
        path.write_text("".join(lines))

    @classmethod
    def load(cls, path: Path) -> History:
        """What `save` wrote. Raises OSError, HistoryError."""
        made = cls()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            try:
                fields = json.loads(line)
                made.add(Operation(**fields | {"listed": tuple(fields["listed"])}))
            except (ValueError, TypeError, KeyError) as error:
                raise HistoryError(f"{path}: line {number} is no operation: {error}") from error
        return made
