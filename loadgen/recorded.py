"""A recorded load as a document: `{shape: trace, file: trace.csv, speed: 60, peak_rps: 80}`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from loadgen import shapes
from loadgen.specs import HighRate, Spec

ROOT = Path(__file__).resolve().parents[1]


class Trace(Spec):
    """A recorded load; a relative `file` is looked for in the working directory, then in the project's root."""

    HIGHEST = "peak_rps"

    shape: Literal["trace"] = "trace"
    file: str = Field(description="a CSV file of lines time,requests or of one time each")
    speed: float = Field(default=1.0, gt=0, le=1e6, description="how many times faster than recorded")
    peak_rps: HighRate | None = Field(default=None, description="highest requests/s")

    @property
    def corners(self) -> float:
        return len(self._curve.edges_s)

    @property
    def files(self) -> tuple[Path, ...]:
        given = Path(self.file)
        return (given if given.exists() or not (ROOT / given).exists() else ROOT / given,)

    @cached_property
    def _curve(self) -> shapes.Shape:
        return shapes.read_trace(self.files[0], self.speed, self.peak_rps)

    def curve(self, _key: str, /) -> shapes.Shape:
        return self._curve

    @model_validator(mode="after")
    def _readable(self) -> Self:
        self.curve("")
        return self

    def with_duration(self, duration_s: float) -> Self:
        return self.replaced(speed=self.speed * self._curve.duration_s / duration_s)

    def scaled(self, factor: float) -> Self:
        return self.replaced(peak_rps=factor * self._curve.highest_rps)
