"""How well the instances in service follow the instances needed, and how calm the decisions were.

Demand d(t) and supply s(t) are staircases of instances. T is the length of the span that is judged. All but `upsilon`
integrate over every step of both, so no sampling interval matters.

Sources: Herbst et al., "BUNGEE: An Elasticity Benchmark for Self-Adaptive IaaS Cloud Environments", SEAMS 2015
(accuracy in instances, shares of time, jitter); Herbst et al., "Ready for Rain? A View from SPEC Research on the Future
of Cloud Metrics", SPEC-RG-2016-01 (theta, tau and upsilon in percent, elastic speedup); Ilyushkin et al., "An
Experimental Performance Evaluation of Autoscaling Policies for Complex Workflows", ICPE 2017 (what a demand of zero is
divided by); Aslanpour et al., "AutoScaleSim: A Simulation Toolkit for Auto-Scaling Web Applications in Clouds",
Simulation Modelling Practice and Theory 108, 2021 (contradictory actions).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from experiments.oracle import Steps

UPSILON_DT_S = 1.0  # the same for all runs, whatever their tick: upsilon depends on it
SPEEDUP_FLOOR_PERCENT = 0.1  # percentage points
CONTRADICTION_S = 10.0  # longer than any boot or drain here: who turns round sooner has seen nothing come of it

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Elasticity:
    """Under- (u) and overprovisioning (o) of one run.

    accuracy_*_instances: the integral of max(d - s, 0), of max(s - d, 0), over T: instances, on average.
    theta_*_percent: the same, each moment relative to its demand: 100/T times the integral of max(d - s, 0)/d, of
        max(s - d, 0)/d. Where d is 0 nothing can lack, and what is too much is divided by 1: one instance that nobody
        needs is 100 %.
    tau_*_percent: the share of T with s < d, with s > d.
    upsilon_percent: the share of samples, `upsilon_dt_s` apart from the beginning on, since the last of which supply
        and demand did not move in the same direction: 100/(n - 1) sum of min(|sgn(Δs) - sgn(Δd)|, 1).
    jitter_per_min: (E_s - E_d)/T, E the instances added and removed: above 0 supply moves more than it needs to.
    """

    accuracy_u_instances: float
    accuracy_o_instances: float
    theta_u_percent: float
    theta_o_percent: float
    tau_u_percent: float
    tau_o_percent: float
    upsilon_percent: float
    upsilon_dt_s: float
    jitter_per_min: float
    mean_demand_instances: float
    mean_in_service_instances: float


def elasticity(
    demand: Steps, supply: Steps, span_s: tuple[float, float], upsilon_dt_s: float = UPSILON_DT_S
) -> Elasticity:
    """The metrics over `span_s` (from, to). Raises ValueError when the span is empty."""
    start_s, end_s = span_s
    length_s = end_s - start_s
    if length_s <= 0:
        raise ValueError(f"the span from {start_s:g} s to {end_s:g} s is empty; it has to end after it begins")
    inner_s = {t_s for steps in (demand, supply) for t_s in (*steps.times_s, steps.end_s) if start_s < t_s < end_s}
    times_s = np.array([start_s, *sorted(inner_s), end_s])
    needed, served = values(demand, times_s[:-1]), values(supply, times_s[:-1])
    lacking, spare = np.maximum(needed - served, 0), np.maximum(served - needed, 0)
    spans_s = np.diff(times_s)

    def mean(heights: Floats) -> float:
        return float(heights @ spans_s) / length_s

    return Elasticity(
        accuracy_u_instances=mean(lacking),
        accuracy_o_instances=mean(spare),
        theta_u_percent=100 * mean(lacking / np.maximum(needed, 1)),
        theta_o_percent=100 * mean(spare / np.maximum(needed, 1)),
        tau_u_percent=100 * mean(np.sign(lacking)),
        tau_o_percent=100 * mean(np.sign(spare)),
        upsilon_percent=upsilon_percent(demand, supply, span_s, upsilon_dt_s),
        upsilon_dt_s=upsilon_dt_s,
        jitter_per_min=60 * float(np.abs(np.diff(served)).sum() - np.abs(np.diff(needed)).sum()) / length_s,
        mean_demand_instances=mean(needed),
        mean_in_service_instances=mean(served),
    )


def upsilon_percent(demand: Steps, supply: Steps, span_s: tuple[float, float], dt_s: float) -> float:
    """See Elasticity; 0 where the span holds fewer than two samples."""
    start_s, end_s = span_s
    samples_s = np.arange(math.ceil((end_s - start_s) / dt_s - 1e-9), dtype=np.float64) * dt_s + start_s
    moves = [np.sign(np.diff(values(steps, samples_s))) for steps in (demand, supply)]
    return 100 * float(np.mean(moves[0] != moves[1])) if len(samples_s) > 1 else 0.0


def values(steps: Steps, times_s: Floats) -> Floats:
    """The staircase at each time: `Steps.at` for many."""
    if not steps.times_s:
        return np.zeros(len(times_s))
    index = np.searchsorted(steps.times_s, times_s, "right") - 1
    within = (index >= 0) & (times_s < steps.end_s)
    return np.where(within, np.array(steps.counts, dtype=np.float64)[np.maximum(index, 0)], 0.0)


def elastic_speedup(run: Sequence[float], baseline: Sequence[float]) -> float:
    """How many times better `run` is than `baseline`, each the (theta_u, theta_o, tau_u, tau_o) in percent: SPEC's
    elastic speedup, the geometric mean with equal weights of baseline over run.

    Each of the eight is SPEEDUP_FLOOR_PERCENT larger, for a static fleet may well have a zero in it.
    """
    ratios = (
        (static + SPEEDUP_FLOOR_PERCENT) / (scaled + SPEEDUP_FLOOR_PERCENT)
        for scaled, static in zip(run, baseline, strict=True)
    )
    return float(math.prod(ratios) ** (1 / len(run)))


def contradictory_actions(decisions: Sequence[tuple[float, int]], within_s: float = CONTRADICTION_S) -> int:
    """Of decisions (t_s, change of the instances wanted, not 0), in order: how often a growth was directly followed by
    a shrinking within so many seconds, or the other way round."""
    return sum(
        earlier * later < 0 and later_s - earlier_s <= within_s
        for (earlier_s, earlier), (later_s, later) in pairwise(decisions)
    )
