"""From runs to the data that report.typ typesets: plain strings and lists, every number computed from its run."""

import platform
from datetime import datetime
from typing import Any

import pandas as pd

from experiments.loading import Run
from report import words

MOST_DECISIONS, MOST_LINES, CHARACTERS_A_LINE = 24, 25, 92
ENVIRONMENT = {
    "machine": {"cpu": "{}", "cores": "{} cores", "memory_gib": "{} GiB"},
    "host": {"distribution": "{}", "kernel": "Linux {}", "cgroup": "cgroup {}", "init": "init {}"},
    "containers and balancer": {"lxc": "LXC {}", "haproxy": "HAProxy {}"},
    "software": {"python": "Python {}", "flask": "Flask {}", "waitress": "Waitress {}", "locust": "Locust {}"},
    "project commit": {"commit": "{:.12}"},
}


def listed_decisions(reasons: list[str]) -> set[int]:
    """Numbers (from 1) of the decisions that the table lists, given all reasons in order.

    All of them if they fit beside the run's other tables on one page, otherwise the first and the last ones.
    """
    count = len(reasons)
    for most in range(min(count, MOST_DECISIONS), 1, -1):
        last = most // 3 if most < count else 0
        listed = {*range(1, most - last + 1), *range(count - last + 1, count + 1)}
        if sum(1 + len(reasons[number - 1]) // CHARACTERS_A_LINE for number in listed) <= MOST_LINES:
            return listed
    return {1} if count else set()


def decision_rows(decisions: pd.DataFrame) -> list[dict[str, str]]:
    """The listed decisions in words, and one row without a number that says how many were left out."""
    listed, rows = listed_decisions(decisions["reason"].astype(str).tolist()), []
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


def setup_rows(run: Run, name_machine: bool) -> list[dict[str, Any]]:
    """The set-up of a run: name and one or more lines of text; the machine only where runs were made on several."""
    shape = run.info.get("shape")
    shape = shape if isinstance(shape, dict) else {}
    rows = [
        ("load", [words.shape_words(shape)]),
        ("arrivals", [words.arrival_words(shape)]),
        ("rate limit", [words.service_words(run.policy)]),
        ("policy", words.policy_words(run.policy)),
        ("limits", [words.limit_words(run.policy)]),
        ("changes applied by", [words.plain(run.policy.get("apply", "–"))]),
        ("instances boot by", [words.plain(run.policy.get("boot", "–"))]),
        ("policy file", [words.plain(run.info.get("policy_file", "–"))]),
        *_time_scale(run),
        ("project commit", [words.plain(section(run, "versions").get("commit", "–"))[:12]]),
    ]
    rows += [("machine", [machine_line(run)])] if name_machine else []
    return [{"name": name, "lines": lines} for name, lines in rows]


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


def when(run: Run) -> datetime | None:
    """When the run started, or None if run.json does not hold an ISO time."""
    try:
        return datetime.fromisoformat(str(run.info.get("started")))
    except ValueError:
        return None


def date_words(run: Run) -> str:
    started = when(run)
    return f"{started.day} {started:%B %Y}" if started else run.run_id


def machine_line(run: Run) -> str:
    """The machine of a run in one line."""
    machine, versions = section(run, "machine"), section(run, "versions")
    parts = [
        words.plain(machine.get("cpu", "unknown processor")),
        f"{words.plain(machine.get('cores', '?'))} cores",
        f"{words.plain(machine.get('memory_gib', '?'))} GiB",
        f"Linux {words.plain(machine.get('kernel', '?'))}",
        f"LXC {words.plain(versions.get('lxc', '?'))}",
        f"HAProxy {words.plain(versions.get('haproxy', '?'))}",
    ]
    return ", ".join(parts)


def section(run: Run, name: str) -> dict[str, Any]:
    found = run.info.get(name)
    return found if isinstance(found, dict) else {}


def environment_rows(runs: list[Run]) -> list[list[str]]:
    """The environment table: name and value, or all values if runs differ; a run's set-up says which was its own."""
    rows = []
    for name, facts in ENVIRONMENT.items():
        values: dict[str, None] = {}  # a set that keeps its order
        for run in runs:
            found = {**section(run, "machine"), **section(run, "versions")}
            known = [form.format(words.plain(found[key])) for key, form in facts.items() if key in found]
            values[", ".join(known) or "–"] = None
        rows.append([name, "; ".join(values)])
    return [*rows, ["figures made with", f"Python {platform.python_version()}, pandas {pd.__version__}"]]


def overview_rows(runs: list[Run]) -> list[list[str]]:
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


def abstract(runs: list[Run]) -> list[str]:
    """The report's findings in numbers: a paragraph for the newest run, and one for the others if there are any."""
    newest, others = runs[0], runs[1:]
    shape = words.shape_words(section(newest, "shape"))
    opening = (
        "Tidebed clones and stops LXC containers behind HAProxy as the load asks for, on a single host. "
        f"This report shows {words.plural(len(runs), 'run')}{simulated_words(runs)}. "
        f"The newest is {name_of(newest)}; its load: {shape}. "
    )
    lines = [opening + finding(newest) + warning(newest)]
    if others:
        lost = [f"{name_of(run)} {words.share(run.summary.get('not_served_share'), 1.0)}" for run in others]
        lines.append(f"Requests not served in the other runs: {', '.join(lost)}.{''.join(map(warning, others))}")
    return lines


def name_of(run: Run) -> str:
    return words.run_name(run.run_id, run.simulated)


def simulated_words(runs: list[Run]) -> str:
    """How many of the runs are simulated, to go on in a sentence; empty where none is."""
    count = sum(run.simulated for run in runs)
    if len(runs) == count:
        return ", simulated" if count == 1 else ", all simulated"
    return f", {words.number(count)} of them simulated" if count else ""


def sentence(text: str) -> str:
    """`text` with a capital letter at its beginning and a full stop at its end."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def warning(run: Run) -> str:
    valid, _ = validity(run.summary)
    return f" Run {name_of(run)} is not valid: see its section." if valid is False else ""


def run_data(run: Run, runs: list[Run]) -> dict[str, Any]:
    """Everything that report.typ needs for the section of `run`, one of `runs`, but the figures."""
    valid, note = validity(run.summary)
    return {
        "id": run.run_id,
        "name": name_of(run),
        "title": str(run.info.get("title") or run.scenario),
        "hypothesis": str(run.info.get("hypothesis") or ""),
        "simulated": run.simulated,
        "date": f"{when(run):%Y-%m-%d %H:%M}" if when(run) else "",
        "duration": words.number(run.info.get("duration_s"), 0, " s"),
        "invalid": sentence(note or "The load generator did not keep its schedule") if valid is False else "",
        "finding": finding(run),
        "setup": setup_rows(run, name_machine=len({machine_line(other) for other in runs}) > 1),
        "key_figures": key_figures(run),
        "decisions": decision_rows(run.decisions),
    }
