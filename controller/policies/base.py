"""What several policies need: strict options, names of metrics, and a clock that says when to evaluate."""

import math
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from controller.model import METRICS


class Strict(BaseModel):
    """Options that are what they say: no unknown key, no conversion, no infinity.

    What stands below each of them is its meaning in docs/policies.md, with the unit where the name does not tell it.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, strict=True, use_attribute_docstrings=True
    )


class Bounded(Strict):
    """Options of a policy whose formula uses bounds: the fleet's, where they are not given."""

    minimum: int | None = Field(default=None, ge=0)
    """[instances] The fewest; not given: `instances.min`."""
    maximum: int | None = Field(default=None, ge=0)
    """[instances] The most; not given: `instances.max`."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"is no metric; known are {', '.join(METRICS)}")
    return name


MetricName = Annotated[str, AfterValidator(_known_metric), WithJsonSchema({"type": "string", "format": "a metric"})]


class Period:
    """Due every `period_s` seconds, the first time at once; a late call does not shift the later ones."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._due_s = -math.inf

    def due(self, now_s: float) -> bool:
        """Is it time? True only once for each period."""
        if now_s < self._due_s - 1e-9:
            return False
        on_time = now_s - self._due_s < self.period_s
        self._due_s = (self._due_s if on_time else now_s) + self.period_s
        return True

    def left_s(self, now_s: float) -> float:
        """Seconds until it is due."""
        return max(0.0, self._due_s - now_s)
