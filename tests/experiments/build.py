"""Simulations for tests, and what is said of their journals and records."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from controller.config import PolicyFile
from experiments import summary
from experiments.simulator.engine import Simulation
from experiments.simulator.parameters import Empirical, Parameters, load_parameters
from experiments.simulator.run import MemoryJournal
from loadgen.ledger import Record
from loadgen.load import Load, parse_load

TARGET = {"target": {"rate_per_instance": 7, "drain_queue_s": 0.5}}
QUEUE = {"rate_limit": 10, "overload": "queue"}
REJECT = {"rate_limit": 10, "overload": "reject"}
STEP = {"shape": "step", "low_rps": 5, "high_rps": 60, "before_s": 5, "duration_s": 15}
RAMP = {"shape": "ramp", "low_rps": 5, "peak_rps": 40, "duration_s": 30}


@dataclass(frozen=True)
class Ran:
    """What a simulation left."""

    events: list[dict[str, Any]]
    records: list[Record]
    load: Load

    def of(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        wanted = {"event": event, **fields}
        return [each for each in self.events if wanted.items() <= each.items()]

    @property
    def figures(self) -> dict[str, Any]:
        return summary.summarise(self.events, self.records, self.load.duration_s)


def policy(**fields: Any) -> PolicyFile:
    """By default a target for the rate, without reloads and with the fast boot."""
    document = {"tick_s": 0.1, "rate_window_s": 0.5, "apply": "runtime", "boot": "zygote", "policy": TARGET}
    return PolicyFile.model_validate({**document, **fields})


def load(**fields: Any) -> Load:
    return parse_load(fields)


def simulated(
    settings: PolicyFile, offered: dict[str, Any], parameters: Parameters | None = None, seed: int = 1
) -> Ran:
    """One run, five seconds longer than its load; the journal as it would be read from a file."""
    journal, made = MemoryJournal(), load(**offered)
    records = Simulation(settings, made, parameters or default(), seed, journal).run(settle_s=5)
    return Ran(json.loads(json.dumps(journal.events, default=str)), records, made)


@cache
def default() -> Parameters:
    """Round figures, so that what follows from them can be told."""
    return load_parameters(Path(__file__).parent / "data" / "parameters.json")


def changed(parameters: Parameters, **parts: dict[str, Any]) -> Parameters:
    """With other values in these parts: changed(default(), balancer={"reload": exactly(40)})."""
    return parameters.model_copy(
        update={part: getattr(parameters, part).model_copy(update=values) for part, values in parts.items()}
    )


def exactly(ms: float) -> Empirical:
    return Empirical(quantiles_ms=(ms, ms))
