"""Scenario files: what is offered to which policy, and what is expected of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from loadgen import shapes

FOLDER = Path(__file__).parent / "scenarios"
Rate = Annotated[float, Field(ge=0, le=1000)]


class ScenarioError(Exception):
    """The scenario cannot be used; the message is one line with file, place and what is legal."""


class AnyLoad(BaseModel):
    """What every load has; rates are requests per second."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    HIGHEST: ClassVar[str]  # the field that holds the highest rate

    duration_s: float = Field(gt=0, le=3600)
    arrivals: Literal["even", "poisson"] = "even"
    seed: int = Field(default=1, ge=0)
    integral_share: float = Field(default=0.1, ge=0, le=1)

    def arguments(self) -> list[str]:
        """The options of `locust -f loadgen/<shape>.py`."""
        fields = self.model_dump(exclude={"shape"})
        options = {name.removesuffix("_rps").removesuffix("_s"): value for name, value in fields.items()}
        return [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]


class RampLoad(AnyLoad):
    """Up in a straight line and down again."""

    HIGHEST = "peak_rps"

    shape: Literal["ramp"]
    low_rps: Rate
    peak_rps: Rate = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> "RampLoad":
        if self.low_rps > self.peak_rps:
            raise ValueError(f"low_rps {self.low_rps:g} is above peak_rps {self.peak_rps:g}")
        return self

    def curve(self) -> shapes.Shape:
        return shapes.ramp(self.low_rps, self.peak_rps, self.duration_s)


class StepLoad(AnyLoad):
    """A low rate that jumps to a high one after `before_s` seconds and stays there."""

    HIGHEST = "high_rps"

    shape: Literal["step"]
    low_rps: Rate
    high_rps: Rate
    before_s: float = Field(ge=0, le=3600)

    @model_validator(mode="after")
    def _ordered(self) -> "StepLoad":
        if self.before_s > self.duration_s:
            raise ValueError(f"before_s {self.before_s:g} is above duration_s {self.duration_s:g}")
        return self

    def curve(self) -> shapes.Shape:
        return shapes.step(self.low_rps, self.high_rps, self.before_s, self.duration_s)


Load = Annotated[RampLoad | StepLoad, Field(discriminator="shape")]
SHAPES: dict[str, type[RampLoad] | type[StepLoad]] = {"ramp": RampLoad, "step": StepLoad}


class Scenario(BaseModel):
    """One scenario; `policy` and `shadows` are paths from the project's root. `metrics` says what those of foreign
    files mean, `time_scale` how much faster time passes for the policies (None: as their files say)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    title: str = Field(min_length=1)
    hypothesis: str = Field(min_length=1)
    policy: str
    shadows: tuple[str, ...] = ()
    metrics: dict[str, str] = {}
    time_scale: float | None = Field(default=None, ge=0.01, le=1000)
    load: Load
    settle_s: float = Field(default=5, ge=0, le=600)

    def claim(self) -> str:
        """The hypothesis with the load's and the policy's values in it."""
        return self.hypothesis.format(policy=self.policy, **self.load.model_dump())


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_scenario(name: str, overrides: Mapping[str, float]) -> Scenario:
    """The shipped scenario of that name, with some of its load's parameters replaced. `highest_rps` replaces the
    highest rate, whatever it is called. Raises ScenarioError."""
    path = FOLDER / f"{name}.yaml"
    if not path.exists():
        raise ScenarioError(f"{name!r} is no scenario; known are {', '.join(names())}")
    document = yaml.safe_load(path.read_text())
    highest = SHAPES[document["load"]["shape"]].HIGHEST
    document["load"] |= {highest if key == "highest_rps" else key: value for key, value in overrides.items()}
    return parse(document, path.name)


def parse(document: Mapping[str, Any], source: str) -> Scenario:
    """The scenario in a document. Raises ScenarioError, which names the source."""
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part not in SHAPES)  # pydantic puts the shape into it
        value = f"{first['input']!r}: " if isinstance(first["input"], str | int | float) else ""
        raise ScenarioError(f"{source}: {place}: {value}{first['msg'].removeprefix('Value error, ')}") from error
