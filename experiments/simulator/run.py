"""A simulated run, kept in the same folder layout as a real one (see experiments.runner)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from controller.config import PolicyFile
from controller.journal import FileJournal
from controller.judge import Judge
from controller.ports import ControllerError
from controller.reading import load
from experiments import deciding
from experiments.journal import LONGEST_S
from experiments.machine import machine
from experiments.processes import RunError
from experiments.runner import Evidence
from experiments.scenario import Scenario
from experiments.simulator.engine import Simulation
from experiments.simulator.flow_account import FlowAccount
from experiments.simulator.flows import Answers
from experiments.simulator.fluid import FluidSimulation, Scale
from experiments.simulator.parameters import Parameters
from loadgen.load import OpenLoad


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
    settings, shadows = _deciding(scenario)
    own = {
        "machine": parameters.machine or machine(),
        "simulation": {"fidelity": "requests", "seed": seed, "parameters": parameters.provenance},
    }
    evidence = Evidence(name, scenario, results, "simulated", {**own, **(facts or {})}, slug)
    with evidence.recorded(), _journal(evidence) as (journal, started):
        simulation = Simulation(settings, scenario.load, parameters, seed, journal, started, shadows)
        return evidence.folder, evidence.collect(simulation.run(scenario.settle_s))


def simulate_flows(
    name: str, scenario: Scenario, results: Path, parameters: Parameters, seed: int, scale: Scale
) -> tuple[Path, dict[str, Any]]:
    """The same as flows, and on another scale; the folder has flows.csv in place of requests.csv. Raises RunError."""
    load = scenario.load
    if not isinstance(load, OpenLoad):
        raise RunError("users that wait for their answers are no flow: simulate them without --fluid")
    settings, shadows = _deciding(scenario)
    settings, duration_s = scale.fleet(settings), scale.stretch * load.duration_s
    if duration_s > LONGEST_S / 2:  # its course, until all have been served, must not be too long either
        raise RunError(f"the load lasts {duration_s:g} s; at most {LONGEST_S / 2:g} s can be told: stretch it less")
    facts = {
        "machine": parameters.machine or machine(), "duration_s": duration_s,
        "simulation": {"fidelity": "flows", "seed": seed, **asdict(scale), "parameters": parameters.provenance},
    }  # fmt: skip
    evidence = Evidence(name, scenario, results, "simulated", facts, settings=settings)
    with evidence.recorded(), _journal(evidence) as (journal, started):
        simulation = FluidSimulation(settings, load, parameters, seed, journal, started, shadows, scale)
        flows = simulation.run(scenario.settle_s)
        answers = Answers(parameters.service, load, parameters.run.lag)
        account = partial(FlowAccount, records=(), flows=flows, answers=answers, is_even=load.arrivals == "even")
        return evidence.folder, evidence.keep(account, duration_s)


def _deciding(scenario: Scenario) -> tuple[PolicyFile, list[Judge]]:
    """Raises RunError."""
    refuse_what_is_not_modelled(scenario)
    return deciding.settings_of(scenario, scenario.policy), deciding.shadows_of(scenario)


@contextmanager
def _journal(evidence: Evidence) -> Iterator[tuple[FileJournal, str]]:
    """The run's journal, and the time of day to write into it. Each line is in the file at once."""
    journal = FileJournal(evidence.journal)
    try:
        yield journal, evidence.started.isoformat(timespec="milliseconds")
    finally:
        journal.close()


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
