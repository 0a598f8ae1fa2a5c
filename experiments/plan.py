"""What runs an experiment consists of, and which of them lie in the results already."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.deciding import settings_of
from experiments.machine import ROOT
from experiments.scenario import Scenario, ScenarioError, load_scenario

WORDS = {"title", "hypothesis", "order", "repeat", "expect"}  # what a run does not depend on


@dataclass(frozen=True)
class PlannedRun:
    """One run of an experiment: an arm's scenario with the seed of this repeat. `facts` is run.json's `experiment`."""

    name: str
    scenario: Scenario
    facts: dict[str, Any]

    @property
    def label(self) -> str:
        """For people: scenario, arm, which repeat."""
        arm, repeats = self.facts["arm"], self.facts["repeats"]
        return " ".join(
            [self.name, *([arm] if arm else []), *([f"{self.facts['repeat']}/{repeats}"] if repeats > 1 else [])]
        )

    @property
    def slug(self) -> str:
        """The end of the run's name, without blanks."""
        return re.sub(r"[^A-Za-z0-9.]+", "-", self.label)

    @property
    def run_facts(self) -> dict[str, Any]:
        """What run.json tells of the experiment."""
        return {"experiment": self.facts, "key": self.key}

    @property
    def key(self) -> str:
        """The same for runs that offer the same load to the same policies under the same conditions."""
        told = [self.name, self.facts["arm"], self.scenario.model_dump_json(exclude=WORDS)]
        paths = (self.scenario.policy, *self.scenario.shadows)
        files = [settings_of(self.scenario, path).model_dump_json() for path in paths]
        traces = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.scenario.load.files]
        return hashlib.sha256("\0".join([*told, *files, *traces]).encode()).hexdigest()[:16]


def planned(
    name: str, quick: bool = False, arm: str | None = None, repeat: int | None = None, seed: int | None = None
) -> list[PlannedRun]:
    """The runs of a scenario, all arms of the first repeat first. Raises ScenarioError."""
    scenario = load_scenario(name, {}, quick)
    variants = scenario.variants()
    if arm is not None and arm not in variants:
        raise ScenarioError(
            f"{name}: {arm!r} is no arm; known are {', '.join(variants) if '' not in variants else 'none'}"
        )
    missing = [
        path for each in variants.values() for path in (each.policy, *each.shadows) if not (ROOT / path).is_file()
    ]
    if missing:
        raise ScenarioError(f"{name}.yaml: {missing[0]}: there is no such file")
    repeats = repeat or scenario.repeat
    return [
        PlannedRun(
            name,
            _seeded(variants[each], number, seed),
            _facts(name, scenario, each, list(variants), number, repeats, quick),
        )
        for number in range(1, repeats + 1)
        for each in ([arm] if arm is not None else variants)
    ]


def _seeded(scenario: Scenario, number: int, seed: int | None) -> Scenario:
    """The scenario with the seed of a repeat; the first repeat has the scenario's own, or the one that is given."""
    first = scenario.load.seed if seed is None else seed
    return scenario.model_copy(update={"load": scenario.load.model_copy(update={"seed": first + number - 1})})


def _facts(
    name: str, scenario: Scenario, arm: str, arms: list[str], number: int, repeats: int, quick: bool
) -> dict[str, Any]:
    return {
        "name": name, "title": scenario.title, "hypothesis": scenario.claim(), "order": scenario.order,
        "arm": arm, "arms": arms, "repeat": number, "repeats": repeats, "set": "quick" if quick else "standard",
        "expect": [each.model_dump() for each in scenario.expect],
    }  # fmt: skip


def keys_of(folders: Iterable[Path]) -> dict[str, list[str]]:
    """The keys of the runs in these folders that came to their end, and the ids of the runs that have them."""
    found: dict[str, list[str]] = {}
    for folder in folders:
        try:
            told = json.loads((folder / "run.json").read_text())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(told, dict) and told.get("status") == "complete" and isinstance(told.get("key"), str):
            found.setdefault(told["key"], []).append(folder.name)
    return found
