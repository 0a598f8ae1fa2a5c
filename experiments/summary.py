"""The key figures of a run, from its journal and its requests.

What the load generator counts, it counts itself (loadgen.summary), latency from the due time included; here the fleet's
side is added.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.oracle import Steps, oracle
from loadgen.ledger import Record
from loadgen.summary import Summary
from loadgen.summary import summarise as summarise_requests

Event = dict[str, Any]


def read_journal(path: Path) -> list[Event]:
    """The journal's events; a last line that was cut off is left out."""
    events = []
    for line in path.read_text().splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return events


def read_requests(path: Path, origin_s: float) -> list[Record]:
    """The load generator's records in order of their due times, moved from the machine's clock to the journal's."""

    def moved(time_s: str) -> float | None:
        return round(float(time_s) - origin_s, 6) if time_s else None

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    records = [
        Record(
            float(row["due_s"]) - origin_s,
            moved(row["sent_s"]),
            moved(row["done_s"]),
            row["kind"],
            int(row["status"]),
            row["outcome"],
            row["error"],
        )
        for row in rows
    ]
    return sorted(records, key=lambda record: record.due_s)


def write_requests(path: Path, records: Iterable[Record]) -> None:
    """One row a request, times in seconds on the journal's axis."""
    frame = pd.DataFrame(records, columns=list(Record._fields))
    frame.to_csv(path, index=False, float_format="%.6f")


def samples(events: Iterable[Event]) -> pd.DataFrame:
    """One row a tick, columns as in the journal."""
    return pd.DataFrame([event for event in events if event["event"] == "tick"]).drop(columns=["event"])


def summarise(events: Sequence[Event], records: Sequence[Record], duration_s: float) -> dict[str, Any]:
    """The figures of one run; `records` on the journal's time axis, `duration_s` is the load's."""
    load = summarise_requests(records, duration_s)
    fleet = fleet_figures(events)
    return {**request_figures(load), **fleet, **oracle_figures(fleet["instance_seconds"], oracle_of(events, records))}


def request_figures(load: Summary) -> dict[str, Any]:
    """Counts by outcome, latency of the served in milliseconds from the due time, and the generator's fitness."""
    latencies_s = load.latency_s or (None, None, None, None)
    lag_ms = None if load.lag_p99_s is None else round(1000 * load.lag_p99_s, 2)
    return {
        "offered": load.offered, "served": load.served, "rejected": load.rejected, "failed": load.failed,
        "dropped": load.dropped, "not_served_share": 1 - load.served / load.offered if load.offered else 0.0,
        "connection_errors": sum(count for reason, count in load.failures if not reason.startswith("status")),
        **{
            f"latency_ms_{rank}": None if value_s is None else round(1000 * value_s, 2)
            for rank, value_s in zip(("p50", "p95", "p99", "max"), latencies_s, strict=True)
        },
        "lag_ms_p99": lag_ms, "schedule_error": round(load.worst_bin, 4),
        "valid": not load.schedule_faults and load.offered > 0, "validity_note": "; ".join(load.schedule_faults),
    }  # fmt: skip


def fleet_figures(events: Sequence[Event]) -> dict[str, Any]:
    """Size and cost of the fleet, its decisions and reloads, and how long a decision took to take effect."""
    ticks = samples(events)
    changes = [event["wanted"] - event["was"] for event in events if event["event"] == "decision"]
    entered = [event for event in events if event.get("phase") == "IN_SERVICE" and "total_ms" in event]  # not returns
    first_ms = [event["since_decision_ms"] for event in events if event["event"] == "first_answer"]
    reloads_ms = [event["took_ms"] for event in events if event["event"] == "reload"]
    figures: dict[str, Any] = {
        "instance_seconds": instance_seconds(ticks),
        "in_service_max": int(ticks["in_service"].max()),
        "decisions_up": sum(change > 0 for change in changes),
        "decisions_down": sum(change < 0 for change in changes),
        "reloads": len(reloads_ms),
        "errors": sum(event["event"] == "error" for event in events),
    }
    figures |= _percentiles("reload_ms", reloads_ms, (50, 95))
    figures |= _percentiles("decision_to_in_service_ms", [event["total_ms"] for event in entered], (50, 95))
    figures |= _percentiles("decision_to_first_answer_ms", first_ms, (50, 95))
    for part in ("clone_ms", "address_ms", "application_ms", "balancer_ms"):
        figures |= _percentiles(part, [event[part] for event in entered if part in event], (50,))
    return figures


def instance_seconds(ticks: pd.DataFrame) -> float:
    """The area under the number of instances in service, each tick's number holding until the next."""
    return round(float((ticks["in_service"].iloc[:-1] * np.diff(ticks["t_s"])).sum()), 1)


def oracle_of(events: Sequence[Event], records: Sequence[Record]) -> Steps | None:
    """The oracle for what was due in this run, within the policy's minimum; None where an instance has no rate limit,
    for then its capacity is not known. It waits for an instance as long as this run did (median)."""
    policy: dict[str, Any] = next((event["policy"] for event in events if event["event"] == "start"), {})
    capacity_rps = policy.get("service", {}).get("rate_limit", 0)
    ticks_s = [event["t_s"] for event in events if event["event"] == "tick"]
    if not capacity_rps or not ticks_s:
        return None
    waits_ms = [event["total_ms"] for event in events if "total_ms" in event]
    boot_s = float(np.median(waits_ms)) / 1000 if waits_ms else 0.0
    span_s = (ticks_s[0], ticks_s[-1])
    return oracle((record.due_s for record in records), capacity_rps, boot_s, span_s, policy["instances"]["min"])


def oracle_figures(instance_seconds: float, steps: Steps | None) -> dict[str, float | None]:
    """What the oracle's fleet costs, and how many times that the run's fleet cost."""
    if steps is None or not steps.instance_seconds:
        return {"oracle_instance_seconds": None, "cost_ratio": None}
    least_s = steps.instance_seconds
    return {"oracle_instance_seconds": round(least_s, 1), "cost_ratio": round(instance_seconds / least_s, 3)}


def write_oracle(path: Path, steps: Steps) -> None:
    """One row a step: from when on, how many instances; the last row is the end."""
    rows = [*zip(steps.times_s, steps.counts, strict=True), (steps.end_s, steps.counts[-1])]
    pd.DataFrame(rows, columns=["t_s", "instances"]).to_csv(path, index=False, float_format="%.6f")


def _percentiles(name: str, values: Sequence[float], ranks: Sequence[int]) -> dict[str, float | None]:
    return {f"{name}_p{rank}": round(float(np.percentile(values, rank)), 1) if values else None for rank in ranks}
