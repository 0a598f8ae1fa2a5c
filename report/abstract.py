"""The abstract: what was found, in sentences of numbers."""

from collections.abc import Sequence

from experiments.evidence import Arm
from experiments.loading import Run
from experiments.metrics.figures import said
from report import comparison, environment, experiment, single, words
from report.labels import Point
from report.simulated import Twin, worst_cost
from report.study import Study

ABOUT = (
    "Tidebed is an autoscaling testbed on one machine: a controller clones and stops LXC containers behind HAProxy as "
    "a policy asks for, and every request of an open-loop load is accounted for. "
)
SPAWN, FIRST_ANSWER = "spawn", "decision_to_first_answer_ms_p50"
LOOPS, TAIL = "open-closed", "latency_ms_p99"
DEFAULT = "rules"  # the policy of rules.yaml


def abstract_of(studies: Sequence[Study], singles: Sequence[Run], twins: Sequence[Twin]) -> list[str]:
    """A paragraph of what was made and which hypotheses held, and one of the main numbers; without experiments, of the
    newest single runs."""
    if not studies:
        return of_singles(singles)
    by_name = {study.name: study for study in studies}
    numbers = [
        boots(by_name[SPAWN]) if SPAWN in by_name else "",
        policies(by_name[comparison.NAME]) if comparison.NAME in by_name else "",
        loops(by_name[LOOPS]) if LOOPS in by_name else "",
        models(twins),
    ]
    return [f"{ABOUT}{made(studies)} {answered(studies)}", " ".join(each for each in numbers if each)]


def made(studies: Sequence[Study]) -> str:
    arms = [arm for study in studies for arm in study.arms]
    runs = sum(len(arm.repeats) for arm in arms)
    simulated = sum(len(arm.repeats) for study in studies for arm in study.arms if arm.name in study.simulated)
    of_them = f", {words.number(simulated)} of them simulated" if simulated else ""
    invalid = sum(arm.n_invalid for arm in arms)
    left_out = f"; {words.plural(invalid, 'run')} without a valid load left out of every mean" if invalid else ""
    short = " (their short forms)" if any(study.experiment.set == "quick" for study in studies) else ""
    shown = f"{words.plural(len(studies), 'experiment')}{short} with {words.plural(runs, 'run')}"
    return f"This report shows {shown}{of_them}{left_out}."


def answered(studies: Sequence[Study]) -> str:
    """How many hypotheses held, and which did not."""
    outcomes = {study.experiment.title: experiment.outcome(study.verdicts) for study in studies if study.verdicts}
    held = sum(outcome == "held" for outcome in outcomes.values())
    lines = [
        f"Of {words.plural(len(outcomes), 'hypothesis', 'hypotheses')} written down before, {words.number(held)} held."
    ]
    for outcome, told in (("did not hold", "Did not hold"), ("not told", "Not told by the runs")):
        titles = [f"“{title}”" for title, each in outcomes.items() if each == outcome]
        lines += [f"{told}: {words.listed(titles)}."] if titles else []
    return " ".join(lines)


def boots(study: Study) -> str:
    told = [f"{arm.name} {said(FIRST_ANSWER, arm.figures[FIRST_ANSWER].mean)}"
            for arm in study.arms if FIRST_ANSWER in arm.figures]  # fmt: skip
    return (
        f"From a decision to a new instance’s first answer it took, in the median: {', '.join(told)}." if told else ""
    )


def policies(study: Study) -> str:
    """The cheapest policy that lost least under each load, and the default one."""
    parts = []
    for load, arms in comparison.by_load(study).items():
        points = comparison.mean_points(arms)
        if points:
            best = min(points, key=lambda policy: (points[policy][1], points[policy][0]))
            shown = [best, *([DEFAULT] if DEFAULT in points and best != DEFAULT else [])]
            told = [f"{name} lost {lost(points[name])}" for name in shown]
            parts.append(f"under {load} {', '.join(told)}")
    if not parts:
        return ""
    count = len({policy for arms in comparison.by_load(study).values() for policy in arms})
    return f"Of {words.plural(count, 'policy', 'policies')}, {'; '.join(parts)}."


def lost(point: Point) -> str:
    """Where a policy lies in the plane of cost and losses, to go on after `lost`."""
    return f"{comparison.lost_words(point[1])} of the requests at {point[0]:.2f} times the oracle’s cost"


def loops(study: Study) -> str:
    found: list[Arm] = [arm for arm in study.arms if TAIL in arm.figures]
    told = [f"{arm.name} {said(TAIL, arm.figures[TAIL].mean)}" for arm in found]
    return (
        f"At the same nominal load the p99 latency was, by the loop of the generator: {', '.join(told)}."
        if told
        else ""
    )


def models(twins: Sequence[Twin]) -> str:
    worst = worst_cost(twins)
    if worst is None:
        return ""
    runs = words.plural(len(twins), "real run")
    return f"The simulator’s instance-seconds differ from those of {runs} by at most {worst}."


def of_singles(singles: Sequence[Run]) -> list[str]:
    """A paragraph for the newest single run, and one for the others if there are any."""
    newest, others = singles[0], singles[1:]
    shape = words.shape_words(environment.section(newest.info, "shape"))
    opening = (
        f"{ABOUT}This report shows {words.plural(len(singles), 'run')}{simulated_words(singles)}. "
        f"The newest is {single.name_of(newest)}; its load: {shape}. "
    )
    lines = [opening + single.finding(newest) + warning(newest)]
    if others:
        lost = [f"{single.name_of(run)} {words.share(run.summary.get('not_served_share'), 1.0)}" for run in others]
        lines.append(f"Requests not served in the other runs: {', '.join(lost)}.{''.join(map(warning, others))}")
    return lines


def simulated_words(runs: Sequence[Run]) -> str:
    """How many of the runs are simulated, to go on in a sentence; empty where none is."""
    count = sum(run.simulated for run in runs)
    if len(runs) == count:
        return ", simulated" if count == 1 else ", all simulated"
    return f", {words.number(count)} of them simulated" if count else ""


def warning(run: Run) -> str:
    valid, _ = single.validity(run.summary)
    return f" Run {single.name_of(run)} is not valid: see its section." if valid is False else ""
