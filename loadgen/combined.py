"""Combinations of load shapes as documents, `{shape: sum, of: [{shape: sine, ...}, {shape: noise, ...}]}`, and the
document of any shape."""

from __future__ import annotations

import math
from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from loadgen import shapes, specs
from loadgen.recorded import Trace

MOST_PARTS = 20
MOST_CORNERS = 200_000  # times the number of shapes: each corner is looked at in all of them


class Combination(specs.Spec):
    """Several shapes in one; `of` holds them, and numbers where these have a meaning."""

    NUMBERS: ClassVar[bool] = False

    of: tuple[Part, ...] = Field(min_length=2, max_length=MOST_PARTS)

    @model_validator(mode="after")
    def _has_shapes(self) -> Self:
        if self.factors and not self.NUMBERS:
            raise ValueError(f"of: {self.factors[0]:g} is no shape; a number is legal in a product only")
        if not self.parts:
            raise ValueError("of: a product needs at least one shape")
        if self.shapes_in_all > MOST_PARTS:
            raise ValueError(f"of: these are {self.shapes_in_all} shapes in all; at most {MOST_PARTS} are legal")
        if self.corners * self.shapes_in_all > MOST_CORNERS:
            raise ValueError("of: these curves have too many corners to be combined; make periods longer, or the load "
                             "shorter")  # fmt: skip
        return self

    @property
    def shapes_in_all(self) -> int:
        return sum(part.shapes_in_all for part in self.parts)

    @property
    def corners(self) -> float:
        return sum(part.corners for part in self.parts)

    @property
    def parts(self) -> tuple[AnySpec, ...]:
        """The shapes of `of`."""
        return tuple(part for part in self.of if not isinstance(part, float))

    @property
    def factors(self) -> tuple[float, ...]:
        """The numbers of `of`."""
        return tuple(part for part in self.of if isinstance(part, float))

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for part in self.parts for file in part.files)

    def curve(self, key: str, /) -> shapes.Shape:
        return self.combined(tuple(part.curve(f"{key}.{number}") for number, part in enumerate(self.parts)))

    @abstractmethod
    def combined(self, curves: tuple[shapes.Shape, ...]) -> shapes.Shape:
        """The shape, from those of the parts."""

    def with_duration(self, duration_s: float) -> Self:
        """Each part longer, or shorter, by the same factor. Raises ValidationError."""
        share = duration_s / self.curve("").duration_s
        curves = (part.curve("") for part in self.parts)
        parts = (part.with_duration(share * curve.duration_s) for part, curve in zip(self.parts, curves, strict=True))
        return self.replaced(of=(*self.factors, *parts))

    def scaled(self, factor: float) -> Self:
        return self.replaced(of=[part.scaled(factor) for part in self.parts])


class Sum(Combination):
    """The rates of all parts together; as long as the longest."""

    shape: Literal["sum"] = "sum"

    def combined(self, curves: tuple[shapes.Shape, ...]) -> shapes.Shape:
        return shapes.Sum(curves)


class Then(Combination):
    """One part after the other."""

    shape: Literal["then"] = "then"

    def combined(self, curves: tuple[shapes.Shape, ...]) -> shapes.Shape:
        return shapes.Chain(curves)


class Product(Combination):
    """Shapes and numbers multiplied with each other; as long as the shortest."""

    NUMBERS = True

    shape: Literal["product"] = "product"

    def combined(self, curves: tuple[shapes.Shape, ...]) -> shapes.Shape:
        made = curves[0] if len(curves) == 1 else shapes.Product(curves)
        return made * math.prod(self.factors) if self.factors else made

    def scaled(self, factor: float) -> Self:
        return self.replaced(of=(factor * math.prod(self.factors), *self.parts))


def _kind(part: Any) -> str:
    return "number" if isinstance(part, int | float) else "shape"


AnySpec = Annotated[
    specs.Constant | specs.Ramp | specs.Step | specs.Spike | specs.Square | specs.Triangle | specs.Sine
    | specs.DoubleWave | specs.OnOff | specs.Noise | Trace | Sum | Product | Then,
    Field(discriminator="shape"),
]  # fmt: skip
Factor = Annotated[float, Field(gt=0, le=specs.MOST_RPS)]
Part = Annotated[Annotated[AnySpec, Tag("shape")] | Annotated[Factor, Tag("number")], Discriminator(_kind)]
for model in (Sum, Product, Then):
    model.model_rebuild()
