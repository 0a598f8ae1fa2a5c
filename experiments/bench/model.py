"""What a benchmark is, what it is given, and what it returns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

RANKS = {"median": 50, "p95": 95, "p99": 99}
DIGITS = 3


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one quantity for one way of doing it. A detail is recorded, but not shown in tables."""

    way: str
    what: str
    unit: str
    samples: tuple[float, ...]
    detail: bool = False

    def record(self) -> dict[str, Any]:
        """For bench.json: the samples and what they come to."""
        return {
            "way": self.way, "what": self.what, "unit": self.unit, "detail": self.detail, "n": len(self.samples),
            **statistics(self.samples), "samples": [round(sample, DIGITS) for sample in self.samples],
        }  # fmt: skip


def statistics(samples: Sequence[float]) -> dict[str, float | None]:
    """Median, percentiles, least and greatest; all None where there is no sample."""
    if not samples:
        return dict.fromkeys((*RANKS, "min", "max"))
    found = {name: float(np.percentile(samples, rank)) for name, rank in RANKS.items()}
    found |= {"min": min(samples), "max": max(samples)}
    return {name: round(value, DIGITS) for name, value in found.items()}


class Samples:
    """Collects samples by way and quantity while alternatives take turns."""

    def __init__(self, unit: str = "ms") -> None:
        self._unit = unit
        self._found: dict[tuple[str, str], list[float]] = {}

    def add(self, way: str, what: str, *values: float) -> None:
        self._found.setdefault((way, what), []).extend(values)

    def series(self, details: Iterable[str] = ()) -> list[Series]:
        hidden = set(details)
        return [
            Series(way, what, self._unit, tuple(values), detail=what in hidden)
            for (way, what), values in self._found.items()
        ]


@dataclass
class Context:
    """What a benchmark is given: a folder for its files, how to tell of progress, and whether it is to be short."""

    folder: Path
    quick: bool
    say: Callable[[str], None]
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Something that the reader of the results must know; told at once, and once."""
        if text not in self.notes:
            self.notes.append(text)
            self.say(text)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: `run` measures and returns its samples."""

    name: str
    title: str
    run: Callable[[Context], list[Series]]
