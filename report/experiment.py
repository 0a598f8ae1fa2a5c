"""An experiment's section in plain strings and lists."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.evidence import LEAST_RUNS
from experiments.loading import Run
from experiments.metrics.figures import CAUSE
from experiments.verdict import Verdict
from report import measures, series, single, words
from report.study import Study

FIGURES = (
    "not_served_share", "slo_violation_s", "latency_ms_p50", "latency_ms_p95", "latency_ms_p99", "instance_seconds",
    "cost_ratio", "in_service_max", "theta_u_percent", "theta_o_percent", "tau_u_percent", "tau_o_percent",
    "jitter_per_min", "contradictory_actions", "time_to_adapt_s", "decision_to_first_answer_ms_p50",
)  # fmt: skip
MOST_DECISIONS = 5  # lines of the table
ANSWERS = {
    "held": "What was expected held",
    "did not hold": "What was expected did not hold",
    "not told": "The runs do not tell",
}


def experiment_data(study: Study) -> dict[str, Any]:
    """Everything that the page needs for an experiment but the figures."""
    told = study.experiment
    return {
        "label": f"experiment-{study.name}",
        "title": told.title,
        "hypothesis": told.hypothesis,
        "verdict": answer(study.verdicts),
        "finding": finding(study),
        "notices": notices(study),
        "arms": [arm_name(study, arm.name) for arm in study.arms],
        "setup": setup_rows(study.middle),
        "table": measures.rows(shown_figures(study), [arm.figures for arm in study.arms]),
        "table_caption": table_caption(study),
        "decisions": decisions(study),
        "name": single.name_of(study.middle[study.arms[0].name]) if study.arms[0].name in study.middle else "",
    }


def arm_name(study: Study, arm: str) -> str:
    """An arm as the tables call it; the one arm of an experiment without names is their mean or value."""
    if not arm:
        return "mean" if max(each.n_valid for each in study.arms) > 1 else "value"
    mixed = len(study.simulated) < len(study.arms)
    return f"{arm} (simulated)" if mixed and arm in study.simulated else arm


def outcome(verdicts: list[Verdict]) -> str:
    """Of several expectations: it did not hold if one did not, and it held if all did."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return next((each for each in ("did not hold", "not told", "held") if each in outcomes), "not told")


def answer(verdicts: list[Verdict]) -> str:
    """What became of the expectations together, empty where there are none."""
    if not verdicts:
        return ""
    return f"{ANSWERS[outcome(verdicts)]}{' on average' if is_open(verdicts) else ''}."


def is_open(verdicts: list[Verdict]) -> bool:
    """Could the outcome be another one within the intervals?"""
    whole = outcome(verdicts)
    same = [verdict.open for verdict in verdicts if verdict.outcome == whole]
    return any(same) if whole == "held" else bool(same) and all(same)


def finding(study: Study) -> str:
    """The expectations with their numbers, and what became of the requests."""
    told = [verdict for verdict in study.verdicts if verdict.outcome != "held"]
    told += [verdict for verdict in study.verdicts if verdict.outcome == "held"]
    return " ".join([*(words.sentence(words.tidy(each.sentence)) for each in told), causes(study)]).strip()


def causes(study: Study) -> str:
    """Why requests were not served, by arm, as means a repeat; empty where all were served."""
    parts = []
    for arm in study.arms:
        found = {name.removeprefix(CAUSE): mean.mean for name, mean in arm.figures.items() if name.startswith(CAUSE)}
        lost = {cause: count for cause, count in found.items() if count}
        if lost:
            listed = ", ".join(f"{cause} {count:.3g}" for cause, count in ordered(lost).items())
            parts.append(f"{arm.name + ': ' if arm.name else ''}{listed}")
    return f"Requests not served by their cause, mean a run: {'; '.join(parts)}." if parts else ""


def ordered(counts: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def notices(study: Study) -> list[dict[str, Any]]:
    """What the reader has to know before the figures: runs that are not valid, and simulated ones."""
    found: list[dict[str, Any]] = []
    invalid = [f"{arm.n_invalid} of {words.plural(len(arm.repeats), 'run')}{' of ' + arm.name if arm.name else ''}"
               for arm in study.arms if arm.n_invalid]  # fmt: skip
    if invalid:
        told = f"The load generator did not keep its schedule in {', '.join(invalid)}; the means are without them."
        found.append({"title": "Not all runs are valid.", "text": told, "bad": True})
    if study.simulated:
        found.append({"title": "Simulated.", "text": simulated_words(study), "bad": False})
    return found


def simulated_words(study: Study) -> str:
    some = len(study.simulated) < len(study.arms)
    without = f"Of the variants, {', '.join(sorted(study.simulated))} did not run on containers"
    which = without if some else "No container ran"
    run = next((study.middle[arm] for arm in study.simulated if arm in study.middle), None)
    return f"{which}. {single.model_words(run.info)}" if run is not None else f"{which}."


def shown_figures(study: Study) -> list[str]:
    """The usual figures and those that something was expected of, and each cause that cost requests."""
    expected = [each.figure for each in study.experiment.expect]
    lost = sorted({
        name for arm in study.arms for name, mean in arm.figures.items() if name.startswith(CAUSE) and mean.mean
    })  # fmt: skip
    return list(dict.fromkeys([*expected, *FIGURES, *(lost if len(study.arms) > 1 else [])]))


def table_caption(study: Study) -> str:
    """How many repeats the means are over, and what is bold."""
    best = len(study.arms) > 1 and max(arm.n_valid for arm in study.arms) >= LEAST_RUNS
    return f"{repeats_words(study)}{' Bold is the best where its interval lies apart.' if best else ''}"


def repeats_words(study: Study) -> str:
    counts = sorted({arm.n_valid for arm in study.arms})
    several = f"{counts[0]} to {counts[-1]} valid repeats"
    repeats = words.plural(counts[0], "valid repeat") if len(counts) == 1 else several
    a_variant = " a variant" if len(study.arms) > 1 else ""
    if counts[-1] < 2:
        return f"Figures of {repeats}{a_variant} (n = 1): small differences may be chance."
    spread = "± half of their 95 % confidence interval" if counts[-1] >= LEAST_RUNS else ""
    both = "with both values where n = 2" if 2 in counts else ""
    return f"Means of {repeats}{a_variant}{', '.join(f' {each}' for each in (spread, both) if each)}."


def setup_rows(runs: Mapping[str, Run]) -> list[dict[str, Any]]:
    """What all arms have in common once, and where they differ what each has."""
    by_arm = {arm: single.setup_of(run) for arm, run in runs.items()}
    names = dict.fromkeys(name for rows in by_arm.values() for name in rows)
    return [{"name": name, "lines": setup_lines(name, by_arm)} for name in names]


def setup_lines(name: str, by_arm: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    variants: dict[tuple[str, ...], list[str]] = {}
    for arm, rows in by_arm.items():
        variants.setdefault(tuple(rows.get(name, ["–"])), []).append(arm)
    if len(variants) == 1:
        return list(next(iter(variants)))
    return [f"{', '.join(arms)}: {'; '.join(lines)}" for lines, arms in variants.items()]


def decisions(study: Study) -> list[dict[str, str]]:
    """The decisions of the middle repeat, where the experiment has one arm."""
    run = study.middle.get(study.arms[0].name) if len(study.arms) == 1 else None
    return single.decision_rows(run.decisions, MOST_DECISIONS) if run is not None else []


def signature_caption(study: Study, shown: Mapping[str, Run]) -> str:
    """Which runs the figure shows, and why it lacks a panel."""
    lost = any(set(run.requests["outcome"]) > {"served"} for run in shown.values())
    nothing = "" if lost else " Everything was served, so there is no panel of losses."
    faults = {fault.kind for run in shown.values() for fault in series.faults(run)}
    broken = f" A dashed line × is a fault: {words.listed(sorted(faults))}, and which." if faults else ""
    if len(shown) == 1:
        (run,) = shown.values()
        return (
            f"The middle repeat, run {single.name_of(run)}; decisions are numbered as in their table.{nothing}{broken}"
        )
    which = f"The first {len(shown)} of {len(study.arms)} variants" if len(shown) < len(study.arms) else "The variants"
    runs = words.listed([single.name_of(run) for run in shown.values()])
    return f"{which} side by side, the middle repeat of each: runs {runs}.{nothing}{broken}"


def range_words(counts: Sequence[int]) -> str:
    """How often something was run: `once (n = 1)`, or `1 to 3 times`."""
    if counts[-1] < 2:
        return "once (n = 1)"
    return f"{counts[-1]} times" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} times"
