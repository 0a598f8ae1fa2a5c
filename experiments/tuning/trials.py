"""What a policy file comes to on several loads in the simulator."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Any

from pydantic import ValidationError

from experiments.metrics.capacity import Capacity, capacity_of
from experiments.oracle import Steps, demand, oracle_of
from experiments.scenario import ScenarioError, load_scenario, merged
from experiments.simulator.client import due_s
from experiments.simulator.engine import Simulation
from experiments.simulator.parameters import Parameters
from experiments.tuning.space import Place, checked, placed
from loadgen.load import OpenLoad
from loadgen.summary import percentile


@dataclass(frozen=True)
class Case:
    """A load to try policies on. `settings` are keys of the policy file that are other here."""

    scenario: str
    load: OpenLoad
    settle_s: float
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case."""

    offered: int
    not_served: int
    instance_seconds: float
    oracle_instance_seconds: float
    latency_ms_p99: float  # of the served, infinite where none was


@dataclass(frozen=True, slots=True)
class Score:
    """What a policy comes to over all cases: the two objectives, and the highest latency of any case."""

    not_served_share: float
    cost_ratio: float
    latency_ms_p99: float


def cases_of(scenarios: Iterable[str], seed: int) -> list[Case]:
    """Each scenario twice: with its own arrivals, and with others, by chance. Raises ScenarioError."""
    found = []
    for name in scenarios:
        scenario = load_scenario(name, {})
        if not isinstance(scenario.load, OpenLoad):
            raise ScenarioError(f"{name}: users that wait offer less when the fleet is small; tune on an open loop")
        settings = scenario.with_policy("").settings
        for arrivals, number in ((scenario.load.arrivals, seed), ("poisson", seed + 1)):
            load = scenario.load.model_copy(update={"arrivals": arrivals, "seed": number})
            found.append(Case(name, load, scenario.settle_s, settings))
    return found


def score(outcomes: Sequence[Outcome]) -> Score:
    return Score(
        sum(each.not_served for each in outcomes) / sum(each.offered for each in outcomes),
        sum(each.instance_seconds for each in outcomes) / sum(each.oracle_instance_seconds for each in outcomes),
        max(each.latency_ms_p99 for each in outcomes),
    )


@dataclass(frozen=True)
class Trials:
    """Tries variants of a policy file, given as a document, on these cases."""

    document: Mapping[str, Any]
    cases: Sequence[Case]
    parameters: Parameters

    def __call__(self, values: Mapping[Place, Any]) -> list[Outcome] | None:
        """What becomes of each case with these values in the file; None where they do not go together."""
        document = placed(self.document, values)
        try:
            return [_outcome(merged(document, case.settings), case, self.parameters) for case in self.cases]
        except ValidationError:
            return None


class _Tally:
    """A journal that keeps what an outcome needs."""

    def __init__(self) -> None:
        self.in_service: list[tuple[float, int]] = []
        self.waits_ms: list[float] = []

    def write(self, t_s: float, event: str, **fields: Any) -> None:
        if event == "tick":
            self.in_service.append((t_s, fields["in_service"]))
        elif "total_ms" in fields:
            self.waits_ms.append(fields["total_ms"])


def _outcome(document: Mapping[str, Any], case: Case, parameters: Parameters) -> Outcome:
    settings, tally = checked(document), _Tally()
    records = Simulation(settings, case.load, parameters, case.load.seed, tally).run(case.settle_s)
    served_s = sorted(
        each.done_s - each.due_s for each in records if each.outcome == "served" and each.done_s is not None
    )
    origin_s, ticks = parameters.run.load_from_s, tally.in_service
    boot_s = median(tally.waits_ms) / 1000 if tally.waits_ms else 0.0
    capacity = capacity_of(document)
    assert capacity is not None
    span_s = (ticks[0][0] - origin_s, ticks[-1][0] - origin_s)
    least = oracle_of(_needed(case.load, capacity), boot_s, span_s, settings.instances.min)
    return Outcome(
        len(records), len(records) - len(served_s),
        math.fsum(count * (later_s - t_s) for (t_s, count), (later_s, _) in pairwise(ticks)), least.instance_seconds,
        1000 * percentile(served_s, 99) if served_s else math.inf,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _needed(load: OpenLoad, capacity: Capacity) -> Steps:
    """The oracle's demand, the same for all trials; times from the load's beginning."""
    return demand(due_s(load).tolist(), capacity)
