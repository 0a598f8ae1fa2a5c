"""Load shapes as documents: `{shape: ramp, low_rps: 5, peak_rps: 100, duration_s: 180}`.

Each class describes one shape with its fields, their legal values and defaults; from these, Locust files get their
options. The functions themselves are in loadgen.shapes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loadgen import shapes

MOST_RPS, MOST_S = 1000, 3600
MOST_SEED = 2**32 - 1
CORNERS_A_PERIOD = 8
LEAST_PERIOD_S = 0.1  # a shorter one is no change of the load, and makes for very many points

Rate = Annotated[float, Field(ge=0, le=MOST_RPS)]
HighRate = Annotated[float, Field(gt=0, le=MOST_RPS)]
Seconds = Annotated[float, Field(ge=0, le=MOST_S)]
Duration = Annotated[float, Field(gt=0, le=MOST_S)]
Share = Annotated[float, Field(ge=0, le=1)]
Period = Annotated[float, Field(ge=LEAST_PERIOD_S, le=MOST_S)]


class Strict(BaseModel):
    """A document that knows all its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def replaced(self, **fields: Any) -> Self:
        """With these values instead. Raises ValidationError."""
        return type(self).model_validate({**self.model_dump(), **fields})


class Spec(Strict, ABC):
    """The document of any shape; `HIGHEST` names the field that holds the highest rate, where there is one."""

    HIGHEST: ClassVar[str] = ""

    @property
    def shapes_in_all(self) -> int:
        """Itself, or the shapes that it is made of."""
        return 1

    @property
    def corners(self) -> float:
        """About how many the curve has, over all shapes that it is made of."""
        return 100

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the shape is read from."""
        return ()

    @abstractmethod
    def curve(self, key: str, /) -> shapes.Shape:
        """The shape; `key` says which noise, where there is some."""

    @abstractmethod
    def with_duration(self, duration_s: float) -> Spec:
        """The same, but so long. Raises ValidationError."""

    @abstractmethod
    def scaled(self, factor: float) -> Spec:
        """The same with each rate multiplied by `factor`. Raises ValidationError."""


class Simple(Spec):
    """A shape of so many seconds, known in closed form."""

    PERIOD: ClassVar[tuple[str, ...]] = ()

    duration_s: Duration = Field(default=180.0, description="seconds in all")

    @property
    def corners(self) -> float:
        """By the fields that are a period together."""
        period_s = sum(getattr(self, name) for name in self.PERIOD) or self.duration_s
        return super().corners + CORNERS_A_PERIOD * self.duration_s / period_s

    def with_duration(self, duration_s: float) -> Self:
        return self.replaced(duration_s=duration_s)

    def scaled(self, factor: float) -> Self:
        rates = {name: value for name, value in self.model_dump().items() if name.endswith("_rps")}
        return self.replaced(**{name: factor * value for name, value in rates.items()})

    def refuse_above(self, name: str, limit: str) -> None:
        """Raises ValueError when one field is above another."""
        if getattr(self, name) > getattr(self, limit):
            raise ValueError(f"{name} {getattr(self, name):g} is above {limit} {getattr(self, limit):g}")


class LowAndPeak(Simple):
    """A shape between a lowest and a highest rate."""

    HIGHEST = "peak_rps"

    low_rps: Rate = Field(default=5.0, description="lowest requests/s")
    peak_rps: HighRate = Field(default=100.0, description="highest requests/s")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        self.refuse_above("low_rps", "peak_rps")
        return self


class Constant(Simple):
    """The same rate all the time."""

    HIGHEST = "rate_rps"

    shape: Literal["constant"] = "constant"
    rate_rps: HighRate = Field(default=20.0, description="requests/s")

    def curve(self, _key: str, /) -> shapes.Shape:
        return shapes.constant(self.rate_rps, self.duration_s)


class Ramp(LowAndPeak):
    """Up in a straight line and down again."""

    shape: Literal["ramp"] = "ramp"

    def curve(self, _key: str, /) -> shapes.Shape:
        return shapes.ramp(self.low_rps, self.peak_rps, self.duration_s)


class Step(Simple):
    """A low rate that jumps to a high one and stays there, or falls back."""

    HIGHEST = "high_rps"

    shape: Literal["step"] = "step"
    low_rps: Rate = Field(default=5.0, description="requests/s before the step")
    high_rps: Rate = Field(default=100.0, description="requests/s after the step")
    before_s: Seconds = Field(default=5.0, description="seconds until the step")
    high_s: Duration | None = Field(default=None, description="seconds until it falls back")
    duration_s: Duration = Field(default=20.0, description="seconds in all")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        self.refuse_above("before_s", "duration_s")
        return self

    def curve(self, _key: str, /) -> shapes.Shape:
        high_s = math.inf if self.high_s is None else self.high_s
        return shapes.step(self.low_rps, self.high_rps, self.before_s, self.duration_s, high_s)


class Spike(LowAndPeak):
    """A flash crowd: up, hold, down."""

    shape: Literal["spike"] = "spike"
    before_s: Seconds = Field(default=20.0, description="seconds until it begins")
    up_s: Seconds = Field(default=5.0, description="seconds from low to peak")
    hold_s: Seconds = Field(default=20.0, description="seconds at the peak")
    down_s: Seconds = Field(default=15.0, description="seconds from peak to low")
    duration_s: Duration = Field(default=120.0, description="seconds in all")

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        self.refuse_above("before_s", "duration_s")
        return self

    def curve(self, _key: str, /) -> shapes.Shape:
        times_s = (self.before_s, self.up_s, self.hold_s, self.down_s)
        return shapes.spike(self.low_rps, self.peak_rps, *times_s, self.duration_s)


class Square(Simple):
    """A low and a high rate in turn."""

    HIGHEST = "high_rps"
    PERIOD = ("period_s",)

    shape: Literal["square"] = "square"
    low_rps: Rate = Field(default=5.0, description="requests/s in the first part of a period")
    high_rps: HighRate = Field(default=60.0, description="requests/s in its second part")
    period_s: Period = Field(default=60.0, description="seconds of a period")
    high_share: Share = Field(default=0.5, description="share of the period with the high rate")

    def curve(self, _key: str, /) -> shapes.Shape:
        return shapes.square(self.low_rps, self.high_rps, self.period_s, self.high_share, self.duration_s)


class Triangle(LowAndPeak):
    """Up and down in straight lines, again and again."""

    PERIOD = ("period_s",)

    shape: Literal["triangle"] = "triangle"
    period_s: Period = Field(default=60.0, description="seconds of a period")

    def curve(self, _key: str, /) -> shapes.Shape:
        return shapes.triangle(self.low_rps, self.peak_rps, self.period_s, self.duration_s)


class Sine(LowAndPeak):
    """Up and down as a sine, again and again, from the lowest rate on."""

    PERIOD = ("period_s",)

    shape: Literal["sine"] = "sine"
    period_s: Period = Field(default=60.0, description="seconds of a period")

    def curve(self, _key: str, /) -> shapes.Shape:
        return shapes.Sine(self.low_rps, self.peak_rps, self.period_s, self.duration_s)


class DoubleWave(LowAndPeak):
    """Two bell curves, the first one not lower than the second."""

    shape: Literal["double_wave"] = "double_wave"
    second_rps: Rate = Field(default=60.0, description="requests/s at the top of the second wave")

    @model_validator(mode="after")
    def _second_between(self) -> Self:
        self.refuse_above("low_rps", "second_rps")
        self.refuse_above("second_rps", "peak_rps")
        return self

    def curve(self, _key: str, /) -> shapes.Shape:
        return shapes.DoubleWave(self.low_rps, self.peak_rps, self.second_rps, self.duration_s)


class OnOff(Simple):
    """A rate and nothing in turn."""

    HIGHEST = "high_rps"
    PERIOD = ("on_s", "off_s")

    shape: Literal["onoff"] = "onoff"
    high_rps: HighRate = Field(default=40.0, description="requests/s while it is on")
    on_s: Period = Field(default=20.0, description="seconds on, at first")
    off_s: Period = Field(default=20.0, description="seconds off")

    def curve(self, _key: str, /) -> shapes.Shape:
        return shapes.onoff(self.high_rps, self.on_s, self.off_s, self.duration_s)


class Noise(Simple):
    """A rate that wanders around its mean. Within a combination it can have a `seed` of its own; else the load's seed
    says which noise it is."""

    PERIOD = ("interval_s",)

    shape: Literal["noise"] = "noise"
    mean_rps: HighRate = Field(default=20.0, description="mean requests/s")
    spread_rps: Rate = Field(default=10.0, description="requests/s by which it differs from the mean at most")
    interval_s: Period = Field(default=5.0, description="seconds from one drawn rate to the next")
    seed: int | None = Field(default=None, ge=0, le=MOST_SEED)

    @model_validator(mode="after")
    def _positive(self) -> Self:
        self.refuse_above("spread_rps", "mean_rps")
        return self

    def curve(self, key: str, /) -> shapes.Shape:
        own_key = key if self.seed is None else str(self.seed)
        return shapes.noise(self.mean_rps, self.spread_rps, self.interval_s, self.duration_s, own_key)
