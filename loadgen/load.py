"""The load of a run as a document: its shape, how its arrivals are spaced and what they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from loadgen import shapes

Rate = Annotated[float, Field(ge=0, le=1000)]


class LoadError(ValueError):
    """The load cannot be used; the message is one line with the place and what is legal."""


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
    def _ordered(self) -> RampLoad:
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
    def _ordered(self) -> StepLoad:
        if self.before_s > self.duration_s:
            raise ValueError(f"before_s {self.before_s:g} is above duration_s {self.duration_s:g}")
        return self

    def curve(self) -> shapes.Shape:
        return shapes.step(self.low_rps, self.high_rps, self.before_s, self.duration_s)


Load = Annotated[RampLoad | StepLoad, Field(discriminator="shape")]
SHAPES: dict[str, type[RampLoad] | type[StepLoad]] = {"ramp": RampLoad, "step": StepLoad}


def parse_load(document: Mapping[str, Any]) -> Load:
    """The load in a document. Raises LoadError."""
    try:
        return TypeAdapter[Load](Load).validate_python(document)
    except ValidationError as error:
        raise LoadError(error_line(error)) from error


def changed(load: Load, overrides: Mapping[str, float]) -> Load:
    """`load` with some of its fields replaced; `highest_rps` replaces the highest rate, whatever it is called.

    Raises LoadError.
    """
    named = {load.HIGHEST if key == "highest_rps" else key: value for key, value in overrides.items()}
    return parse_load({**load.model_dump(), **named})


def error_line(error: ValidationError) -> str:
    """The first fault of a document in one line: place, value, what is legal."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in SHAPES)  # pydantic puts the shape into it
    value = f"{first['input']!r}" if isinstance(first["input"], str | int | float) else ""
    return ": ".join(part for part in (place, value, first["msg"].removeprefix("Value error, ")) if part)
