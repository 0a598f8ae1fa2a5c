"""Scenario files: what is offered to which policies, and what is expected of them.

A scenario has one or more *arms*: variants that differ from it in what they name. With `loads`, each arm meets each
load. Each arm is run `repeat` times, with one seed after the other.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from experiments.told import Told
from loadgen.document import DocumentError, read_document
from loadgen.load import Load, LoadError, error_line

FOLDER = Path(__file__).parent / "scenarios"
VALUE = re.compile(r"\{(\w+)(:g)?\}")  # of the load, in a hypothesis
MOST_VARIANTS = 500
LAST = 99  # the order of a scenario that has none
InstantKind = Literal[
    "kill-instance", "kill-application", "kill-zygote", "kill-worker", "kill-balancer", "kill-controller"
]
LastingKind = Literal["pause-instance", "drop-packets", "pause-controller", "fill-disk", "clock-jump"]
INSTANT: tuple[str, ...] = get_args(InstantKind)
WHOLE = ("policy", "metrics")  # what a change replaces as a whole, for its keys belong together


class ScenarioError(Told):
    """The scenario cannot be used; the message is one line with file, place and what is legal."""


class Strict(BaseModel):
    """A part of a scenario: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Expectation(Strict):
    """A bound for a figure of summary.json, its mean over the repeats: of one arm, or of every arm where none is named.
    With `times`, the bound is so many times the same figure of that arm."""

    figure: str = Field(min_length=1)
    arm: str | None = None
    at_most: float | None = None
    at_least: float | None = None
    times: str | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "Expectation":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("needs exactly one of at_most, at_least")
        return self


class Fault(Strict):
    """Something that goes wrong on purpose, `at_s` seconds after the load generator was started, which takes about a
    second to begin; `for_s` is how long it lasts, where it is not over at once."""

    at_s: float = Field(ge=0, le=3600)
    kind: InstantKind | LastingKind
    for_s: float = Field(default=2, ge=0, le=10)


class Scenario(Strict):
    """One scenario; `policy` and `shadows` are paths from the project's root. `settings` are keys of the policy file
    that are other here, `metrics` says what those of foreign files mean, `time_scale` how much faster time passes for
    the policies (None: as their files say). `order` is the scenario's place in a report."""

    title: str = Field(min_length=1)
    hypothesis: str = Field(min_length=1)
    policy: str = "rules.yaml"
    settings: dict[str, Any] = {}
    shadows: tuple[str, ...] = ()
    metrics: dict[str, str] = {}
    time_scale: float | None = Field(default=None, ge=0.01, le=1000)
    load: Load
    faults: tuple[Fault, ...] = ()
    settle_s: float = Field(default=2, ge=0, le=600)
    simulated: bool = False
    order: int = LAST
    repeat: int = Field(default=1, ge=1, le=100)
    arms: dict[str, dict[str, Any]] = {}
    loads: dict[str, dict[str, Any]] = {}
    expect: tuple[Expectation, ...] = ()

    @field_validator("simulated")
    @classmethod
    def _without_faults(cls, simulated: bool, info: Any) -> bool:
        if simulated and info.data.get("faults"):
            raise ValueError("faults are not simulated")
        return simulated

    @model_validator(mode="after")
    def _countable(self) -> "Scenario":
        variants = max(1, len(self.arms)) * max(1, len(self.loads))
        if variants > MOST_VARIANTS:
            raise ValueError(f"arms and loads make {variants} variants; at most {MOST_VARIANTS} are legal")
        return self

    @model_validator(mode="after")
    def _fillable(self) -> "Scenario":
        try:
            self.claim()
        except KeyError as error:
            raise ValueError(f"hypothesis: the load has no {error}") from error
        return self

    def claim(self) -> str:
        """The hypothesis with the load's and the policy's values in it."""
        values = {"duration_s": self.load.duration_s, **self.load.model_dump()}
        values["policy"] = self.policy
        return VALUE.sub(lambda found: _written(values[found[1]], found[2]), self.hypothesis)

    def with_policy(self, path: str) -> "Scenario":
        """With another policy file; what the scenario says of its own policy goes."""
        settings = {key: value for key, value in self.settings.items() if key != "policy"}
        return self.model_copy(update={"policy": path, "settings": settings})

    def variants(self) -> dict[str, "Scenario"]:
        """Each arm by its name, as a scenario without arms; "" where there is but one. With loads, the names are
        <arm>/<load>, or <load> alone. Raises ScenarioError, which names the arm."""
        found = {}
        for arm, changes in (self.arms or {"": {}}).items():
            for load, document in (self.loads or {"": {}}).items():
                name = "/".join(part for part in (arm, load) if part)
                found[name] = self._variant(name, changes, document)
        return found

    def _variant(self, name: str, changes: Mapping[str, Any], load: Mapping[str, Any]) -> "Scenario":
        own = self.model_dump(exclude={"arms", "loads"}, exclude_unset=True) | {"hypothesis": self.claim()}
        document = merged(merged(own, {"load": load} if load else {}), changes)
        return parse(document, f"arms.{name}")


def _written(value: Any, form: str | None) -> str:
    return f"{value:g}" if form and isinstance(value, int | float) else str(value)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` in it, mapping by mapping; a load of another shape or mode replaces the one before."""
    result = dict(base)
    for key, value in changes.items():
        before = base.get(key)
        if not isinstance(before, Mapping) or not isinstance(value, Mapping) or key in WHOLE or _differ(before, value):
            result[key] = value
        else:
            result[key] = merged(before, value)
    return result


def _differ(load: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(other.get(name, load.get(name)) != load.get(name) for name in ("shape", "mode"))


def names() -> list[str]:
    """The shipped scenarios in their order."""
    return sorted((path.stem for path in FOLDER.glob("*.yaml")), key=lambda name: (_order(name), name))


def _order(name: str) -> int:
    """A file that cannot be read comes last: what is wrong with it is told when it is used."""
    try:
        order = _document(name).get("order")
    except ScenarioError:
        order = None
    return order if isinstance(order, int) else LAST


def load_scenario(name: str, overrides: Mapping[str, float], quick: bool = False) -> Scenario:
    """The shipped scenario of that name, with some of its load's parameters replaced; `quick` is its short form.
    `highest_rps` replaces the highest rate, whatever it is called. Raises ScenarioError."""
    if not (FOLDER / f"{name}.yaml").exists():
        raise ScenarioError(f"{name!r} is no scenario; known are {', '.join(names())}")
    document = _document(name)
    short = document.pop("quick", {})
    if not isinstance(short, dict):
        raise ScenarioError(f"{name}.yaml: quick: must be a mapping")
    scenario = parse(merged(document, short) if quick else document, f"{name}.yaml")
    try:
        return scenario.model_copy(update={"load": scenario.load.changed(**overrides)}) if overrides else scenario
    except LoadError as error:
        raise ScenarioError(f"{name}.yaml: load: {error}") from error


def _document(name: str) -> dict[str, Any]:
    try:
        document = read_document(FOLDER / f"{name}.yaml")
    except DocumentError as error:
        raise ScenarioError(str(error)) from error
    if not isinstance(document, dict):
        raise ScenarioError(f"{name}.yaml: must be a mapping with the keys {', '.join(Scenario.model_fields)}")
    return document


def parse(document: Mapping[str, Any], source: str) -> Scenario:
    """The scenario in a document. Raises ScenarioError, which names the source."""
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioError(f"{source}: {error_line(error)}") from error
