"""The load of a run as a document: its shape or its users, how its arrivals are spaced and what they ask for.

    {shape: ramp, low_rps: 5, peak_rps: 100, duration_s: 180, arrivals: even, seed: 1, integral_share: 0.1}
    {shape: sum, of: [{shape: sine, ...}, {shape: noise, ...}], arrivals: poisson, seed: 7}
    {mode: closed, users: 10, think_s: 0.5, duration_s: 180}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError, model_serializer, model_validator

from loadgen.arrivals import due_times
from loadgen.combined import AnySpec
from loadgen.document import DocumentError, read_document
from loadgen.faults import Fault, shown
from loadgen.shapes import Shape, arrival_count
from loadgen.specs import MOST_RPS, MOST_S, MOST_SEED, Duration, Share, Spec, Strict

SHAPES: tuple[str, ...] = tuple(each.model_fields["shape"].default for each in get_args(get_args(AnySpec)[0]))
TAGS = {*SHAPES, "open", "closed", "spec", "shape", "number"}  # pydantic puts them into a place; no document has them


class LoadError(Fault):
    """The load cannot be used; the message is one line with the place and what is legal."""


class AnyLoad(Strict):
    """What every load has; `seed` is of all that is drawn."""

    seed: int = Field(default=1, ge=0, le=MOST_SEED, description="of requests, arrivals (poisson) and noise")
    integral_share: Share = Field(default=0.1, description="share of requests for an integral; the rest: objects")
    integral_steps: int = Field(default=1000, ge=10, le=1_000_000, description="rectangles of an integral: its work")


class OpenLoad(AnyLoad):
    """Requests that are sent when they are due, however long others take."""

    spec: AnySpec
    arrivals: Literal["even", "poisson"] = Field(default="even", description="how the arrivals are spaced")

    @model_validator(mode="before")
    @classmethod
    def _apart(cls, document: Any) -> Any:
        """In a document the fields of the shape stand beside the load's own."""
        if not isinstance(document, Mapping) or isinstance(document.get("spec"), Spec):
            return document
        own = {name: value for name, value in document.items() if name in cls.model_fields and name != "spec"}
        return {**own, "spec": {name: value for name, value in document.items() if name not in own}}

    @model_serializer
    def _together(self) -> dict[str, Any]:
        return {**self.spec.model_dump(exclude_none=True), **self._own()}

    def _own(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields if name != "spec"}

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.duration_s > MOST_S:
            raise ValueError(f"the load lasts {self.duration_s:g} s; at most {MOST_S} s are legal")
        if self.highest_rps > MOST_RPS * (1 + 1e-9):
            raise ValueError(f"the load goes up to {self.highest_rps:g} requests/s; at most {MOST_RPS} are legal")
        if not arrival_count(self.curve()):
            raise ValueError("the load is too short or too low for a single request: raise its rate or duration")
        return self

    @property
    def files(self) -> tuple[Path, ...]:
        """The traces that the shape is made of."""
        return self.spec.files

    @property
    def shape(self) -> str:
        """The name of the shape."""
        return self.spec.shape

    def curve(self) -> Shape:
        """The wanted rate over time."""
        return _curve_of(self.spec, str(self.seed))

    def due_times(self) -> Iterator[float]:
        """When the requests are due, in seconds since the start; never falling."""
        return due_times(self.curve(), self.arrivals, self.seed)

    @property
    def duration_s(self) -> float:
        """How long the load lasts, in seconds."""
        return self.curve().duration_s

    @property
    def highest_rps(self) -> float:
        """The highest rate, in requests/s."""
        return self.curve().highest_rps

    def changed(self, **overrides: float) -> Self:
        """With another `low_rps`, `highest_rps` or `duration_s`: the shape's field is replaced, whatever it is called.

        Where there is no such field, all rates are scaled, all parts of a combination stretched alike, and a trace is
        replayed at another speed. Raises LoadError.
        """
        try:
            return type(self).model_validate({**self._own(), "spec": self._changed_spec(overrides)})
        except ValidationError as error:
            raise LoadError(error_line(error)) from error

    def _changed_spec(self, overrides: Mapping[str, float]) -> Spec:
        spec: Spec = self.spec
        fields = {name: spec.HIGHEST if name == "highest_rps" else name for name in overrides}
        direct = {name: field for name, field in fields.items() if field in type(spec).model_fields}
        spec = spec.replaced(**{field: overrides[name] for name, field in direct.items()})
        for name in overrides.keys() - direct.keys():
            if name == "duration_s":
                spec = spec.with_duration(overrides[name])
            elif name == "highest_rps":
                spec = spec.scaled(overrides[name] / spec.curve(str(self.seed)).highest_rps)
            else:
                raise LoadError(f"{name}: the shape {self.shape} has none")
        return spec


class ClosedLoad(AnyLoad):
    """Users that wait for each response, and then think, before they send the next request."""

    mode: Literal["closed"] = "closed"
    users: int = Field(default=10, ge=1, le=1000, description="users at once")
    think_s: float = Field(default=0.0, ge=0, le=600, description="seconds from a response to the next request")
    duration_s: Duration = Field(default=180.0, description="seconds in all")

    @property
    def files(self) -> tuple[Path, ...]:
        """Such a load is made of no trace."""
        return ()

    @property
    def shape(self) -> str:
        """What stands for the name of a shape."""
        return self.mode

    @property
    def highest_rps(self) -> None:
        """The rate follows from how long the answers take."""

    def changed(self, **overrides: float) -> Self:
        """With another `duration_s`. Raises LoadError."""
        for name in overrides.keys() - {"duration_s"}:
            raise LoadError(f"{name}: a closed-loop load has none")
        try:
            return self.replaced(**overrides)
        except ValidationError as error:
            raise LoadError(error_line(error)) from error


def _mode(document: Any) -> str:
    is_closed = isinstance(document, ClosedLoad) or (isinstance(document, Mapping) and "mode" in document)
    return "closed" if is_closed else "open"


Load = Annotated[Annotated[OpenLoad, Tag("open")] | Annotated[ClosedLoad, Tag("closed")], Discriminator(_mode)]


@lru_cache(maxsize=32)
def _curve_of(spec: Spec, key: str) -> Shape:
    return spec.curve(key)


def parse_load(document: Any) -> Load:
    """The load in a document. Raises LoadError."""
    try:
        return TypeAdapter[Load](Load).validate_python(document)
    except ValidationError as error:
        raise LoadError(error_line(error)) from error


def read_load(path: Path) -> Load:
    """The load in a YAML or JSON file. Raises LoadError, which names the file."""
    try:
        return parse_load(read_document(path))
    except DocumentError as error:
        raise LoadError(str(error)) from error
    except LoadError as error:
        raise LoadError(f"{path}: {error}") from error


def error_line(error: ValidationError) -> str:
    """The first fault of a document in one line: place, value, what is legal."""
    first = error.errors()[0]
    is_field = first["type"] in ("extra_forbidden", "missing")  # what the place ends with
    kept = [part for part in first["loc"][: -1 if is_field else None] if part not in TAGS]
    named = (*kept, first["loc"][-1]) if is_field else kept
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    value = shown(first["input"]) if isinstance(first["input"], str | int | float) else ""
    message = first["msg"].removeprefix("Value error, ")
    if first["type"].startswith("union_tag"):
        given = first["input"].get("shape") if isinstance(first["input"], Mapping) else first["input"]
        message = f"{shown(given)} is no shape" if given else "the shape is missing"
        message += f"; legal are {', '.join(SHAPES)}"
    elif first["type"].startswith("model_"):
        message = "is no mapping; legal is one such as {shape: constant, rate_rps: 5}"
    return ": ".join(part for part in ("".join(parts).removeprefix("."), value, message) if part)
