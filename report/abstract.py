"""The abstract: what was found, in sentences of numbers."""

from collections.abc import Sequence

from experiments.loading import Run
from experiments.metrics.figures import figure_of, said
from report import comparison, environment, experiment, single, words
from report.labels import Point
from report.simulated import Twin, worst_cost
from report.study import Study

ABOUT = (
    "Tidebed is an autoscaling testbed on one machine: a controller clones and stops LXC containers behind HAProxy as "
    "a policy asks for, and every request of an open-loop load is accounted for. "
)
SPAWN, LOOPS = "spawn", "open-closed"
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
    found = [study.verdicts for study in studies if experiment.outcome(study.verdicts) == "held"]
    unsure = sum(map(experiment.is_open, found))
    average = f", {words.number(unsure)} of them only on average" if unsure else ""
    lines = [
        f"Of {words.plural(len(outcomes), 'hypothesis', 'hypotheses')} written down before, {words.number(held)} "
        f"held{average}."
    ]
    for outcome, told in (("did not hold", "Did not hold"), ("not told", "Not told by the runs")):
        titles = [f"“{title}”" for title, each in outcomes.items() if each == outcome]
        lines += [f"{told}: {words.listed(titles)}."] if titles else []
    return " ".join(lines)


def asked(study: Study, default: str) -> str:
    """The figure that an experiment's first expectation is about."""
    return study.experiment.expect[0].figure if study.experiment.expect else default


def boots(study: Study) -> str:
    """How long each way to start an instance took."""
    figure = asked(study, "decision_to_in_service_ms_p50")
    told = [f"{arm.name} {said(figure, arm.figures[figure].mean)}" for arm in study.arms if figure in arm.figures]
    return f"{words.sentence(figure_of(figure).label)[:-1]}, by the way to start: {', '.join(told)}." if told else ""


def policies(study: Study) -> str:
    """The cheapest policy that lost least under each load, and the default one."""
    loads = comparison.by_load(study)
    points = {load: found for load, arms in loads.items() if (found := comparison.mean_points(arms))}
    if not points:
        return ""
    best = {load: min(found, key=lambda policy: found[policy][::-1]) for load, found in points.items()}
    told = [f"{policy} under {load} ({place(points[load][policy])})" for load, policy in best.items()]
    count = len({policy for arms in loads.values() for policy in arms})
    lines = [
        f"Of {words.plural(count, 'policy', 'policies')} the one that lost least, with its cost as a multiple of the "
        f"oracle’s, the cheapest fleet that would have served all, was {words.listed(told)}."
    ]
    usual = [f"under {load} {place(found[DEFAULT])}" for load, found in points.items() if DEFAULT in found]
    return " ".join([*lines, f"The default, {DEFAULT}: {', '.join(usual)}." if usual else ""]).strip()


def place(point: Point) -> str:
    """Where a policy lies in the plane of cost and losses."""
    return f"{comparison.lost_words(point[1])} lost at {point[0]:.2f}"


def loops(study: Study) -> str:
    """What each loop of the load generator saw of the same demand."""
    figure = asked(study, "latency_ms_p95")
    told = [f"{said(figure, arm.figures[figure].mean)} in the {arm.name} loop"
            for arm in study.arms if figure in arm.figures]  # fmt: skip
    return f"Of the same demand the generator saw a {figure_of(figure).label} of {words.listed(told)}." if told else ""


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
