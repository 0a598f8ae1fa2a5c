"""The key figures of a run, from its journal and its requests.

What the load generator counts, it counts itself (loadgen.summary), latency from the due time included; here the fleet's
side is added, and what lies in experiments.metrics.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.journal import Event
from experiments.metrics.capacity import Capacity, capacity_of
from experiments.metrics.causes import causes_of, counts_by_cause
from experiments.metrics.course import course_of
from experiments.metrics.demand import lasting
from experiments.metrics.elasticity import Elasticity, contradictory_actions, elasticity
from experiments.metrics.service import SLO, first_after_zero_ms, recovery_s, spells, time_to_adapt_s, violation_s
from experiments.oracle import Steps, demand, oracle_of, over
from loadgen.ledger import Record
from loadgen.summary import Summary
from loadgen.summary import summarise as summarise_requests


def read_requests(path: Path, origin_s: float) -> list[Record]:
    """The load generator's records in order of their due times, moved from the machine's clock to the journal's. Raises
    ValueError, or KeyError for a column that is missing."""

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


def policy_of(events: Iterable[Event]) -> dict[str, Any]:
    """The policy file in force, with all defaults; empty where the journal does not tell."""
    return next((event["policy"] for event in events if event["event"] == "start"), {})


def samples(events: Iterable[Event]) -> pd.DataFrame:
    """One row a tick, columns as in the journal."""
    return pd.DataFrame([event for event in events if event["event"] == "tick"]).drop(columns=["event"])


def summarise(events: Sequence[Event], records: Sequence[Record], duration_s: float) -> dict[str, Any]:
    """The figures of one run whose instances serve what their rate limit says, see Account."""
    return Account(events, records, capacity_of(policy_of(events))).figures(duration_s)


@dataclass(frozen=True)
class Account:
    """A run's journal; its requests in the order of their due times, on the journal's axis; what its instances can
    serve, None where that is not known; and what follows from these."""

    events: Sequence[Event]
    records: Sequence[Record]
    capacity: Capacity | None

    @cached_property
    def needed(self) -> Steps:
        """The instances that are needed at any time; there must be a capacity."""
        assert self.capacity is not None
        return demand((record.due_s for record in self.records), self.capacity)

    @cached_property
    def oracle(self) -> Steps | None:
        """The oracle for what was due, within the policy's minimum, from the first tick to the last; None where there
        is none, or no capacity. It waits for an instance as long as this run did (median)."""
        span_s = self._ticks_s
        if self.capacity is None or span_s is None:
            return None
        waits_ms = [event["total_ms"] for event in self.events if "total_ms" in event]
        boot_s = float(np.median(waits_ms)) / 1000 if waits_ms else 0.0
        return oracle_of(self.needed, boot_s, span_s, policy_of(self.events)["instances"]["min"])

    @cached_property
    def demand(self) -> Steps | None:
        """The instances needed, from the first tick to the last; None as for the oracle."""
        span_s = self._ticks_s
        if self.capacity is None or span_s is None:
            return None
        return lasting(self.needed, span_s)

    @cached_property
    def causes(self) -> list[str]:
        """Why each request was not served, "" for one that was."""
        return causes_of(self.events, self.records, self.demand)

    @property
    def _ticks_s(self) -> tuple[float, float] | None:
        ticks_s = [event["t_s"] for event in self.events if event["event"] == "tick"]
        return (ticks_s[0], ticks_s[-1]) if ticks_s else None

    @property
    def load_s(self) -> tuple[float, float]:
        """The first due time and the last one."""
        return (self.records[0].due_s, self.records[-1].due_s) if self.records else (0.0, 0.0)

    def figures(self, duration_s: float) -> dict[str, Any]:
        """The key figures; `duration_s` is the load's."""
        fleet, requests = fleet_figures(self.events), self.request_figures(duration_s)
        return {
            **requests,
            "served_rps": round(requests["served"] / duration_s, 3),
            **fleet,
            **oracle_figures(fleet["instance_seconds"], self.oracle),
            **self._elasticity_figures(),
            **self.service_figures(),
        }

    def request_figures(self, duration_s: float) -> dict[str, Any]:
        """What became of the requests, and why some were not served."""
        figures = request_figures(summarise_requests(self.records, duration_s))
        return {**figures, "not_served_by_cause": counts_by_cause(self.causes)}

    def _elasticity_figures(self) -> dict[str, Any]:
        """From the first request's due time to the last one's; what needs the demand is None without one."""
        figures: dict[str, Any] = {field.name: None for field in fields(Elasticity)}
        start_s, end_s = span_s = self.load_s
        if start_s < end_s:
            supply = course_of(self.events).in_service
            figures["mean_in_service_instances"] = over(supply, span_s).instance_seconds / (end_s - start_s)
            if self.demand is not None:
                figures = asdict(elasticity(self.demand, supply, span_s))
        return {name: None if value is None else round(value, 4) for name, value in figures.items()}

    def service_figures(self) -> dict[str, Any]:
        """How the service level objective was kept, and how steadily it was decided."""
        decisions = [(event["t_s"], event["wanted"] - event["was"])
                     for event in self.events if event["event"] == "decision"]  # fmt: skip
        slo, (start_s, end_s) = SLO(), self.load_s
        found = spells(self.records, slo)
        first_ms = first_after_zero_ms(self.records, course_of(self.events).in_service)
        adapted_s = time_to_adapt_s(found, [t_s for t_s, change in decisions if change > 0 and start_s <= t_s <= end_s])
        return {
            "contradictory_actions": contradictory_actions(decisions),
            "time_to_adapt_s": None if adapted_s is None else round(adapted_s, 4),
            "recovery_s": recovery_s(found),
            "first_after_zero_ms": None if first_ms is None else round(first_ms, 2),
            "slo_violation_s": violation_s(found),
            "slo": slo.model_dump(),
        }

    def write(self, folder: Path) -> None:
        """The tables of a run's folder: requests.csv, samples.csv, and oracle.csv and demand.csv where known."""
        self.write_requests(folder)
        samples(self.events).to_csv(folder / "samples.csv", index=False)
        for name, steps in (("oracle", self.oracle), ("demand", self.demand)):
            if steps is not None:
                write_steps(folder / f"{name}.csv", steps)

    def write_requests(self, folder: Path) -> None:
        """What became of the requests."""
        write_requests(folder / "requests.csv", self.records, self.causes)


def write_requests(path: Path, records: Iterable[Record], causes: Iterable[str]) -> None:
    """One row a request, times in seconds on the journal's axis; and why it was not served, empty where it was."""
    frame = pd.DataFrame(records, columns=list(Record._fields)).assign(cause=list(causes))
    frame.to_csv(path, index=False, float_format="%.6f")


def write_steps(path: Path, steps: Steps) -> None:
    """One row a step: from when on, how many instances; the last row is the end."""
    rows = [*zip(steps.times_s, steps.counts, strict=True), (steps.end_s, steps.counts[-1])]
    pd.DataFrame(rows, columns=["t_s", "instances"]).to_csv(path, index=False, float_format="%.6f")


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
        "in_service_end": int(ticks["in_service"].iloc[-1]),
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


def oracle_figures(instance_seconds: float, steps: Steps | None) -> dict[str, float | None]:
    """What the oracle's fleet costs, and how many times that the run's fleet cost."""
    if steps is None or not steps.instance_seconds:
        return {"oracle_instance_seconds": None, "cost_ratio": None}
    least_s = steps.instance_seconds
    return {"oracle_instance_seconds": round(least_s, 1), "cost_ratio": round(instance_seconds / least_s, 3)}


def _percentiles(name: str, values: Sequence[float], ranks: Sequence[int]) -> dict[str, float | None]:
    return {f"{name}_p{rank}": round(float(np.percentile(values, rank)), 1) if values else None for rank in ranks}
