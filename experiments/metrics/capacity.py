"""What instances can serve: as it was measured, or as their rate limit says."""

import logging
import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import AfterValidator, Field

from controller.config import Service
from experiments.records import BrokenRun, Record, checked, read_mapping
from loadgen.load import Load

PREFIX = "capacity-"  # begins the name of a folder of results with such a measurement
FILE = "capacity.json"
RATE_LIMIT = "rate limit"
WINDOW_S = 1.0  # of the rate limiter
MOST_INSTANCES = 10_000
LEAST_RPS, MOST_RPS = 1e-3, 1e9

log = logging.getLogger("experiments")


@dataclass(frozen=True)
class Capacity:
    """`rps[r - 1]` is the highest rate of evenly spaced requests that r instances serve, in requests per second. Beyond
    the last level each further instance adds as much as one of that level's serves on average."""

    source: str
    rps: tuple[float, ...]

    @property
    def per_instance_rps(self) -> list[float]:
        """At each level, what one of its instances serves on average."""
        return [round(rps / instances, 3) for instances, rps in enumerate(self.rps, start=1)]

    @property
    def told(self) -> dict[str, Any]:
        """What run.json tells of it."""
        return {"source": self.source, "per_instance_rps": self.per_instance_rps}

    def instances_for(self, requests: int) -> int:
        """The fewest instances for so many requests within WINDOW_S, both ends included.

        So many need a rate above (requests - 1) / WINDOW_S when they are evenly spaced. With the rate limit as the
        capacity that is what the limiter allows: L requests of an instance in a window, not one more.
        """
        if requests <= self._most[-1]:
            return bisect_left(self._most, requests) + 1 if requests else 0
        each = self.rps[-1] / len(self.rps) * WINDOW_S
        return math.floor((requests - 1 + 1e-9) / each) + 1

    @cached_property
    def _most(self) -> list[int]:
        """The most requests in a window by number of instances; one that is measured to serve less than fewer do can
        do what they do."""
        return list(accumulate((math.ceil(rps * WINDOW_S - 1e-9) for rps in self.rps), max))


class Level(Record):
    """So many instances, and the highest rate that they serve together."""

    instances: int = Field(ge=1, le=MOST_INSTANCES)
    capacity_rps: float = Field(ge=LEAST_RPS, le=MOST_RPS)


SomeLevel = TypeVar("SomeLevel", bound=Level)


def _rising(levels: list[SomeLevel]) -> list[SomeLevel]:
    numbers = [level.instances for level in levels]
    if numbers != sorted(set(numbers)):
        raise ValueError(f"instances {numbers} do not rise from level to level")
    return levels


Levels = Annotated[list[SomeLevel], Field(min_length=1), AfterValidator(_rising)]


class Measured(Record):
    """What is read of a capacity.json; further fields are not looked at."""

    quick: bool = False
    service: Service
    mix: dict[str, float] | None = None
    levels: Levels[Level]


def mix_of(load: Load) -> dict[str, float]:
    """What the requests of a load ask for, whatever their rate."""
    return {"integral_share": load.integral_share, "integral_steps": load.integral_steps}


def capacity_of(
    policy: Mapping[str, Any], results: Path | None = None, mix: Mapping[str, float] | None = None, quick: bool = True
) -> Capacity | None:
    """The capacity under the service settings of `policy`, a policy file's content with all defaults, for requests of
    this mix (None: any): of the newest measurement in the folder `results`, `quick` ones included, else by the rate
    limit; None where there is neither.
    """
    service = Service.model_validate(policy.get("service", {"rate_limit": 0}))
    folders = sorted(results.glob(f"{PREFIX}*"), reverse=True) if results else []
    for folder in folders:
        measured = _read(folder / FILE)
        if measured is None or measured.service != service or (measured.quick and not quick):
            continue
        if mix is None or measured.mix == mix:
            return Capacity(folder.name, _interpolated(measured.levels))
    return Capacity(RATE_LIMIT, (float(service.rate_limit),)) if service.rate_limit else None


def _interpolated(levels: list[Level]) -> tuple[float, ...]:
    """Levels between measured ones lie on a straight line."""
    instances, rps = [0, *(level.instances for level in levels)], [0.0, *(level.capacity_rps for level in levels)]
    return tuple(float(each) for each in np.interp(range(1, instances[-1] + 1), instances, rps))


def _read(file: Path) -> Measured | None:
    """None for a measurement that was not completed; one that is broken is told and left out."""
    if not file.exists():
        return None
    try:
        return checked(Measured, read_mapping(file), file)
    except BrokenRun as problem:
        log.warning("%s: left out: %s", file, problem.reason)
        return None
