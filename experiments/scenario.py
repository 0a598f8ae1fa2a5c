"""Scenario files: what is offered to which policy, and what is expected of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadgen.load import Load, LoadError, changed, error_line

FOLDER = Path(__file__).parent / "scenarios"


class ScenarioError(Exception):
    """The scenario cannot be used; the message is one line with file, place and what is legal."""


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
    scenario = parse(yaml.safe_load(path.read_text()), path.name)
    try:
        return scenario.model_copy(update={"load": changed(scenario.load, overrides)})
    except LoadError as error:
        raise ScenarioError(f"{path.name}: load: {error}") from error


def parse(document: Mapping[str, Any], source: str) -> Scenario:
    """The scenario in a document. Raises ScenarioError, which names the source."""
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioError(f"{source}: {error_line(error)}") from error
