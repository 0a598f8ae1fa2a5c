"""What became of an expectation: held, did not hold, or not told, and the numbers in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from experiments.evidence import LEAST_RUNS, Estimate, Experiment, said_mean
from experiments.metrics.figures import figure_of, said
from experiments.scenario import Expectation

MOST_NAMED = 3  # arms in a sentence


@dataclass(frozen=True, slots=True)
class Verdict:
    """The means decide. What follows a ± in the words is half of the 95 % confidence interval. `open`: this
    interval, or one of two runs, lies beyond the bound, so that it is the means alone that decide; where the bound is
    of another arm, its interval counts too. `few`: of an arm that decides there are too few runs for an interval."""

    outcome: Literal["held", "did not hold", "not told"]
    measured: str
    expected: str = ""
    open: bool = False
    few: bool = False

    @property
    def sentence(self) -> str:
        return f"{self.measured} (expected: {self.expected})" if self.expected else self.measured


def verdicts_of(experiment: Experiment) -> list[Verdict]:
    """One for each of the experiment's expectations, in their order."""
    return [_verdict(expectation, experiment) for expectation in experiment.expect]


def _verdict(expectation: Expectation, experiment: Experiment) -> Verdict:
    """An expectation that names no arm is of every one, save that which it takes for a measure."""
    name, measure, most = expectation.figure, expectation.times, expectation.at_most is not None
    label, means = figure_of(name).label, {arm.name: arm.figures.get(name) for arm in experiment.arms}
    judged = [expectation.arm] if expectation.arm is not None else [arm for arm in means if arm != measure]
    reference = None if measure is None else means.get(measure)
    if measure is not None and reference is None:
        return _not_told(label, [measure])
    bound = _bound(expectation, reference)
    found = [(arm, mean) for arm in judged if (mean := means.get(arm)) is not None]
    found.sort(key=lambda each: each[1].mean, reverse=most)  # the worst first
    broken = [each for each in found if _exceeds(each[1].mean, bound.limit, most)]
    if not broken and (len(found) < len(judged) or not found):
        return _not_told(label, [arm for arm in judged if means.get(arm) is None])
    few = _are_few([*(mean for _, mean in broken or found), *([reference] if reference else [])])
    if broken:
        surely = any(_exceeds(_end(mean, best=True, most=most), bound.mildest, most) for _, mean in broken)
        return Verdict("did not hold", f"{label} {_listed(name, broken)}", bound.words, not surely, few)
    of_all = f", the {'highest' if most else 'lowest'} of {len(found)} variants" if len(found) > 1 else ""
    turns = any(_exceeds(_end(mean, best=False, most=most), bound.strictest, most) for _, mean in found)
    return Verdict("held", f"{label} {_listed(name, found[:1])}{of_all}", bound.words, turns, few)


def _are_few(means: Sequence[Estimate]) -> bool:
    return any(mean.n < LEAST_RUNS for mean in means)


@dataclass(frozen=True, slots=True)
class _Bound:
    """The number that is not to be passed, how it is called, and the two ends between which it may lie."""

    limit: float
    words: str
    strictest: float
    mildest: float


def _bound(expectation: Expectation, reference: Estimate | None) -> _Bound:
    most = expectation.at_most is not None
    side, number = ("at most", expectation.at_most) if most else ("at least", expectation.at_least)
    assert number is not None
    if reference is None:
        return _Bound(number, f"{side} {said(expectation.figure, number)}", number, number)
    limit = number * reference.mean
    measure = f"the {said(expectation.figure, reference.mean)}{_where(expectation.times)}"
    if number != 1:
        measure = f"{number:g} × {measure}, so {said(expectation.figure, limit)}"
    strictest, mildest = (number * _end(reference, best, most) for best in (True, False))
    return _Bound(limit, f"{side} {measure}", strictest, mildest)


def _where(arm: str | None) -> str:
    """An arm's name to go on with after a value; those that are <policy>/<load> in words."""
    return f" with {arm.replace('/', ' under ')}" if arm else ""


def _exceeds(mean: float, limit: float, most: bool) -> bool:
    slack = 1e-9 * abs(limit)
    return mean > limit + slack if most else mean < limit - slack


def _end(mean: Estimate, best: bool, most: bool) -> float:
    """The better or the worse end of the interval, or of two runs; the value itself where there is but one run."""
    end = mean.low if best is most else mean.high
    return mean.mean if end is None else end


def _listed(name: str, means: Sequence[tuple[str, Estimate]]) -> str:
    values = [f"{said_mean(name, mean)}{_where(arm)}" for arm, mean in means[:MOST_NAMED]]
    more = [f"{len(means) - MOST_NAMED} more"] if len(means) > MOST_NAMED else []
    return ", ".join(values + more)


def _not_told(label: str, arms: Sequence[str]) -> Verdict:
    where = f" of {', '.join(arms[:MOST_NAMED])}{' and others' if len(arms) > MOST_NAMED else ''}" if any(arms) else ""
    return Verdict("not told", f"{label}: no valid run{where} tells it")
