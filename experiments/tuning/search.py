"""The search itself: Optuna's multi-objective tree-structured Parzen estimator (Ozaki et al., Multiobjective
Tree-Structured Parzen Estimator, 2022) over what is not served and what the fleet costs, while latencies keep to their
bound."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna

from experiments.metrics.service import SLO
from experiments.tuning.space import Choice, Parameter, Place, name_of
from experiments.tuning.trials import Outcome, Score, score

LATENCY_MS = SLO().latency_ms  # of the 99th percentile
EQUAL = 0.01  # costs that differ by less are equal; then latency decides
STARTUP_TRIALS = 20  # drawn by chance, before the search has something to go by

Values = Mapping[Place, Any]
Evaluate = Callable[[Values], list[Outcome] | None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One choice of values, and what it comes to."""

    number: int
    values: Values
    score: Score


def search(
    space: Sequence[Parameter], evaluate: Evaluate, trials: int, seed: int, jobs: int
) -> Iterator[tuple[int, Trial | None]]:
    """Try so many choices, the given values first; yields each one's number, and the trial itself, or None for values
    that do not go together. The same seed and number of jobs give the same trials."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTUP_TRIALS)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.enqueue_trial({name_of(each.path): _given(each) for each in space})
    with _mapper(jobs) as each_of:
        for first in range(0, trials, jobs):
            asked = [study.ask() for _ in range(min(jobs, trials - first))]
            values = [{each.path: suggested(each, trial) for each in space} for trial in asked]
            for trial, chosen, outcomes in zip(asked, values, each_of(evaluate, values), strict=True):
                yield trial.number, _told(study, trial, chosen, outcomes)


def _given(parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        return parameter.value
    return min(max(parameter.value, parameter.low), parameter.high)


def suggested(parameter: Parameter, trial: optuna.Trial) -> Any:
    """The value that Optuna proposes, as it stands in the file."""
    name = name_of(parameter.path)
    if isinstance(parameter, Choice):
        return trial.suggest_categorical(name, parameter.words)
    low, high, log = parameter.low, parameter.high, parameter.is_log
    if parameter.whole:
        return parameter.written(trial.suggest_int(name, round(low), round(high), log=log))
    return parameter.written(trial.suggest_float(name, low, high, log=log))


def _told(study: optuna.Study, trial: optuna.Trial, values: Values, outcomes: list[Outcome] | None) -> Trial | None:
    if outcomes is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None
    found = score(outcomes)
    trial.set_constraint("latency", found.latency_ms_p99 / LATENCY_MS - 1)
    study.tell(trial, (found.not_served_share, found.cost_ratio))
    return Trial(trial.number, values, found)


@contextmanager
def _mapper(jobs: int) -> Iterator[Callable[..., Any]]:
    if jobs == 1:
        yield map
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield pool.map


def front(trials: Sequence[Trial]) -> list[Trial]:
    """Those that no other beats in both objectives, the cheapest last; of equal ones the first."""
    found: list[Trial] = []
    for trial in sorted(trials, key=lambda each: (each.score.not_served_share, each.score.cost_ratio, each.number)):
        if not found or trial.score.cost_ratio < found[-1].score.cost_ratio:
            found.append(trial)
    return found


def best(trials: Sequence[Trial]) -> Trial:
    """The one that loses least, keeps its latency within the bound if that is possible, and costs least; of those that
    cost about the same the one with the lowest latency."""
    least = min(trial.score.not_served_share for trial in trials)
    lossless = [trial for trial in trials if trial.score.not_served_share == least]
    soon = [trial for trial in lossless if trial.score.latency_ms_p99 <= LATENCY_MS] or lossless
    cheapest = min(trial.score.cost_ratio for trial in soon)
    equal = [trial for trial in soon if trial.score.cost_ratio <= cheapest * (1 + EQUAL)]
    return min(equal, key=lambda trial: trial.score.latency_ms_p99)
