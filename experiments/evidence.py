"""The runs of a results folder as experiments → arms → repeats, with means and confidence intervals.

Of an experiment the runs of the standard set count where there are any, else all, and of each repeat of an arm the
newest complete run. Real and simulated runs are experiments of their own. Figures of runs whose load was not valid
enter no mean.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Self

import pandas as pd
from pydantic import model_validator
from scipy.special import stdtrit  # type: ignore[import-untyped]

from experiments.info import Name
from experiments.journal import UNREADABLE
from experiments.loading import read_info
from experiments.metrics.elasticity import elastic_speedup
from experiments.metrics.figures import said, value_words
from experiments.records import BrokenRun, Record, checked, line_of, read_mapping
from experiments.scenario import Expectation

CONFIDENCE = 0.95
LEAST_RUNS = 3  # of which there is an interval
BASELINE = "static-mean"  # the arm that elastic speedup compares with; of the same load, where arms are <arm>/<load>
SPEEDUP = "elastic_speedup"
SPEEDUP_OF = ("theta_u_percent", "theta_o_percent", "tau_u_percent", "tau_o_percent")

log = logging.getLogger("experiments")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure's mean over n runs. From three runs on, `low` and `high` bound its 95 % confidence interval (Student's
    t); of two runs they are the two values, for an interval of two says next to nothing; None for one run alone."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def half(self) -> float | None:
        """Half of the confidence interval, where there is one."""
        return None if self.high is None or self.n < LEAST_RUNS else self.high - self.mean


@dataclass(frozen=True, slots=True)
class Repeat:
    """One run. `figures` are the numbers of its summary, parts named with a point (not_served_by_cause.booting)."""

    run_id: str
    number: int
    valid: bool
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm in the order of its repeats, none where it was not run; `figures` are over the valid ones."""

    name: str
    repeats: tuple[Repeat, ...]
    figures: Mapping[str, Estimate]

    @property
    def n_valid(self) -> int:
        return sum(repeat.valid for repeat in self.repeats)

    @property
    def n_invalid(self) -> int:
        return len(self.repeats) - self.n_valid


@dataclass(frozen=True, slots=True)
class Experiment:
    """`arms` in the order to show; `set` as in run.json; `expect` is what was expected, see experiments.verdict."""

    name: str
    title: str
    hypothesis: str
    kind: str
    set: str | None
    order: int
    arms: tuple[Arm, ...]
    expect: tuple[Expectation, ...]


def estimate(values: Sequence[float]) -> Estimate:
    """Of at least one value."""
    mean, n = fmean(values), len(values)
    if n < 2:
        return Estimate(mean, None, None, n)
    if n < LEAST_RUNS:
        return Estimate(mean, min(values), max(values), n)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * stdev(values) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def differ(a: Estimate | None, b: Estimate | None) -> bool | None:
    """Whether the two confidence intervals lie apart; None where one of them is not known."""
    if a is None or b is None or a.half is None or b.half is None:
        return None
    return abs(a.mean - b.mean) > a.half + b.half


def said_mean(name: str, mean: Estimate) -> str:
    """A figure's mean with its unit and what is known of its spread: `0.75 ± 0.23 %`, or the values of two runs."""
    if mean.n == 2 and mean.low is not None and mean.high is not None and mean.low < mean.high:
        low, high = (value_words(name, value) for value in (mean.low, mean.high))
        return f"{said(name, mean.mean)} ({low} and {high}, n = 2)"
    return said(name, mean.mean, mean.half or 0.0)


def experiments_of(results: Path) -> list[Experiment]:
    """The experiments in a folder of results, in their order; runs outside an experiment are left out, and so are, with
    a warning, those that cannot be read."""
    runs: dict[tuple[str, str], list[_Found]] = defaultdict(list)
    for path in sorted(results.glob("*/run.json")):
        try:
            found = _read(path.parent)
        except (BrokenRun, *UNREADABLE) as error:
            log.warning("%s: left out: %s", path.parent, line_of(error))
            continue
        if found is not None:
            runs[found.facts.name, found.kind].append(found)
    made = (_experiment(kind, found) for (_, kind), found in runs.items())
    return sorted(made, key=lambda experiment: (experiment.order, experiment.name, experiment.kind))


def scalars(summary: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a summary; those of a part as part.number."""
    numbers: dict[str, float] = {}
    for name, value in summary.items():
        if isinstance(value, Mapping):
            numbers |= scalars(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[prefix + name] = value
    return numbers


def write_runs(path: Path, experiments: Iterable[Experiment]) -> None:
    """A CSV file with one row for each run that counts and a column for each of its figures."""
    rows = [
        {
            "run_id": repeat.run_id, "experiment": experiment.name, "kind": experiment.kind, "set": experiment.set,
            "arm": arm.name, "repeat": repeat.number, "valid": repeat.valid, **repeat.figures,
        }
        for experiment in experiments for arm in experiment.arms for repeat in arm.repeats
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(path, index=False)


def write_means(path: Path, experiments: Iterable[Experiment]) -> None:
    """A CSV file with one row for each figure of each arm: its mean, the bounds of its interval, the number of runs."""
    columns = ("experiment", "kind", "arm", "figure", "mean", "low", "high", "n")
    rows = [
        (experiment.name, experiment.kind, arm.name, name, each.mean, each.low, each.high, each.n)
        for experiment in experiments for arm in experiment.arms for name, each in arm.figures.items()
    ]  # fmt: skip
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)


class Facts(Record):
    """What run.json must tell of the experiment."""

    name: Name
    title: str
    hypothesis: str
    order: int
    arm: str
    arms: list[str]
    repeat: int
    set: str | None
    expect: list[Expectation]

    @model_validator(mode="after")
    def _of_the_experiment(self) -> Self:
        if self.arm not in self.arms:
            raise ValueError(f"the arm {self.arm!r} is none of {self.arms}")
        return self


class _Told(Record):
    """What is read of the run.json of such a run."""

    experiment: Facts


@dataclass(frozen=True, slots=True)
class _Found:
    """A complete run of an experiment."""

    run_id: str
    started: str
    kind: str
    facts: Facts
    repeat: Repeat


def _read(folder: Path) -> _Found | None:
    """None for a run that is not complete, or of no experiment. Raises BrokenRun, or one of UNREADABLE."""
    info = read_info(folder)
    if info.get("status") != "complete" or info.get("experiment") is None:
        return None
    facts = checked(_Told, info, folder / "run.json").experiment
    summary = read_mapping(folder / "summary.json")
    repeat = Repeat(folder.name, facts.repeat, bool(summary["valid"]), scalars(summary))
    return _Found(folder.name, info["started"], info["kind"], facts, repeat)


def _experiment(kind: str, runs: Sequence[_Found]) -> Experiment:
    """At least one run; all of one name and one kind."""
    ordered = sorted(runs, key=lambda run: (run.started, run.run_id))
    chosen = [run for run in ordered if run.facts.set == "standard"] or ordered
    newest = chosen[-1].facts
    counting: dict[tuple[str, int], Repeat] = {}  # a later run replaces an earlier one, a valid one no invalid one
    for run in chosen:
        place = run.facts.arm, run.repeat.number
        if place not in counting or run.repeat.valid or not counting[place].valid:
            counting[place] = run.repeat
    repeats = {
        name: tuple(counting[arm, number] for arm, number in sorted(counting) if arm == name) for name in newest.arms
    }
    arms = tuple(Arm(name, each, _figures(each)) for name, each in _with_speedup(repeats).items())
    return Experiment(
        newest.name, newest.title, newest.hypothesis, kind, newest.set, newest.order, arms, tuple(newest.expect),
    )  # fmt: skip


def _figures(repeats: Iterable[Repeat]) -> dict[str, Estimate]:
    """Over the valid ones that have the figure."""
    values: dict[str, list[float]] = defaultdict(list)
    for repeat in repeats:
        if repeat.valid:
            for name, value in repeat.figures.items():
                values[name].append(value)
    return {name: estimate(found) for name, found in values.items()}


def _with_speedup(repeats: Mapping[str, tuple[Repeat, ...]]) -> dict[str, tuple[Repeat, ...]]:
    """With the elastic speedup of each run against the mean of the static baseline, where there is one."""
    result = {}
    for name, runs in repeats.items():
        arm, *load = name.split("/", 1)
        against = _figures(repeats.get("/".join([BASELINE, *load]), ()))
        static = _shares({each: estimate.mean for each, estimate in against.items()})
        if arm == BASELINE or len(static) < len(SPEEDUP_OF):
            result[name] = runs
        else:
            result[name] = tuple(_sped_up(run, static) for run in runs)
    return result


def _sped_up(run: Repeat, static: Sequence[float]) -> Repeat:
    own = _shares(run.figures)
    if len(own) < len(SPEEDUP_OF):
        return run
    return Repeat(run.run_id, run.number, run.valid, {**run.figures, SPEEDUP: elastic_speedup(own, static)})


def _shares(figures: Mapping[str, float]) -> list[float]:
    """Those of SPEEDUP_OF that are shares; less than nothing is none."""
    return [figures[name] for name in SPEEDUP_OF if figures.get(name, -1.0) >= 0]
