"""Numbers by the time since the start, as the scheduled actions of EC2 Auto Scaling set them.

An entry begins `from_s` seconds after the policy's first observation and, with `every_s`, again each so many seconds.
From then on its `wanted` and its `min` hold until another entry sets them anew; of two that begin together the later
in the list counts. The result is the larger of both. Before an entry has set `wanted`, the fleet stays as it is, but
for `min`. To end a peak, write a second entry.

Source: Amazon EC2 Auto Scaling user guide, "Scheduled scaling" (an action sets minimum, maximum and desired capacity,
once or recurring). Its maximum is `instances.max` here. Times of day and cron expressions are left out: a run of a
testbed begins when it is started.

Example:

    policy:
      scheduled:
        - {from_s: 60, every_s: 300, wanted: 8}
        - {from_s: 120, every_s: 300, wanted: 2}
"""

import math

from pydantic import Field, RootModel, model_validator

from controller.model import Decision, Observation
from controller.policies.base import Strict


class Entry(Strict):
    """One action: at least one of `wanted` and `min`."""

    from_s: float = Field(ge=0, le=604_800)
    """When it begins, from the policy's first observation."""
    every_s: float | None = Field(default=None, ge=0.1, le=604_800)
    """After this time it begins again, and so on; none: it begins once."""
    wanted: int | None = Field(default=None, ge=0, le=200)
    """[instances] How many from then on."""
    min: int | None = Field(default=None, ge=0, le=200)
    """[instances] The least from then on."""

    @model_validator(mode="after")
    def _sets_something(self) -> "Entry":
        if self.wanted is None and self.min is None:
            raise ValueError("needs at least one of wanted, min")
        return self

    def began_s(self, elapsed_s: float) -> float | None:
        """When it began last, None before its first time."""
        if elapsed_s < self.from_s:
            return None
        if self.every_s is None:
            return self.from_s
        return self.from_s + self.every_s * math.floor((elapsed_s - self.from_s) / self.every_s)

    def next_s(self, elapsed_s: float) -> float | None:
        """When it begins next, None for never."""
        began_s = self.began_s(elapsed_s)
        if began_s is None:
            return self.from_s
        return None if self.every_s is None else began_s + self.every_s

    def __str__(self) -> str:
        sets = [] if self.wanted is None else [f"{self.wanted} wanted"]
        sets += [] if self.min is None else [f"at least {self.min}"]
        again = "" if self.every_s is None else f", and each {self.every_s:g} s"
        return f"{' and '.join(sets)} from {self.from_s:g} s{again}"


class ScheduledConfig(RootModel[list[Entry]]):
    """The list under `scheduled:`; at least one entry."""

    root: list[Entry] = Field(min_length=1)


class Scheduled:
    """The policy `scheduled`."""

    Config = ScheduledConfig

    def __init__(self, config: ScheduledConfig) -> None:
        self._entries = config.root
        self._start_s: float | None = None

    def describe(self) -> list[str]:
        return [str(entry) for entry in self._entries]

    def decide(self, observation: Observation) -> Decision:
        if self._start_s is None:
            self._start_s = observation.t_s
        elapsed_s, present = observation.t_s - self._start_s, observation.counts.wanted
        wanted, least = self._in_force(elapsed_s, "wanted"), self._in_force(elapsed_s, "min")
        number = max(present if wanted is None else wanted, least or 0)
        words = [] if wanted is None else [f"{wanted} wanted"]
        words += [] if least is None else [f"at least {least}"]
        reason = f"{elapsed_s:.1f} s in: {' and '.join(words) or 'nothing is set yet'}"
        if observation.missing and number < present:
            return Decision(present, f"{reason}, but nothing is known of the load")
        return Decision(number, reason, self._coming(elapsed_s))

    def _in_force(self, elapsed_s: float, name: str) -> int | None:
        """What the entry that began last set `name` to."""
        newest_s, value = -math.inf, None
        for entry in self._entries:
            began_s, sets = entry.began_s(elapsed_s), getattr(entry, name)
            if sets is not None and began_s is not None and began_s >= newest_s:
                newest_s, value = began_s, sets
        return value

    def _coming(self, elapsed_s: float) -> tuple[str, ...]:
        times = ((entry.next_s(elapsed_s), entry) for entry in self._entries)
        coming = [(next_s, entry) for next_s, entry in times if next_s is not None]
        if not coming:
            return ()
        next_s, entry = min(coming, key=lambda each: each[0])
        return (f"next in {next_s - elapsed_s:.1f} s: {entry}",)
