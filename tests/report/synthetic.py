"""A made-up but plausible run folder: a ramp from 5 to 100 and back to 5 requests per second, for these tests only."""

import csv
import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import yaml

LOW_RPS, PEAK_RPS, DURATION_S, LOAD_STARTS_S = 5.0, 100.0, 180.0, 6.0
RATE_LIMIT_RPS, TICK_S = 10.0, 0.5

POLICY: dict[str, Any] = {
    "instances": {"min": 1, "max": 20, "standby": 0},
    "tick_s": TICK_S,
    "apply": "reload",
    "boot": "exec",
    "service": {"rate_limit": 10, "overload": "reject"},
    "policy": {
        "rules": [
            {"when": {"metric": "rate_per_instance", "above": 10, "for_s": 2}, "then": {"add": "10%"}},
            {"when": {"metric": "rate_per_instance", "below": 4, "for_s": 10}, "then": {"remove": 1}, "cooldown_s": 5},
        ]
    },
}
INFO: dict[str, Any] = {
    "scenario": "ramp",
    "title": "Ramp to 100 requests per second and back",
    "hypothesis": "A rule with its threshold at the rate limit keeps the rejected share under 2 % on a slow ramp.",
    "kind": "real",
    "status": "complete",
    "started": "2026-11-21T03:15:00+00:00",
    "duration_s": 196.0,
    "shape": {
        "kind": "ramp", "low_rps": 5, "peak_rps": 100, "duration_s": 180, "arrivals": "even", "seed": 1,
        "integral_share": 0.1,
    },
    "policy_file": "rules.yaml",
    "machine": {
        "cpu": "Example CPU 3.0 GHz", "cores": 4, "memory_gib": 15.6, "kernel": "6.1.0-18-amd64",
        "distribution": "Debian GNU/Linux 12", "cgroup": "v2", "init": "systemd",
    },
    "versions": {
        "lxc": "5.0.2", "haproxy": "2.6.12", "python": "3.11.2", "locust": "2.43.0", "flask": "3.1.2",
        "commit": "0123456789abcdef",
    },
}  # fmt: skip


def rate_rps(load_s: float) -> float:
    """The ramp's offered rate `load_s` seconds after the load began."""
    if not 0 <= load_s <= DURATION_S:
        return 0.0
    half_s = DURATION_S / 2
    return LOW_RPS + (PEAK_RPS - LOW_RPS) * (1 - abs(load_s - half_s) / half_s)


class Fleet:
    """The instances as a list of times at which each entered service, and the journal that they cause."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.journal: list[dict[str, Any]] = []
        self.pending: list[tuple[float, str]] = []
        self.serving = ["web-1"]
        self.named = 1

    def add(self, t_s: float) -> None:
        self.named += 1
        name = f"web-{self.named}"
        stages = {"clone_ms": 48.0, "address_ms": 21.0, "application_ms": 215.0, "balancer_ms": 62.0}
        spread = {key: round(value * self.rng.uniform(0.85, 1.4), 1) for key, value in stages.items()}
        total_ms = round(sum(spread.values()) + self.rng.uniform(2, 9), 1)
        done_s = t_s + total_ms / 1000
        self.journal.append({"t_s": t_s, "event": "instance", "instance": name, "phase": "BOOTING", "reason": "wanted"})
        self.reload(done_s - 0.05)
        in_service = {"event": "instance", "instance": name, "phase": "IN_SERVICE", "reason": "healthy"}
        self.journal.append({"t_s": done_s, **in_service, **spread, "total_ms": total_ms})
        since_ms = round(total_ms + self.rng.uniform(5, 90), 1)
        answer = {"event": "first_answer", "instance": name, "since_decision_ms": since_ms}
        self.journal.append({"t_s": t_s + since_ms / 1000, **answer})
        self.pending.append((done_s, name))

    def remove(self, t_s: float) -> None:
        name = self.serving.pop()
        for phase in ("DRAINING", "GONE"):
            self.journal.append({"t_s": t_s, "event": "instance", "instance": name, "phase": phase, "reason": "spare"})
        self.reload(t_s + 0.05)

    def reload(self, t_s: float) -> None:
        took_ms = round(self.rng.uniform(48, 95), 1)
        members = len(self.serving)
        self.journal.append({"t_s": t_s, "event": "reload", "took_ms": took_ms, "ok": True, "members": members})


def drive(fleet: Fleet) -> list[tuple[float, int]]:
    """Run the two rules over the ramp; returns (t_s, instances in service) a tick."""
    wanted, above_s, below_s, moved_s, supply = 1, 0.0, 0.0, -99.0, []
    fleet.journal.append({"t_s": 0.0, "event": "start", "monotonic_s": 1234.5, "time": INFO["started"]})
    for number in range(int((LOAD_STARTS_S + DURATION_S + 10) / TICK_S)):
        t_s = number * TICK_S
        fleet.serving += [name for ready_s, name in fleet.pending if ready_s <= t_s]
        fleet.pending = [item for item in fleet.pending if item[0] > t_s]
        offered = rate_rps(t_s - LOAD_STARTS_S)
        each = offered / len(fleet.serving)
        above_s = above_s + TICK_S if each > 10 else 0.0
        below_s = below_s + TICK_S if each < 4 else 0.0
        was = wanted
        if above_s >= 2 and not fleet.pending:
            wanted, above_s, reason = wanted + 1, 0.0, f"rate_per_instance {each:.1f}/s above 10 for 2 s: +10 %"
        elif below_s >= 10 and t_s - moved_s >= 5 and wanted > 1:
            wanted, moved_s, reason = wanted - 1, t_s, f"rate_per_instance {each:.1f}/s below 4 for 10 s: -1"
        fleet.journal.append(tick(t_s, offered, fleet, wanted))
        if wanted != was:
            fleet.journal.append({"t_s": t_s, "event": "decision", "was": was, "wanted": wanted, "reason": reason})
            fleet.add(t_s) if wanted > was else fleet.remove(t_s)
        supply.append((t_s, len(fleet.serving)))
    fleet.journal.append({"t_s": supply[-1][0] + 0.1, "event": "stop"})
    return supply


def tick(t_s: float, offered: float, fleet: Fleet, wanted: int) -> dict[str, Any]:
    served = min(offered, len(fleet.serving) * RATE_LIMIT_RPS)
    return {
        "t_s": t_s, "event": "tick", "offered_rps": round(offered, 2), "served_rps": round(served, 2),
        "rejected_rps": round(offered - served, 2), "failed_rps": 0.0, "queue_requests": 0, "in_flight_requests": 1,
        "latency_ms_p50": None, "latency_ms_p95": None, "latency_ms_p99": None, "cpu_percent": 12.0,
        "booting": len(fleet.pending), "standby": 0, "in_service": len(fleet.serving), "draining": 0,
        "wanted": wanted, "sentence": "steady",
    }  # fmt: skip


def needed_steps() -> list[tuple[float, int]]:
    """From when on how many instances the ramp needs, by the second; the last row is the end."""
    needed = [(LOAD_STARTS_S + second, math.ceil(rate_rps(second) / RATE_LIMIT_RPS)) for second in range(181)]
    changes = [step for step, before in zip(needed[1:], needed, strict=False) if step[1] != before[1]]
    return [needed[0], *changes, (LOAD_STARTS_S + DURATION_S, 0)]


def arrivals_s() -> list[float]:
    """Evenly spread arrivals: one whenever the integral of the rate passes a whole number and a half."""
    times: list[float] = []
    integral, step_s = 0.0, 0.001
    for number in range(int(DURATION_S / step_s)):
        integral += rate_rps((number + 0.5) * step_s) * step_s
        if integral >= len(times) + 0.5:
            times.append(number * step_s)
    return times


def answer(due_s: float, supply: list[tuple[float, int]], used: dict[int, int], rng: random.Random) -> list[Any]:
    """One row of requests.csv; `used` counts the answers in each second, to apply the rate limit."""
    sent_s = due_s + rng.expovariate(1 / 0.0008)
    instances = supply[min(int(due_s / TICK_S), len(supply) - 1)][1]
    second = int(due_s)
    load = used.get(second, 0) / (instances * RATE_LIMIT_RPS)
    used[second] = used.get(second, 0) + 1
    if load >= 1 or rng.random() < max(0.0, load - 0.72) * 0.35:
        return [due_s, sent_s, sent_s + 0.002, "object", 429, "rejected", ""]
    if rng.random() < 0.0004:
        return [due_s, sent_s, sent_s + 0.03, "object", 503, "failed", "503"]
    took_s = rng.lognormvariate(-5.4, 0.35) * (1 + load) + (0.06 if rng.random() < 0.012 else 0.0)
    return [due_s, sent_s, sent_s + took_s, "object", 200, "served", ""]


def at(ordered: list[float], share: float) -> float:
    return round(float(ordered[int(share * (len(ordered) - 1))]), 1)


def summarise(rows: list[list[Any]], fleet: Fleet, supply: list[tuple[float, int]]) -> dict[str, Any]:
    counts = {name: sum(row[5] == name for row in rows) for name in ("served", "rejected", "failed", "dropped")}
    latency = sorted((row[2] - row[0]) * 1000 for row in rows if row[5] == "served")
    moves = [event for event in fleet.journal if event["event"] == "decision"]
    times = sorted(e["total_ms"] for e in fleet.journal if "total_ms" in e)
    answers = sorted(e["since_decision_ms"] for e in fleet.journal if e["event"] == "first_answer")
    return {
        "offered": len(rows), **counts, "not_served_share": 1 - counts["served"] / len(rows),
        "latency_ms_p50": at(latency, 0.5), "latency_ms_p95": at(latency, 0.95), "latency_ms_p99": at(latency, 0.99),
        "latency_ms_max": at(latency, 1), "instance_seconds": round(sum(n for _, n in supply) * TICK_S, 1),
        "in_service_max": max(n for _, n in supply), "decisions_up": sum(m["wanted"] > m["was"] for m in moves),
        "decisions_down": sum(m["wanted"] < m["was"] for m in moves),
        "reloads": sum(e["event"] == "reload" for e in fleet.journal),
        "decision_to_in_service_ms_p50": at(times, 0.5), "decision_to_in_service_ms_p95": at(times, 0.95),
        "decision_to_first_answer_ms_p50": at(answers, 0.5), "decision_to_first_answer_ms_p95": at(answers, 0.95),
        "lag_ms_p99": 4.2, "valid": True, "validity_note": "",
    }  # fmt: skip


def write_run(results: Path, run_id: str = "20261121-031500-ramp", **info: Any) -> dict[str, Any]:
    """Write results/<run-id>/ and return its summary; `info` replaces fields of run.json."""
    rng = random.Random(run_id)
    fleet = Fleet(rng)
    supply = drive(fleet)
    used: dict[int, int] = {}
    rows = [answer(LOAD_STARTS_S + due_s, supply, used, rng) for due_s in arrivals_s()]
    summary = summarise(rows, fleet, supply)
    folder = results / run_id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"run_id": run_id, **INFO, **info}))
    (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY))
    (folder / "summary.json").write_text(json.dumps(summary))
    events = sorted(fleet.journal, key=lambda event: float(event["t_s"]))
    (folder / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (folder / "demand.csv").write_text("t_s,instances\n" + "".join(f"{t_s:.6f},{n}\n" for t_s, n in needed_steps()))
    with (folder / "requests.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["due_s", "sent_s", "done_s", "kind", "status", "outcome", "error"])
        writer.writerows([[round(v, 4) if isinstance(v, float) else v for v in row] for row in rows])
    return summary


def experiment(name: str, arm: str, arms: list[str], repeat: int, repeats: int, **changes: Any) -> dict[str, Any]:
    """The field `experiment` of a run.json."""
    return {
        "name": name, "title": f"The {name} experiment", "hypothesis": f"What {name} should show.", "arm": arm,
        "arms": arms, "repeat": repeat, "repeats": repeats, "set": "standard", "order": 1, "expect": [], **changes,
    }  # fmt: skip


def copy_run(results: Path, source: Path, run_id: str, info: dict[str, Any], summary: dict[str, Any]) -> Path:
    """A copy of a run with other fields in its run.json and its summary.json."""
    folder = results / run_id
    shutil.copytree(source, folder)
    for name, changes in (("run.json", {"run_id": run_id, **info}), ("summary.json", summary)):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **changes}))
    return folder


def write_experiment(
    results: Path, source: Path, name: str, figures: dict[str, list[dict[str, Any]]], **changes: Any
) -> list[Path]:
    """Runs of an experiment as copies of one run: for each arm the summary's figures of each repeat. `changes` are of
    the field `experiment`, or of the whole run.json where they are `kind` or `faults`."""
    whole: dict[str, Any] = {key: changes.pop(key) for key in ("kind", "faults") if key in changes}
    arms, repeats = changes.pop("arms", list(figures)), max(map(len, figures.values()))
    folders = []
    for arm, summaries in figures.items():
        for repeat, summary in enumerate(summaries, start=1):
            told = experiment(name, arm, arms, repeat, repeats, **changes)
            slug = "-".join(part for part in (name, arm.replace("/", "-"), str(repeat)) if part)
            run_id = f"{source.name[:15]}-{slug}"
            folders.append(copy_run(results, source, run_id, {"experiment": told, **whole}, summary))
    return folders
