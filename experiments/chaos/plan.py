"""Which faults come when: drawn from a seed, so that the same seed makes the same faults."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from experiments.faults import clock
from experiments.faults.kinds import KINDS
from experiments.scenario import INSTANT, Fault, ScenarioError

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pace:
    """How much comes how fast: seconds from the end of a fault to the next, how long a fault lasts that is not over at
    once, and how long nothing more is broken at the end."""

    gap_s: Span = (5.0, 15.0)
    lasting_s: Span = (1.0, 4.0)
    quiet_s: float = 10.0


CHAOS = Pace()
QUICK = Pace(gap_s=(0.3, 0.6), lasting_s=(0.4, 0.8), quiet_s=3.0)
FULL_S = 1.0  # how long the disk is full at most: meanwhile nothing is stored, and each client that tries is told so


def drawn(seed: int, duration_s: float, kinds: Sequence[str], pace: Pace = CHAOS) -> tuple[Fault, ...]:
    """Faults of these kinds for a load of this duration; each kind comes once before one comes again."""
    random = Random(f"chaos {seed}")
    at_s = random.uniform(*pace.gap_s)
    found: list[Fault] = []
    for kind in _dealt(random, kinds):
        for_s = 0.0 if kind in INSTANT else random.uniform(*pace.lasting_s)
        for_s = min(for_s, FULL_S) if kind == "fill-disk" else for_s
        if at_s + for_s > duration_s - pace.quiet_s:
            return tuple(found)
        found.append(Fault.model_validate({"at_s": round(at_s, 3), "kind": kind, "for_s": round(for_s, 3)}))
        at_s += for_s + random.uniform(*pace.gap_s)
    return tuple(found)


def _dealt(random: Random, kinds: Sequence[str]) -> Iterator[str]:
    """All kinds in random order, again and again."""
    while kinds:
        yield from random.sample(kinds, len(kinds))


def chosen(names: str | None) -> tuple[list[str], str]:
    """The kinds of these names, separated by commas, and a note. Without names all; but a clock that somebody keeps
    right jumps only where it is named. Raises ScenarioError."""
    if names is None:
        left_out = ["clock-jump"] if clock.is_kept() else []
        note = "clock-jump is left out: this machine's clock is kept right by somebody" if left_out else ""
        return [name for name in KINDS if name not in left_out], note
    wanted = names.split(",")
    for name in wanted:
        if name not in KINDS:
            raise ScenarioError(f"{name!r} is no fault; known are {', '.join(KINDS)}")
    return [name for name in KINDS if name in wanted], ""
