"""The headline table: every policy under every load, in groups by how well it served, with what has to be known to read
it."""

from collections.abc import Mapping, Sequence
from typing import Any

from report import comparison, environment, experiment, measures, words
from report.comparison import ByPolicy, mean
from report.ranking import GOOD_PERCENT, POOR_PERCENT, Ranked, ranking
from report.study import Study

FIGURES = ("not_served_share", "latency_ms_p99", "cost_ratio")
MINUTE_S = 60
KINDS = {  # of the project's own policies
    "rules": "thresholds on metrics",
    "target": "a rate per instance is kept",
    "queueing": "as many as queueing theory asks for",
    "predictive": "for the load that is forecast",
    "python": "a class of one’s own, here with instances to spare",
}


def headline_data(study: Study) -> dict[str, Any]:
    loads, ranked = comparison.by_load(study), ranking(study)
    names = [each.name for each in ranked]
    names += [policy for arms in loads.values() for policy in arms if policy not in names]
    rows = dict(zip(dict.fromkeys(names), headline_rows(loads, list(dict.fromkeys(names)), study), strict=True))
    return {
        "headline_loads": [{"name": load, "shape": shape_of(arms, study)} for load, arms in loads.items()],
        "oracle": comparison.oracle_row(FIGURES, {"not_served_share": "0", "cost_ratio": "1"}, len(loads)),
        "groups": groups(ranked, rows),
        "headline_caption": caption(study),
        "headline_notes": notes(study, ranked),
    }


def headline_rows(loads: Mapping[str, ByPolicy], policies: Sequence[str], study: Study) -> list[dict[str, Any]]:
    columns = [column(figure, arms, policies) for arms in loads.values() for figure in FIGURES]
    return [
        {"name": comparison.policy_name(policy, loads, study), "cells": [each[row] for each in columns]}
        for row, policy in enumerate(policies)
    ]


def column(figure: str, arms: ByPolicy, policies: Sequence[str]) -> list[dict[str, Any]]:
    """A figure under one load. What a policy that lost much costs, and how fast it was, is not to its credit: grey."""
    found = [arms.get(policy) for policy in policies]
    cells = measures.cells(
        figure, [mean(arm, figure) for arm in found], narrow=True, eligible=[comparison.serves(arm) for arm in found]
    )
    lost = [mean(arm, "not_served_share") for arm in found]
    grey = [each is not None and 100 * each.mean > POOR_PERCENT and figure != "not_served_share" for each in lost]
    return [{**cell, "grey": is_grey and cell["text"] != "–"} for cell, is_grey in zip(cells, grey, strict=True)]


def groups(ranked: Sequence[Ranked], rows: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in three groups by the highest share not served under any load; without a valid run, a fourth."""
    good = [each.name for each in ranked if each.serves(GOOD_PERCENT)]
    fair = [each.name for each in ranked if each.serves(POOR_PERCENT) and each.name not in good]
    poor = [each.name for each in ranked if not each.serves(POOR_PERCENT)]
    unknown = [name for name in rows if name not in {each.name for each in ranked}]
    titles = (
        (f"at most {GOOD_PERCENT:g} % not served under every load", good),
        (f"at most {POOR_PERCENT:g} % not served under every load", fair),
        (f"more than {POOR_PERCENT:g} % not served under some load", poor),
        ("no valid run", unknown),
    )
    return [{"title": title, "rows": [rows[name] for name in names]} for title, names in titles if names]


def shape_of(arms: ByPolicy, study: Study) -> str:
    """The load in words, without its name, and how many instances its peak needs."""
    run = next((study.middle[arm.name] for arm in arms.values() if arm.name in study.middle), None)
    if run is None:
        return ""
    shape = words.shape_words(environment.section(run.info, "shape"))
    needed = f"; its peak needs {int(run.demand['instances'].max())} instances" if len(run.demand) else ""
    return shape.removeprefix(f"{environment.section(run.info, 'shape').get('kind')} ") + needed


def caption(study: Study) -> str:
    kind = "simulated" if len(study.simulated) == len(study.arms) else "real containers"
    return (
        f"What each policy served and cost under the same loads ({kind}). Not served: refused (429), failed or timed "
        "out. p99: the latency that 99 % of the served requests did not exceed. × oracle: cost over that of the "
        f"cheapest fleet that would have served every request at once. {experiment.repeats_words(study)} In each group "
        "the cheapest comes first."
        f"{comparison.best_words(study)}"
    )


def notes(study: Study, ranked: Sequence[Ranked]) -> list[str]:
    """What the marks mean and what the table does not show, as far as it is so here."""
    grey = any(lost > POOR_PERCENT for each in ranked for lost in each.lost_percent.values())
    lines = [
        service_words(study),
        kinds_words(study),
        "† is told the load beforehand, as a fixed size or a timetable; the others have to react."
        if any(each.is_told for each in ranked) else "",
        "‡ was only simulated." if 0 < len(study.simulated) < len(study.arms) else "",
        f"Grey, in brackets: cheap or fast because more than {POOR_PERCENT:g} % was not served." if grey else "",
        scaled_words(study, ranked),
    ]  # fmt: skip
    return [line for line in lines if line]


def service_words(study: Study) -> str:
    """What one instance can do, where that is the same for all."""
    runs = study.middle.values()
    limits = {(run.rate_limit_rps, environment.section(run.policy, "service").get("overload")) for run in runs}
    if len(limits) != 1:
        return ""
    ((limit_rps, overload),) = limits
    beyond = {"reject": " and refuses the rest (429)", "queue": "; the rest waits in the balancer"}.get(
        str(overload), ""
    )
    return f"One instance serves at most {limit_rps:g} requests/s{beyond}." if limit_rps else ""


def kinds_words(study: Study) -> str:
    """What the project's own policies do, of those that are in the table."""
    names = {policy for arms in comparison.by_load(study).values() for policy in arms}
    told = [f"{name}: {what}" for name, what in KINDS.items() if name in names]
    return f"{'; '.join(told)}." if told else ""


def scaled_words(study: Study, ranked: Sequence[Ranked]) -> str:
    """That the time of some policies passes faster, and what it does not make up for."""
    scaled = [each for each in ranked if each.time_scale > 1]
    lasted = [run.info.get("duration_s") for run in study.middle.values()]
    seconds = max((each for each in lasted if isinstance(each, int | float)), default=0.0)
    if not scaled or not seconds:
        return ""
    most = max(each.time_scale for each in scaled)
    return (
        f"{words.listed([each.name for each in scaled])}: reconstructions of published algorithms with periods up "
        f"to minutes. Their time passes {most:g} times faster (a minute is {MINUTE_S / most:.3g} s), but a load still "
        f"lasts only {seconds * most / MINUTE_S:.1f} of their minutes: this compares reactions, and is no verdict on "
        "the products."
    )
