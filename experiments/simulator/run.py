"""A simulated run, kept in the same folder layout as a real one (see experiments.runner)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.config import PolicyFile
from controller.journal import FileJournal
from controller.ports import ControllerError
from controller.reading import load
from experiments import deciding
from experiments.machine import machine
from experiments.processes import RunError
from experiments.runner import Evidence
from experiments.scenario import Scenario
from experiments.simulator.engine import Simulation
from experiments.simulator.parameters import Parameters


@dataclass
class MemoryJournal:
    """Keeps the events, as they would be read from a file."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def write(self, t_s: float, event: str, **fields: object) -> None:
        self.events.append({"t_s": round(t_s, 4), "event": event, **fields})


def simulate(
    name: str, scenario: Scenario, results: Path, parameters: Parameters, seed: int,
    facts: Mapping[str, Any] | None = None, slug: str = "",
) -> tuple[Path, dict[str, Any]]:  # fmt: skip
    """Simulate a scenario; the run's folder and its key figures. `facts` and `slug` are as for experiments.runner.
    Raises RunError."""
    refuse_what_is_not_modelled(scenario)
    try:
        settings, shadows = deciding.settings_of(scenario, scenario.policy), deciding.shadows_of(scenario)
    except deciding.PolicyError as error:
        raise RunError(str(error)) from error
    own = {
        "machine": parameters.machine or machine(),
        "simulation": {"seed": seed, "parameters": parameters.provenance},
    }
    evidence = Evidence(name, scenario, results, "simulated", {**own, **(facts or {})}, slug)
    with evidence.recorded():
        journal = FileJournal(evidence.journal)
        started = evidence.started.isoformat(timespec="milliseconds")
        records = Simulation(settings, scenario.load, parameters, seed, journal, started, shadows).run(
            scenario.settle_s
        )
        journal.close()
        return evidence.folder, evidence.collect(records)


def refuse_what_is_not_modelled(scenario: Scenario) -> None:
    """Raises RunError for faults, and for instances that lack CPU."""
    if scenario.faults:
        raise RunError("faults are not simulated")
    if deciding.settings_of(scenario, scenario.policy).service.cpu_cores:
        raise RunError("a limit of the instances' CPU is not simulated")


def settings_of(path: Path) -> PolicyFile:
    """Raises RunError."""
    try:
        return load(path)
    except ControllerError as error:
        raise RunError(str(error)) from error
