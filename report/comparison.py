"""The comparison of policies: arms named <policy>/<load>, as tables and as what the figures show."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.evidence import LEAST_RUNS, Arm, Estimate
from experiments.loading import Run
from experiments.metrics.service import SLO
from report import experiment, measures, series, words
from report.comparison_figures import Plane
from report.labels import Point
from report.study import Study

NAME = "comparison"
DEFAULT = "rules"  # the kind of policy in rules.yaml
ACCEPTABLE_PERCENT = 100 * (1 - SLO().share)  # of the requests: what the objective forgives
DETAILS = {
    "SLO viol. (s)": "slo_violation_s",
    "p95 (ms)": "latency_ms_p95",
    "inst.-s": "instance_seconds",
    "θ U (%)": "theta_u_percent",
    "θ O (%)": "theta_o_percent",
    "τ U (%)": "tau_u_percent",
    "τ O (%)": "tau_o_percent",
    "jitter": "jitter_per_min",
    "contrad.": "contradictory_actions",
    "adapt (s)": "time_to_adapt_s",
    "ε": "elastic_speedup",
}
TOLD_KINDS = ("static", "scheduled")  # these are told the load beforehand, as a size or as a timetable
MOST_FIXED = 20  # instances of the largest fixed fleet that the figure has

ByPolicy = dict[str, Arm]


def by_load(study: Study) -> dict[str, ByPolicy]:
    """The arms by load and policy, both in their order."""
    found: dict[str, ByPolicy] = {}
    for arm in study.arms:
        policy, _, load = arm.name.partition("/")
        found.setdefault(load, {})[policy] = arm
    return found


def comparison_data(study: Study) -> dict[str, Any]:
    """Everything that the page needs for the comparison but the figures."""
    loads = by_load(study)
    return {
        "hypothesis": study.experiment.hypothesis,
        "verdict": experiment.answer(study.verdicts),
        "finding": finding(study, loads),
        "notices": experiment.notices(study),
        "how": how(study),
        "loads": list(loads),
        "acceptable": acceptable_words(),
        "tables": [details(load, arms, study) for load, arms in loads.items()],
    }


def oracle_row(figures: Sequence[str], told: Mapping[str, str], times: int = 1) -> dict[str, Any]:
    """What the oracle has by its definition, and nothing of what only a run tells."""
    return {"name": "oracle", "cells": [{"text": told.get(each, "–"), "best": False} for each in figures] * times}


def details(load: str, arms: ByPolicy, study: Study) -> dict[str, Any]:
    """All metrics under one load, those that some policy tells; a row a policy."""
    columns = {
        name: measures.cells(figure, [mean(arm, figure) for arm in arms.values()], narrow=True, significant=2,
                             eligible=[serves(arm) for arm in arms.values()])
        for name, figure in DETAILS.items() if any(mean(arm, figure) for arm in arms.values())
    }  # fmt: skip
    return {
        "caption": f"All metrics under {load}; what they mean is told under the definitions.{best_words(study)}",
        "columns": list(columns),
        "rows": [
            oracle_row([DETAILS[name] for name in columns], oracle_told(arms)),
            *(
                {"name": policy_name(policy, {load: arms}, study), "cells": [each[row] for each in columns.values()]}
                for row, policy in enumerate(arms)
            ),
        ],
    }


def oracle_told(arms: ByPolicy) -> dict[str, str]:
    """Its cost in instance-seconds: the mean over the arms, which differ a little, for each has its own boot time."""
    costs = [found.mean for arm in arms.values() if (found := mean(arm, "oracle_instance_seconds")) is not None]
    return {"instance_seconds": words.number(sum(costs) / len(costs), 0)} if costs else {}


def best_words(study: Study) -> str:
    """What is bold, to go on after a sentence; empty where no arm has an interval."""
    if max(arm.n_valid for arm in study.arms) < LEAST_RUNS:
        return ""
    good = f"of the policies with at most {acceptable_words()} not served"
    return f" Bold is the best {good}, where its interval lies apart."


def serves(arm: Arm | None) -> bool:
    """Does it lose no more than is acceptable? One that refuses requests is cheap and fast, and not therefore good."""
    lost = mean(arm, "not_served_share")
    return lost is not None and 100 * lost.mean <= ACCEPTABLE_PERCENT


def mean(arm: Arm | None, figure: str) -> Estimate | None:
    return arm.figures.get(figure) if arm is not None else None


def policy_name(policy: str, loads: Mapping[str, ByPolicy], study: Study) -> str:
    """† marks a policy that is told the load beforehand, ‡ what was only simulated."""
    names = {arms[policy].name for arms in loads.values() if policy in arms}
    told = any(is_told(study.middle[name]) for name in names if name in study.middle)
    simulated = names & study.simulated and len(study.simulated) < len(study.arms)
    marks = f"{'†' if told else ''}{'‡' if simulated else ''}"
    return f"{policy} {marks}".strip()


def is_told(run: Run) -> bool:
    """Does the run's policy know the load beforehand?"""
    algorithm = run.policy.get("policy")
    return isinstance(algorithm, dict) and any(kind in algorithm for kind in TOLD_KINDS)


def acceptable(points: Mapping[str, Point]) -> dict[str, Point]:
    """The policies that lose no more than is acceptable."""
    return {name: point for name, point in points.items() if point[1] <= ACCEPTABLE_PERCENT}


def best_of(points: Mapping[str, Point]) -> frozenset[str]:
    """The policies that no other one beats in both cost and losses, of those that lose an acceptable share; of all
    where none does."""
    kept = acceptable(points) or points

    def is_beaten(name: str) -> bool:
        cost, lost = kept[name]
        return any(
            other != name and c <= cost and q <= lost and (c < cost or q < lost) for other, (c, q) in kept.items()
        )

    return frozenset(name for name in kept if not is_beaten(name))


def mean_points(arms: ByPolicy) -> dict[str, Point]:
    """Cost over the oracle's and requests not served in percent, of the policies that tell both."""
    found = {policy: (mean(arm, "cost_ratio"), mean(arm, "not_served_share")) for policy, arm in arms.items()}
    return {policy: (cost.mean, 100 * lost.mean) for policy, (cost, lost) in found.items() if cost and lost}


def finding(study: Study, loads: Mapping[str, ByPolicy]) -> str:
    """The expectations answered, and for each load the policies that no other one beats in both respects."""
    sentences = [words.sentence(words.tidy(each.sentence)) for each in study.verdicts]
    among: dict[bool, list[str]] = {True: [], False: []}  # by whether some policy loses no more than is acceptable
    for load, arms in loads.items():
        points = mean_points(arms)
        best = sorted(best_of(points), key=lambda policy: points[policy])
        told = [f"{name} ({lost_words(points[name][1])} lost at {points[name][0]:.2f})" for name in best]
        among[bool(acceptable(points))] += [f"under {load} {words.listed(told)}"] if told else []
    share, unbeaten = acceptable_words(), "that no other one beats in both losses and cost (times the oracle’s)"
    if among[True]:
        sentences.append(f"Of the policies that lose at most {share}, those {unbeaten} are {'; '.join(among[True])}.")
    if among[False]:
        sentences.append(f"Where no policy loses at most {share}, those {unbeaten} are {'; '.join(among[False])}.")
    return " ".join(sentences)


def acceptable_words() -> str:
    return f"{ACCEPTABLE_PERCENT:.3g} %"


def lost_words(percent: float) -> str:
    return words.share(percent, 100.0) if percent else "none"


def how(study: Study) -> str:
    """What was run, and what the daggers mean."""
    loads = by_load(study)
    runs = sum(len(arm.repeats) for arm in study.arms)
    policies = {policy for arms in loads.values() for policy in arms}
    dagger = "; † is told the load beforehand" if any(map(is_told, study.middle.values())) else ""
    dagger += "; ‡ was only simulated" if 0 < len(study.simulated) < len(study.arms) else ""
    counted = [
        words.plural(len(policies), "policy", "policies"), words.plural(len(loads), "load"), words.plural(runs, "run")
    ]  # fmt: skip
    return f"{', '.join(counted)}{dagger}."


def planes(study: Study) -> list[Plane]:
    """For each load every repeat as a point, and fixed fleets on the arrivals of the first middle repeat."""
    found = []
    for load, arms in by_load(study).items():
        points = {policy: repeat_points(arm) for policy, arm in arms.items()}
        points = {policy: each for policy, each in points.items() if each}
        if points:
            best = best_of(mean_points(arms))
            found.append(Plane(load, points, frontier(study, arms), best & points.keys()))
    return found


def repeat_points(arm: Arm) -> list[Point]:
    told = [repeat.figures for repeat in arm.repeats if repeat.valid]
    return [(each["cost_ratio"], 100 * each["not_served_share"]) for each in told if "cost_ratio" in each]


def frontier(study: Study, arms: ByPolicy) -> list[Point]:
    """A fixed number of instances from the first tick to the last, for each number until nothing is lost."""
    run = next((study.middle[arm.name] for arm in arms.values() if arm.name in study.middle), None)
    oracle_s = run.summary.get("oracle_instance_seconds") if run is not None else None
    if run is None or not oracle_s or not run.rate_limit_rps:
        return []
    span_s = float(run.ticks["t_s"].iloc[-1] - run.ticks["t_s"].iloc[0])
    points: list[Point] = []
    for count in range(1, MOST_FIXED + 1):
        lost = series.static_loss(run.requests["due_s"], run.rate_limit_rps, count)
        points.append((count * span_s / oracle_s, 100 * lost))
        if not lost:
            break
    return points
