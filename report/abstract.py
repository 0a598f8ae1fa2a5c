"""The abstract: what was found, in sentences of numbers."""

from collections.abc import Sequence

from experiments.evidence import LEAST_RUNS
from experiments.loading import Run
from experiments.metrics.figures import figure_of, said
from experiments.verdict import Verdict
from report import comparison, environment, experiment, ranking, single, words
from report.simulated import Twin, is_within, worst_cost
from report.study import Study

ABOUT = (
    "Tidebed tests autoscaling on one machine: as a policy decides, a controller starts and stops instances (LXC "
    "containers with the same web application) behind the balancer HAProxy, under a load that is offered on schedule. "
)
WORDS = (
    "A request is not served if it is refused (429), fails or times out. Cost is time in service; × oracle is cost as "
    "a multiple of that of the oracle, the cheapest fleet that would have served every request at once. "
)
SPAWN, LOOPS = "spawn", "open-closed"
WAYS = {  # to start an instance
    "plain": "importing all that its packages name",
    "exec": "importing only what is needed",
    "zygote": "forked from a process that has the application loaded",
    "standby": "booted before and frozen until wanted",
}
LOOP_WORDS = {"open": "requests sent on schedule", "closed": "each user waits for the answer"}


def abstract_of(studies: Sequence[Study], singles: Sequence[Run], twins: Sequence[Twin]) -> list[str]:
    """What was made and which expectations held, what came of the policies, and the other main numbers, a paragraph
    each; without experiments, of the newest single runs."""
    if not studies:
        return of_singles(singles)
    by_name = {study.name: study for study in studies}
    numbers = [
        boots(by_name[SPAWN]) if SPAWN in by_name else "",
        loops(by_name[LOOPS]) if LOOPS in by_name else "",
        models(twins),
    ]
    compared = policies(by_name[comparison.NAME]) if comparison.NAME in by_name else ""
    told = [f"{ABOUT}{WORDS}{made(studies)} {answered(studies)}", compared, " ".join(each for each in numbers if each)]
    return [paragraph for paragraph in told if paragraph]


def made(studies: Sequence[Study]) -> str:
    arms = [arm for study in studies for arm in study.arms]
    runs = sum(len(arm.repeats) for arm in arms)
    simulated = sum(len(arm.repeats) for study in studies for arm in study.arms if arm.name in study.simulated)
    of_them = f", {words.number(simulated)} of them simulated" if simulated else ""
    invalid = sum(arm.n_invalid for arm in arms)
    left_out = f"; {words.plural(invalid, 'run')} without a valid load left out of every mean" if invalid else ""
    short = " (their short forms)" if any(study.experiment.set == "quick" for study in studies) else ""
    counts = sorted({arm.n_valid for arm in arms if arm.n_valid})
    times = f", each variant {experiment.range_words(counts)}" if counts else ""
    shown = f"{words.plural(len(studies), 'experiment')}{short} with {words.plural(runs, 'run')}"
    return f"This report shows {shown}{of_them}{times}{left_out}."


def answered(studies: Sequence[Study]) -> str:
    """How many of the expectations held, how sure that is, and those that did not, with their figures."""
    asked_of = [study for study in studies if study.verdicts]
    met = sum(experiment.outcome(study.verdicts) == "held" for study in asked_of)
    verdicts = [verdict for study in asked_of for verdict in study.verdicts]
    good = [verdict for verdict in verdicts if verdict.outcome == "held"]
    lines = [
        f"Of {words.plural(len(verdicts), 'expectation')} written down before, {words.number(len(good))} held"
        f"{surety(good)}; {words.number(met)} of {words.plural(len(asked_of), 'experiment')} met all of theirs."
    ]
    for outcome, told in (("did not hold", "Did not hold"), ("not told", "Not told by the runs")):
        found = [f"{words.tidy(verdict.sentence)} in “{study.experiment.title}”"
                 for study in asked_of for verdict in study.verdicts if verdict.outcome == outcome]  # fmt: skip
        lines += [f"{told}: {'; '.join(found)}."] if found else []
    return " ".join(lines)


def surety(good: Sequence[Verdict]) -> str:
    """How many of those that held might have come out another way, in brackets; empty where none."""
    few = sum(verdict.few for verdict in good)
    average = sum(verdict.open and not verdict.few for verdict in good)
    told = [f"{words.number(few)} on fewer than {words.number(LEAST_RUNS)} runs a variant"] if few else []
    told += [f"{words.number(average)} only on average"] if average else []
    return f" ({', '.join(told)})" if told else ""


def asked(study: Study, default: str) -> str:
    """The figure that an experiment's first expectation is about."""
    return study.experiment.expect[0].figure if study.experiment.expect else default


def boots(study: Study) -> str:
    """How long each way to start an instance took."""
    figure = asked(study, "decision_to_in_service_ms_p50")
    told = [
        f"{arm.name} {said(figure, arm.figures[figure].mean)}{f' ({WAYS[arm.name]})' if arm.name in WAYS else ''}"
        for arm in study.arms if figure in arm.figures
    ]  # fmt: skip
    return f"{words.sentence(figure_of(figure).label)[:-1]} of a new instance: {', '.join(told)}." if told else ""


def policies(study: Study) -> str:
    """How the policies were compared, how far that can be relied on, and what came of it."""
    loads = comparison.by_load(study)
    if not ranking.ranking(study):
        return ""
    count = len({policy for arms in loads.values() for policy in arms})
    counts = sorted({arm.n_valid for arm in study.arms if arm.n_valid})
    chance = " so small differences may be chance" if counts[-1] < LEAST_RUNS else ""
    simulated = " in simulation" if len(study.simulated) == len(study.arms) else ""
    return (
        f"{words.plural(count, 'policy', 'policies')} met {'each of ' if len(loads) > 1 else ''}"
        f"{words.plural(len(loads), 'load')}{length_words(study)} {experiment.range_words(counts)}{simulated}"
        f"{',' if chance else ''}{chance}. {ranking.takeaway(study)}"
    )


def length_words(study: Study) -> str:
    """How long each load lasted, to go on after a noun; empty where that differs."""
    lasted = {run.info.get("duration_s") for run in study.middle.values()}
    (seconds,) = lasted if len(lasted) == 1 else (None,)
    return f" of {seconds:g} s" if isinstance(seconds, int | float) else ""


def loops(study: Study) -> str:
    """What each loop of the load generator saw of the same demand."""
    figure = asked(study, "latency_ms_p95")
    told = [
        f"{said(figure, arm.figures[figure].mean)} in the {arm.name} loop"
        f"{f' ({LOOP_WORDS[arm.name]})' if arm.name in LOOP_WORDS else ''}"
        for arm in study.arms if figure in arm.figures
    ]  # fmt: skip
    if not told:
        return ""
    return (
        f"On a fleet that grows too slowly, in an experiment of its own, the same demand had a "
        f"{figure_of(figure).label} of {words.listed(told)}."
    )


def models(twins: Sequence[Twin]) -> str:
    worst = worst_cost(twins)
    if worst is None:
        return ""
    near = sum(map(is_within, twins))
    return (
        f"{words.plural(len(twins), 'real run')} simulated again: {words.number(near)} came out within the bounds set, "
        f"and the costs differ by at most {worst}."
    )


def of_singles(singles: Sequence[Run]) -> list[str]:
    """A paragraph for the newest single run, if there is one, and one for the others if there are any."""
    if not singles:
        return []
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
