"""When the number of instances last changed, read from the observations, and whether a policy asked for it.

A decision may be held back by the limits behind a policy, so a cooldown must start with a change that is seen, not with
a decision that was made.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """One change of the number of instances that are wanted."""

    at_s: float
    step: int  # more (above zero) or fewer instances
    asked: bool  # the policy's last decision went the same way


class Moves:
    """Watches the number that is wanted. `see` it first in each tick, then tell the decision."""

    def __init__(self) -> None:
        self._seen: tuple[float, int] | None = None
        self._decided: int | None = None

    def see(self, now_s: float, wanted: int) -> Move | None:
        """The change since the last tick, right after which it was carried out."""
        seen, self._seen = self._seen, (now_s, wanted)
        if seen is None or seen[1] == wanted:
            return None
        at_s, before = seen
        asked = self._decided is not None and (self._decided - before) * (wanted - before) > 0
        return Move(at_s, wanted - before, asked)

    def decide(self, wanted: int) -> None:
        self._decided = wanted
