"""Means of figures as the cells of a table, and which of them is the best by more than chance."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.evidence import Estimate, differ
from experiments.metrics.figures import figure_of
from report import words

LOWER_IS_BETTER = frozenset({
    "not_served_share", "slo_violation_s", "recovery_s", "latency_ms_p50", "latency_ms_p95", "latency_ms_p99",
    "instance_seconds", "cost_ratio", "theta_u_percent", "theta_o_percent", "tau_u_percent", "tau_o_percent",
    "upsilon_percent", "jitter_per_min", "contradictory_actions", "time_to_adapt_s", "reload_ms_p50",
    "decision_to_in_service_ms_p50", "decision_to_first_answer_ms_p50", "decision_to_first_answer_ms_p95",
})  # fmt: skip
# Names for narrow columns, where the figure's own is long.
SHORT = {
    "slo_violation_s": "SLO violated",
    "instance_seconds": "cost",
    "theta_u_percent": "lacking, θ U",
    "theta_o_percent": "too many, θ O",
    "tau_u_percent": "time with too few, τ U",
    "tau_o_percent": "time with too many, τ O",
    "decision_to_first_answer_ms_p50": "decision → first answer, p50",
    "decision_to_in_service_ms_p50": "decision → in service, p50",
}
HIGHER_IS_BETTER = frozenset({"elastic_speedup"})


def cells(
    figure: str, means: Sequence[Estimate | None], narrow: bool = False, significant: int = 3,
    eligible: Sequence[bool] | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row or column of a table: the text of each mean, and whether it is the best, of those that are eligible."""
    best = best_of(figure, means, eligible or [True] * len(means))
    return [
        {"text": cell(figure, mean, narrow, significant), "best": number == best} for number, mean in enumerate(means)
    ]


def cell(figure: str, mean: Estimate | None, narrow: bool = False, significant: int = 3) -> str:
    """`1,678 ± 12` in the figure's unit, the half-width of the confidence interval with the mean's decimals, or
    `15 (12, 18)`, the values of two runs; the mean alone of one run, or where nothing else shows with these decimals.
    `narrow` has two decimals at most, no spaces around the ±, and of two runs but the values."""
    if mean is None:
        return "–"
    factor = figure_of(figure).factor
    value = mean.mean * factor
    ends = [end * factor for end in (mean.low, mean.high) if end is not None]
    half = max((abs(end - value) for end in ends), default=0.0)
    digits = min(decimals(value, half, significant), 2 if narrow else 4)
    told, spread = written(value, digits), written(half, digits)
    if not float(spread.replace(",", "")):
        return told
    if mean.half is None:
        low, high = (written(end, digits) for end in ends)
        return f"{low}–{high}" if narrow else f"{told} ({low}, {high})"
    return f"{told}±{spread}" if narrow else f"{told} ± {spread}"


def written(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace("-", "−")


def decimals(value: float, half: float, significant: int) -> int:
    """So many significant digits of the larger of both, no decimals for whole numbers and at most four."""
    largest = max(abs(value), half)
    if not largest or (value == int(value) and not half):
        return 0
    return min(max(0, significant - 1 - math.floor(math.log10(largest))), 4)


def best_of(figure: str, means: Sequence[Estimate | None], eligible: Sequence[bool]) -> int | None:
    """The place of the best of the eligible means, where its interval lies apart from every other of them; None where
    none does."""
    if figure not in LOWER_IS_BETTER | HIGHER_IS_BETTER:
        return None
    known = {number: mean for number, mean in enumerate(means) if mean is not None and eligible[number]}
    if len(known) < 2:
        return None
    best = min(known, key=lambda number: badness(figure, known[number].mean))
    apart = all(differ(known[best], mean) for number, mean in known.items() if number != best)
    return best if apart else None


def badness(figure: str, value: float) -> float:
    """The lower the better. Jitter is best at zero."""
    return -value if figure in HIGHER_IS_BETTER else abs(value) if figure == "jitter_per_min" else value


def label(figure: str) -> str:
    """What the figure is called in a table, with its unit in brackets."""
    found = figure_of(figure)
    name = SHORT.get(figure, words.tidy(found.label))
    return f"{name} ({found.unit.strip()})" if found.unit else name


def rows(figures: Sequence[str], arms: Sequence[Mapping[str, Estimate]]) -> list[dict[str, Any]]:
    """A row a figure that some arm tells, a cell an arm."""
    found = [(figure, [arm.get(figure) for arm in arms]) for figure in figures]
    return [{"name": label(figure), "cells": cells(figure, means)} for figure, means in found if any(means)]
