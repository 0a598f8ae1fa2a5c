"""What fleets of one, two and more instances sustain, measured: the demand for instances is derived from it.

capacity(r) is the highest constant rate at which r instances meet the service level objective, found by a search
between a rate that held and one that did not (the "system analysis" of Herbst et al., SPEC RG 2016).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from experiments.deciding import settings_of
from experiments.machine import machine, versions
from experiments.metrics.capacity import FILE, PREFIX, mix_of
from experiments.metrics.service import SLO, spells
from experiments.processes import RunError, say
from experiments.runner import write_json
from experiments.scenario import Scenario
from experiments.testbed import Policy, controller, offer
from loadgen.ledger import Record
from loadgen.load import Load, parse_load

LEVELS, QUICK_LEVELS = (1, 2, 4), (1,)
TRIAL_S, QUICK_TRIAL_S = 6.0, 4.0
FACTOR = 1.3  # between a guess and the next, until one holds and another does not
CLOSE = 0.05  # the search ends when what held and what did not differ by less than this share
HIGHEST_RPS = 400.0  # the search goes no further
WARM_UP_S = 1.0  # requests due in the beginning of a trial are not judged


@dataclass(frozen=True)
class Trial:
    """One constant rate offered to one fleet."""

    rps: float
    holds: bool
    served_share: float  # within the objective's latency
    latency_ms_p95: float | None


Try = Callable[[float], Trial]


def search(attempt: Try, guess_rps: float) -> list[Trial]:
    """Trials from a guess up or down until the objective holds at one rate and fails at another, then by
    bisection; the last one that holds is the capacity."""
    trials = [attempt(guess_rps)]
    factor = FACTOR if trials[0].holds else 1 / FACTOR
    while trials[-1].holds is trials[0].holds and 0.5 <= trials[-1].rps * factor <= HIGHEST_RPS:
        trials.append(attempt(trials[-1].rps * factor))
    while (bounds := _bounds(trials)) and bounds[1] - bounds[0] > CLOSE * bounds[1]:
        trials.append(attempt(sum(bounds) / 2))
    return trials


def _bounds(trials: Sequence[Trial]) -> tuple[float, float] | None:
    """The highest rate that held below the lowest that did not."""
    failed = [trial.rps for trial in trials if not trial.holds]
    held = [trial.rps for trial in trials if trial.holds and trial.rps < min(failed, default=0.0)]
    return (max(held), min(failed)) if held and failed else None


def capacity_rps(trials: Sequence[Trial]) -> float:
    """The highest rate that held below the lowest that did not; 0 where none held."""
    lowest = min((trial.rps for trial in trials if not trial.holds), default=float("inf"))
    return max((trial.rps for trial in trials if trial.holds and trial.rps < lowest), default=0.0)


def judged(records: Sequence[Record], slo: SLO, rps: float) -> Trial:
    """What the requests of a trial show, those of its warm-up left out."""
    from_s = records[0].due_s + WARM_UP_S
    asked = [record for record in records if record.due_s >= from_s]
    late_ms = [1000 * (r.done_s - r.due_s) for r in asked if r.outcome == "served" and r.done_s is not None]
    share = sum(map(slo.is_met_by, asked)) / len(asked) if asked else 0.0
    p95 = round(float(np.percentile(late_ms, 95)), 2) if late_ms else None
    return Trial(round(rps, 3), bool(asked) and not spells(asked, slo), round(share, 5), p95)


def measure(name: str, scenario: Scenario, results: Path, quick: bool) -> Path:
    """Measure the capacity of a scenario's instances under its mix of requests; the folder with capacity.json. Raises
    RunError."""
    started = datetime.now(UTC)
    folder = results / f"{PREFIX}{started:%Y%m%d-%H%M%S}-{name}"
    folder.mkdir(parents=True)
    settings, slo = settings_of(scenario, scenario.policy), SLO()
    levels, guess_rps = [], float(settings.service.rate_limit or 10)
    for instances in QUICK_LEVELS if quick else LEVELS:
        policy = settings.model_dump(mode="json") | {
            "instances": {"min": instances, "max": instances}, "policy": {"static": {"wanted": instances}},
        }  # fmt: skip
        trials = _level(folder, instances, policy, scenario.load, slo, guess_rps * instances, quick)
        levels.append(
            {"instances": instances, "capacity_rps": capacity_rps(trials), "trials": list(map(asdict, trials))}
        )
        guess_rps = capacity_rps(trials) / instances or guess_rps
        say(f"capacity of {instances}: {capacity_rps(trials):.4g} requests/s ({len(trials)} trials)")
    write_json(folder / FILE, {
        "started": started.isoformat(timespec="seconds"), "scenario": name,
        "quick": quick, "service": settings.service.model_dump(mode="json"), "mix": mix_of(scenario.load),
        "slo": slo.model_dump(), "levels": levels, "machine": machine(), "versions": versions(),
    })  # fmt: skip
    return folder


def _level(
    folder: Path, instances: int, policy: Policy, load: Load, slo: SLO, guess_rps: float, quick: bool
) -> list[Trial]:
    """The trials with so many instances."""
    number = 0

    def attempt(rps: float) -> Trial:
        nonlocal number
        number += 1
        document = {**mix_of(load), "shape": "constant", "rate_rps": rps,
                    "duration_s": WARM_UP_S + (QUICK_TRIAL_S if quick else TRIAL_S)}  # fmt: skip
        records = offer(parse_load(document), testbed, folder / f"{instances}-{number}.csv")
        if not records:
            raise RunError(f"{rps:g} requests/s: nothing was offered")
        return judged(records, slo, rps)

    with controller(folder / f"fleet-{instances}", policy) as testbed:
        testbed.await_fleet(instances)
        return search(attempt, guess_rps)
