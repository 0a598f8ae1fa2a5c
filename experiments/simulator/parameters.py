"""What the simulator has to know of the testbed, measured; `provenance` says where each figure comes from."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, ValidationError, model_validator

from controller.policies.base import Strict
from controller.ports import BootWay
from experiments.told import Told

DEFAULT = Path(__file__).parent / "default.json"
MOST_QUANTILES = 100
P95 = NormalDist().inv_cdf(0.95)
BLOCK = 512  # draws at once: one by one they take ten times as long

Milliseconds = Annotated[float, Field(ge=0, le=600_000)]
Seconds = Annotated[float, Field(ge=0, le=600)]
Share = Annotated[float, Field(ge=0, le=10)]


class ParametersError(Told):
    """The file of parameters cannot be used; the message is one line."""


class Lognormal(Strict):
    """Durations whose logarithm is normally distributed."""

    median_ms: Milliseconds
    p95_ms: Milliseconds

    @model_validator(mode="after")
    def _ordered(self) -> "Lognormal":
        if self.p95_ms < self.median_ms:
            raise ValueError(f"p95_ms {self.p95_ms:g} is below median_ms {self.median_ms:g}")
        return self

    def sample_s(self, generator: np.random.Generator, number: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """So many draws in seconds."""
        sigma = math.log(self.p95_ms / self.median_ms) / P95 if self.median_ms else 0.0
        return self.median_ms / 1000 * np.exp(generator.normal(0.0, sigma, number))


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(later < earlier for earlier, later in pairwise(values)):
        raise ValueError("quantiles must not fall")
    return values


class Empirical(Strict):
    """Durations as they were measured: each quantile stands for an equal share of the samples, and is its middle, so
    that one that was very long by chance is drawn no more often than it was seen."""

    quantiles_ms: Annotated[tuple[Milliseconds, ...], Field(min_length=2, max_length=1001), AfterValidator(_rising)]

    def sample_s(self, generator: np.random.Generator, number: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """So many draws in seconds."""
        places = generator.random(number) * (len(self.quantiles_ms) - 1)
        return np.interp(places, np.arange(len(self.quantiles_ms)), self.quantiles_ms) / 1000

    @classmethod
    def of(cls, samples_ms: Sequence[float]) -> "Empirical":
        """Of one or more samples."""
        number = min(max(2, len(samples_ms)), MOST_QUANTILES)
        middles = (np.arange(number) + 0.5) / number
        found = np.quantile(np.asarray(samples_ms, dtype=float), middles, method="hazen")
        return cls(quantiles_ms=tuple(np.round(found, 3).tolist()))


Times = Lognormal | Empirical


def draws_s(times: Times, seed: int, name: str) -> Iterator[float]:
    """Durations in seconds without end; each name has a sequence of its own, the same for the same seed."""
    generator = np.random.default_rng([seed, *name.encode()])
    while True:
        yield from times.sample_s(generator, BLOCK).tolist()


class Boot(Strict):
    """The parts of a boot that has the machine for itself; the CPU that it uses, as a share of one core. `slowdown`:
    each further boot at the same time makes it longer by this share."""

    clone: Times
    address: Times
    application: Times
    cpu: Share
    slowdown: Share


class Instances(Strict):
    """How instances come and go."""

    plain: Boot
    exec: Boot
    zygote: Boot
    thaw_ms: Milliseconds
    stop: Times

    def boot(self, way: BootWay) -> Boot:
        return {"plain": self.plain, "exec": self.exec, "zygote": self.zygote}[way]


class Balancer(Strict):
    """How long HAProxy takes for a change. `reload_slowdown`: each boot at the same time makes a reload longer by this
    share. `ask_ms` is for a question, or one order, on its sockets."""

    reload: Times
    reload_slowdown: Share
    runtime: Times
    drain: Times
    ask_ms: Milliseconds


class Service(Strict):
    """Requests as a client sees them while an instance is otherwise idle, from sending to the answer, and how much of
    that is CPU of the instance. `slowdown`: each boot at the same time makes them longer by this share."""

    put: Times
    get: Times
    integral: Times
    rejected: Times
    cpu_ms: Milliseconds
    slowdown: Share


class Run(Strict):
    """The course of a run: the controller's first tick and the load's origin, in seconds since the controller's start;
    how late the load generator sends; and how long it takes to end."""

    first_tick_s: Seconds
    load_from_s: Seconds
    lag: Times
    load_ends_s: Seconds


class Parameters(Strict):
    """All of it. `machine` is the one that it was measured on, as in run.json."""

    cores: int = Field(ge=1, le=1024)
    instances: Instances
    balancer: Balancer
    service: Service
    run: Run
    provenance: dict[str, str]
    machine: dict[str, Any] | None = None

    def save(self, path: Path) -> None:
        """Write a file for `load_parameters`, each list of numbers on one line. Raises OSError."""
        text = self.model_dump_json(indent=1)
        path.write_text(re.sub(r"\[[-0-9.,\s]+\]", lambda found: " ".join(found[0].split()), text) + "\n")


def load_parameters(path: Path = DEFAULT) -> Parameters:
    """Raises ParametersError."""
    try:
        return Parameters.model_validate_json(path.read_text())
    except OSError as error:
        raise ParametersError(f"--parameters {path}: {error.strerror}") from error
    except ValueError as error:
        raise ParametersError(f"--parameters {path}: {_first(error)}") from error


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return ": ".join(part for part in (".".join(map(str, first["loc"])), first["msg"]) if part)
