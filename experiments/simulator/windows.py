"""The rate limiters of many instances at once, as flows: what each may still admit within the last second.

Instances that get traffic since the same moment are alike and share one window. Those that have it for longer than
JOINED_S are alike whenever they came, for the balancer gives all of them the same.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from webapp.pacing import WINDOW_S

JOINED_S = 2 * WINDOW_S
ROUNDING = 1e-9


@dataclass(slots=True, eq=False)
class Cohort:
    """Instances that are alike. `admitted` tells from when to when how much each of them has admitted lately."""

    since_s: float
    names: set[str] = field(default_factory=set)
    usable: int = 0  # how many of them get traffic
    admitted: deque[tuple[float, float, float]] = field(default_factory=deque)
    within: float = 0.0  # the sum of `admitted`

    def room(self, until_s: float, limit: float) -> float:
        """What each may admit in a span that ends then. Of a span that has partly left the window a part counts."""
        start_s, admitted, left = until_s - WINDOW_S + ROUNDING, self.admitted, 0.0
        while admitted and admitted[0][1] <= start_s:
            self.within -= admitted.popleft()[2]
        if admitted and admitted[0][0] < start_s:
            from_s, ends_s, each = admitted[0]
            left = each * (start_s - from_s) / (ends_s - from_s)
        return max(0.0, limit - self.within + left)

    def admit(self, from_s: float, until_s: float, each: float) -> None:
        if each > 0:
            self.admitted.append((from_s, until_s, each))
            self.within += each


class Windows:
    """All instances of the back end, by cohort, the oldest first."""

    def __init__(self) -> None:
        self.cohorts: list[Cohort] = []
        self.usable = 0
        self._of: dict[str, Cohort] = {}
        self._usable: set[str] = set()

    @property
    def names(self) -> set[str]:
        """Those that get traffic."""
        return self._usable

    def join(self, names: Iterable[str], now_s: float) -> None:
        """These get traffic from now on; one that had it before goes on with its window."""
        fresh = Cohort(now_s)
        for name in set(names) - self._usable:
            cohort = self._of.setdefault(name, fresh)
            cohort.names.add(name)
            self._count(name, cohort, +1)
        if fresh.names:
            self.cohorts.append(fresh)

    def leave(self, name: str) -> None:
        """It gets no more traffic, but may come back."""
        if name in self._usable:
            self._count(name, self._of[name], -1)

    def forget(self, name: str) -> None:
        """It is gone; another that takes its name is another instance."""
        self.leave(name)
        cohort = self._of.pop(name)
        cohort.names.discard(name)
        if not cohort.names:
            self.cohorts.remove(cohort)

    def merge(self, now_s: float) -> None:
        """Let cohorts that have become alike be one."""
        while len(self.cohorts) > 1 and self.cohorts[1].since_s <= now_s - JOINED_S:
            first, second = self.cohorts[0], self.cohorts.pop(1)
            first.names |= second.names
            first.usable, second.usable = first.usable + second.usable, 0
            self._of.update(dict.fromkeys(second.names, first))

    def _count(self, name: str, cohort: Cohort, by: int) -> None:
        (self._usable.add if by > 0 else self._usable.discard)(name)
        cohort.usable += by
        self.usable += by
