"""A single run in plain strings and lists for the page, every number computed from the run."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from experiments.loading import Run
from report import environment, words

MOST_LINES, CHARACTERS_A_LINE = 25, 92


def listed_decisions(reasons: list[str], most_lines: int = MOST_LINES) -> set[int]:
    """Numbers (from 1) of the decisions that the table lists, given all reasons in order.

    All of them if they fit into so many lines, otherwise the first and the last ones.
    """
    count = len(reasons)
    for most in range(min(count, most_lines), 1, -1):
        last = most // 3 if most < count else 0
        listed = {*range(1, most - last + 1), *range(count - last + 1, count + 1)}
        if sum(1 + len(reasons[number - 1]) // CHARACTERS_A_LINE for number in listed) <= most_lines:
            return listed
    return {1} if count else set()


def listed(run: Run, most_lines: int = MOST_LINES) -> frozenset[int]:
    """The numbers of the decisions that the run's table lists and its figure names."""
    return frozenset(listed_decisions(run.decisions["reason"].astype(str).tolist(), most_lines))


def decision_rows(decisions: pd.DataFrame, most_lines: int = MOST_LINES) -> list[dict[str, str]]:
    """The listed decisions in words, and one row without a number that says how many were left out."""
    listed, rows = listed_decisions(decisions["reason"].astype(str).tolist(), most_lines), []
    gap = len(decisions) - len(listed)
    fields = decisions[["t_s", "was", "wanted", "reason"]].itertuples(index=False)
    for place, (t_s, was, wanted, reason) in enumerate(fields, start=1):
        if place in listed:
            change = f"{words.number(float(was))} → {words.number(float(wanted))}"
            mark = "up" if wanted > was else "down"
            row = {"number": str(place), "time": f"{t_s:.1f}", "change": change, "mark": mark, "reason": str(reason)}
            rows.append(row)
        elif place - 1 in listed:
            rows.append({"number": "", "reason": f"{words.plural(gap, 'more decision')} in journal.jsonl"})
    return rows


def validity(summary: dict[str, Any]) -> tuple[bool | None, str]:
    """Whether the load generator kept its schedule (None: the run does not say), and the runner's note."""
    nested = summary.get("validity")
    source = nested if isinstance(nested, dict) else summary
    valid = source.get("valid")
    note = summary.get("validity_note") or source.get("note") or source.get("validity_note") or ""
    return (valid if isinstance(valid, bool) else None), str(note)


def key_figures(run: Run) -> list[dict[str, str]]:
    """The key figures that the run's summary holds: name, value, share (of the offered requests, may be empty)."""
    found, offered = run.summary, run.summary.get("offered")
    rows = [{"name": "requests offered", "value": words.number(offered), "share": ""}]
    for name in ("served", "rejected", "failed", "dropped"):
        if name != "dropped" or found.get(name):
            label = f"{name} (429)" if name == "rejected" else name
            count = found.get(name)
            rows.append({"name": label, "value": words.number(count), "share": words.share(count, offered)})
    valid, _ = validity(found)
    kept = {True: "on schedule", False: "off schedule", None: "–"}[valid]
    pairs = [
        ("latency p50", words.milliseconds(found.get("latency_ms_p50"))),
        ("latency p95", words.milliseconds(found.get("latency_ms_p95"))),
        ("latency p99", words.milliseconds(found.get("latency_ms_p99"))),
        ("latency max", words.milliseconds(found.get("latency_ms_max"))),
        ("cost", words.number(found.get("instance_seconds"), 0, " instance-s")),
        ("the oracle’s cost", words.number(found.get("oracle_instance_seconds"), 0, " instance-s")),
        ("cost over the oracle’s", words.number(found.get("cost_ratio"), 2, " ×")),
        ("instances in service, max", words.number(found.get("in_service_max"))),
        ("decisions up", words.number(found.get("decisions_up"))),
        ("decisions down", words.number(found.get("decisions_down"))),
        ("reloads", words.number(found.get("reloads"))),
        ("decision to in service p50", words.milliseconds(found.get("decision_to_in_service_ms_p50"))),
        ("decision to in service p95", words.milliseconds(found.get("decision_to_in_service_ms_p95"))),
        ("decision to first answer p50", words.milliseconds(found.get("decision_to_first_answer_ms_p50"))),
        ("decision to first answer p95", words.milliseconds(found.get("decision_to_first_answer_ms_p95"))),
        ("load generator’s lag p99", words.milliseconds(found.get("lag_ms_p99"))),
        ("load generator", kept),
        ("errors in the journal", words.number(found.get("errors") or None)),
    ]
    return rows + [{"name": name, "value": value, "share": ""} for name, value in pairs if value != "–"]


def _time_scale(run: Run) -> list[tuple[str, list[str]]]:
    factor = run.info.get("time_scale", 1)
    told = f"passes {words.number(factor)} times faster for the policies: seconds in their reasons are their own"
    return [("time", [told])] if isinstance(factor, int | float) and factor != 1 else []


def setup_of(run: Run) -> dict[str, list[str]]:
    """What was set up for a run: name and one or more lines of text."""
    shape = environment.section(run.info, "shape")
    apply, boot = (words.plain(run.policy.get(key, "–")) for key in ("apply", "boot"))
    rows = [
        ("load", [words.shape_words(shape)]),
        ("requests", [words.arrival_words(shape)]),
        ("instance", [words.service_words(run.policy)]),
        ("policy", words.policy_words(run.policy)),
        ("fleet", [words.limit_words(run.policy)]),
        ("actions", [f"changes by {apply}, boots by {boot}"]),
        *_time_scale(run),
    ]
    return dict(rows)


def setup_rows(run: Run, name_machine: bool) -> list[dict[str, Any]]:
    """The set-up and where it comes from; the machine only where runs were made on several."""
    rows = setup_of(run) | {
        "seed": [words.plain(environment.section(run.info, "shape").get("seed", "–"))],
        "policy file": [words.plain(run.info.get("policy_file", "–"))],
        "project commit": [words.plain(environment.section(run.info, "versions").get("commit", "–"))[:12]],
    }
    rows |= {"machine": [environment.machine_line(run.info)]} if name_machine else {}
    return [{"name": name, "lines": lines} for name, lines in rows.items()]


def finding(run: Run) -> str:
    """What the run showed, in sentences of numbers."""
    found = run.summary
    p50, p95, p99 = (words.milliseconds(found.get(f"latency_ms_{name}")) for name in ("p50", "p95", "p99"))
    ups, downs = words.plural(found.get("decisions_up"), "decision"), words.number(found.get("decisions_down"))
    lines = [
        f"{served_words(found)} The median latency was {p50}, p95 {p95}, p99 {p99}.",
        f"The fleet reached {words.plural(found.get('in_service_max'), 'instance')} with {ups} up and {downs} down, "
        f"and cost {words.number(found.get('instance_seconds'))} instance-seconds;",
    ]
    took = found.get("decision_to_in_service_ms_p50")
    if took is None:
        lines[-1] = lines[-1].removesuffix(";") + "."
    else:
        late = words.milliseconds(found.get("decision_to_in_service_ms_p95"))
        lines.append(
            f"from a decision to a new instance in service it took {words.milliseconds(took)} (median; p95 {late})."
        )
    return " ".join(lines)


def served_words(found: dict[str, Any]) -> str:
    """How many of the offered requests were served, and what became of the others."""
    offered, served = found.get("offered"), found.get("served")
    if offered and offered == served:
        return f"All {words.plural(offered, 'offered request')} were served."
    rejected, failed = (words.share(found.get(name), offered) for name in ("rejected", "failed"))
    return (
        f"Of {words.plural(offered, 'offered request')} {words.share(served, offered)} were served and "
        f"{words.share(found.get('not_served_share'), 1.0)} were not (rejected {rejected}, failed {failed})."
    )


def overview_rows(runs: Sequence[Run]) -> list[list[str]]:
    """One row a run for the comparison table."""
    rows = []
    for run in runs:
        found = run.summary
        offered = found.get("offered")
        rows.append(
            [
                name_of(run),
                words.number(offered),
                words.share(found.get("rejected"), offered),
                words.share(found.get("failed"), offered),
                words.milliseconds(found.get("latency_ms_p95")),
                words.number(found.get("in_service_max")),
                words.number(found.get("instance_seconds")),
                words.number(found.get("cost_ratio"), 2),
                {True: "yes", False: "no", None: "–"}[validity(found)[0]],
            ]
        )
    return rows


def name_of(run: Run) -> str:
    return words.run_name(run.run_id, run.simulated)


def run_data(run: Run, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything that report.typ needs for the section of `run`, one of `runs`, but the figures."""
    valid, note = validity(run.summary)
    return {
        "id": run.run_id,
        "name": name_of(run),
        "title": str(run.info.get("title") or run.scenario),
        "hypothesis": str(run.info.get("hypothesis") or ""),
        "simulated": run.simulated,
        "simulated_note": f"No container ran. {model_words(run.info)}" if run.simulated else "",
        "date": f"{environment.when(run.info):%Y-%m-%d %H:%M}" if environment.when(run.info) else "",
        "duration": words.number(run.info.get("duration_s"), 0, " s"),
        "invalid": words.sentence(note or "The load generator did not keep its schedule") if valid is False else "",
        "finding": finding(run),
        "setup": setup_rows(run, name_machine=len({environment.machine_line(other.info) for other in runs}) > 1),
        "key_figures": key_figures(run),
        "decisions": decision_rows(run.decisions),
        "signature_caption": signature_caption(run),
    }


def signature_caption(run: Run) -> str:
    lost = (
        "" if set(run.requests["outcome"]) > {"served"} else " Everything was served, so there is no panel of losses."
    )
    return (
        f"Run {name_of(run)} over time; decisions are numbered as in their table.{lost} Where a bin holds fewer than a "
        "hundred requests, its p99 is close to its slowest."
    )


def model_words(info: dict[str, Any]) -> str:
    """Where a simulated run's figures of instances, balancer and requests come from."""
    told = environment.section(environment.section(info, "simulation"), "parameters")
    source = f": {words.plain(told['all'])}" if "all" in told else ""
    machine = environment.section(info, "machine")
    where = f"{words.plain(machine.get('cpu', '?'))}, {words.plain(machine.get('cores', '?'))} cores"
    return f"The controller’s own loop decided in virtual time, on a model of {where}{source}."
