"""Scenario files: what is offered to which policy, and what is expected of it."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FOLDER = Path(__file__).parent / "scenarios"


class ScenarioError(Exception):
    """The scenario cannot be used; the message is one line with file, place and what is legal."""


class Load(BaseModel):
    """The load: a shape of loadgen and its parameters, rates in requests per second."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    shape: Literal["ramp"]
    low_rps: float = Field(ge=0, le=1000)
    peak_rps: float = Field(gt=0, le=1000)
    duration_s: float = Field(gt=0, le=3600)
    arrivals: Literal["even", "poisson"] = "even"
    seed: int = Field(default=1, ge=0)
    integral_share: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Load":
        if self.low_rps > self.peak_rps:
            raise ValueError(f"low_rps {self.low_rps:g} is above peak_rps {self.peak_rps:g}")
        return self

    def arguments(self) -> list[str]:
        """The options of `locust -f loadgen/<shape>.py`."""
        options = {
            "low": self.low_rps, "peak": self.peak_rps, "duration": self.duration_s, "arrivals": self.arrivals,
            "seed": self.seed, "integral-share": self.integral_share,
        }  # fmt: skip
        return [part for name, value in options.items() for part in (f"--{name}", str(value))]


class Scenario(BaseModel):
    """One scenario; `policy` is a path from the project's root."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    title: str = Field(min_length=1)
    hypothesis: str = Field(min_length=1)
    policy: str
    load: Load
    settle_s: float = Field(default=5, ge=0, le=600)

    def claim(self) -> str:
        """The hypothesis with the load's and the policy's values in it."""
        return self.hypothesis.format(policy=self.policy, **self.load.model_dump())


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_scenario(name: str, overrides: dict[str, float]) -> Scenario:
    """The shipped scenario of that name, with some of its load's parameters replaced. Raises ScenarioError."""
    path = FOLDER / f"{name}.yaml"
    if not path.exists():
        raise ScenarioError(f"{name!r} is no scenario; known are {', '.join(names())}")
    document = yaml.safe_load(path.read_text())
    document["load"] |= overrides
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ScenarioError(f"{path.name}: {place}: {first['input']!r}: {first['msg']}") from error
