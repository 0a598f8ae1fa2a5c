"""The table of expectations: what was measured under which policy, how often, and what came of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.loading import Run
from experiments.metrics.elasticity import CONTRADICTION_S
from experiments.metrics.service import SLO
from experiments.records import BrokenRun, read_mapping
from report import words
from report.study import Study

DEFAULT_FILE = "rules.yaml"
MOST_POLICIES = 3  # that are named
BAD = f"less than {100 * SLO().share:g} % of the requests were served within {SLO().latency_ms:g} ms"
GLOSSARY = {
    "slo_violation_s": f"time in violation: seconds in which {BAD}",
    "recovery_s": f"recovery time: the longest spell of seconds in which {BAD}",
    "contradictory_actions": f"contradictory actions: decisions that undo the one before within {CONTRADICTION_S:g} s",
    "decision_to_in_service_ms_p50": "time from decision to service: until the balancer gives a new instance requests",
    "latency_ms_p95": "p95 latency: 95 % of the served requests took at most so long",
}  # fmt: skip


def verdicts_data(studies: Sequence[Study]) -> dict[str, Any]:
    """A group of rows an experiment, and the words that its figures need."""
    asked = [study for study in studies if study.verdicts]
    figures = dict.fromkeys(each.figure for study in asked for each in study.experiment.expect)
    told = [GLOSSARY[figure] for figure in figures if figure in GLOSSARY]
    glossary = words.sentence("; ".join(told)) if told else ""
    return {"studies": [study_rows(study) for study in asked], "glossary": glossary}


def study_rows(study: Study) -> dict[str, Any]:
    return {
        "label": f"experiment-{study.name}",
        "title": study.experiment.title,
        "how": ", ".join(part for part in (policy_words(study), runs_words(study)) if part),
        "rows": [
            {
                "measured": words.tidy(verdict.measured),
                "expected": words.tidy(verdict.expected),
                "verdict": verdict.outcome,
                "unsure": verdict.open or verdict.few,
            }
            for verdict in study.verdicts
        ],
    }


def policy_words(study: Study) -> str:
    """Which policy decided, where that is one or a few."""
    kinds = list(dict.fromkeys(policy_of(run, study.results) for run in study.middle.values()))
    return words.listed(kinds) if 0 < len(kinds) <= MOST_POLICIES and all(kinds) else ""


def policy_of(run: Run, results: Path) -> str:
    """Its kind; that of the default policy file is called so."""
    algorithm = run.policy.get("policy")
    kind = next(iter(algorithm), "") if isinstance(algorithm, dict) else ""
    return f"default {kind}" if kind and is_default(run, results / run.run_id / f"given-{DEFAULT_FILE}") else str(kind)


def is_default(run: Run, given: Path) -> bool:
    """Did the policy of the default file decide, and not one that the scenario put in its place?"""
    try:
        return read_mapping(given).get("policy") == run.policy.get("policy")
    except BrokenRun:
        return False


def runs_words(study: Study) -> str:
    counts = sorted({arm.n_valid for arm in study.arms})
    told = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    return f"{told}, simulated" if len(study.simulated) == len(study.arms) else told
