"""Time series from a run's frames: pure functions, seconds on one axis, nothing drawn here."""

import math
from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from experiments.loading import Run
from experiments.metrics.capacity import WINDOW_S

Floats = npt.NDArray[np.float64]

NICE_WIDTHS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Fault(NamedTuple):
    """Something that was broken on purpose: when, on the journal's axis, what kind of fault it was, and what it hit."""

    t_s: float
    kind: str
    target: str


def faults(run: Run) -> list[Fault]:
    found = run.info.get("faults") or []
    return [
        Fault(float(each["t_s"]), str(each["kind"]).replace("-", " "), str(each["target"] or "nothing there"))
        for each in found
    ]


def bin_edges(start_s: float, end_s: float, width_s: float) -> Floats:
    """Edges of bins of `width_s` that cover [start_s, end_s], aligned to whole multiples of the width."""
    first = math.floor(start_s / width_s)
    last = max(first + 1, math.ceil(end_s / width_s + 1e-9))
    return np.arange(first, last + 1, dtype=np.float64) * width_s


def bin_width_s(span_s: float, most_bins: int = 240) -> float:
    """The smallest round bin width that cuts `span_s` into at most `most_bins` bins."""
    longest_s = NICE_WIDTHS_S[-1]
    multiple_s = longest_s * math.ceil(span_s / most_bins / longest_s)
    return next((width for width in NICE_WIDTHS_S if span_s / width <= most_bins), multiple_s)


def rate_per_bin(times_s: "pd.Series[float]", edges_s: Floats) -> Floats:
    """Events per second in each bin (length len(edges_s) - 1)."""
    counts, _ = np.histogram(times_s.dropna().to_numpy(dtype=np.float64), bins=edges_s)
    return np.asarray(counts / np.diff(edges_s), dtype=np.float64)


def outcome_times(requests: pd.DataFrame, outcome: str) -> "pd.Series[float]":
    """When each request with this outcome ended, in seconds; when it was due, if it never ended."""
    chosen = requests[requests["outcome"] == outcome]
    return chosen["done_s"].fillna(chosen["due_s"])


def needed_instances(run: Run) -> pd.DataFrame | None:
    """The demand as a staircase t_s, needed; None where the run does not tell it."""
    return run.demand.rename(columns={"instances": "needed"}) if len(run.demand) else None


def static_loss(due_s: "pd.Series[float]", rate_limit_rps: float, instances: int) -> float:
    """The share of these requests that a fixed number of instances would refuse, if the balancer spread them ideally:
    together they answer so many requests in any second as their rate limits allow."""
    most, accepted, refused = int(rate_limit_rps * instances), deque[float](), 0
    for t_s in np.sort(due_s.to_numpy(dtype=np.float64)):
        while accepted and accepted[0] <= t_s - WINDOW_S + 1e-9:
            accepted.popleft()
        if len(accepted) < most:
            accepted.append(t_s)
        else:
            refused += 1
    return refused / max(len(due_s), 1)


def wanted_changes(run: Run, shadow: str | None) -> pd.DataFrame:
    """The instances that the acting policy (None) or a shadow wanted: t_s, wanted; a row where the number changes."""
    if shadow is not None:
        return run.shadows.loc[run.shadows["name"] == shadow, ["t_s", "wanted"]].reset_index(drop=True)
    ticks = run.ticks[["t_s", "wanted"]].dropna()
    return ticks[ticks["wanted"].diff() != 0].reset_index(drop=True)


def area(steps: pd.DataFrame, end_s: float) -> float:
    """The area below a staircase t_s, wanted from its first step until `end_s`."""
    spans_s = np.diff([*steps["t_s"], end_s])
    return float((steps["wanted"].to_numpy(dtype=np.float64) * spans_s).sum())


def value_at(times_s: Floats, steps_t_s: Floats, steps_value: Floats) -> Floats:
    """A staircase's value at each time: that of the last step at or before it, 0 before the first step."""
    index = np.searchsorted(steps_t_s, times_s, "right") - 1
    return np.asarray(np.where(index >= 0, steps_value[np.maximum(index, 0)], 0.0), dtype=np.float64)


def provision(needed: pd.DataFrame, ticks: pd.DataFrame) -> pd.DataFrame:
    """Both staircases on the union of their steps: t_s, needed, in_service, under, over; a row holds until the next.

    `under` and `over` are what lacks and what is too much; at most one of them is above zero.
    """
    supply = ticks[["t_s", "in_service"]].dropna()
    supply_t_s = supply["t_s"].to_numpy(dtype=np.float64)
    need_t_s = needed["t_s"].to_numpy(dtype=np.float64)
    times_s = np.union1d(supply_t_s, need_t_s)
    want = value_at(times_s, need_t_s, needed["needed"].to_numpy(dtype=np.float64))
    have = value_at(times_s, supply_t_s, supply["in_service"].to_numpy(dtype=np.float64))
    return pd.DataFrame(
        {
            "t_s": times_s,
            "needed": want,
            "in_service": have,
            "under": np.maximum(want - have, 0.0),
            "over": np.maximum(have - want, 0.0),
        }
    )


def latencies_ms(requests: pd.DataFrame) -> Floats:
    """Milliseconds from the due time to the end of the answer, of served requests in the order of their due times."""
    served = requests[(requests["outcome"] == "served") & requests["done_s"].notna()]
    return ((served["done_s"] - served["due_s"]) * 1000.0).to_numpy(dtype=np.float64)


def in_service_ms(run: Run) -> list[float]:
    """Decision to service of the instances ordered under load."""
    return under_load(run, run.starts, "total_ms")


def first_answers_ms(run: Run) -> list[float]:
    """Decision to first answer of the instances ordered under load: before, they wait for the load."""
    return under_load(run, run.first_answers, "since_decision_ms")


def under_load(run: Run, events: pd.DataFrame, column: str) -> list[float]:
    """The durations in `column`, which end at the events' times, of those that began when requests were due."""
    known = events.dropna(subset=[column])
    began_s = known["t_s"] - known[column] / 1000
    return [float(value) for value in known.loc[began_s >= run.requests["due_s"].min(), column] if value > 0]


def latency_per_bin(requests: pd.DataFrame, edges_s: Floats) -> pd.DataFrame:
    """Latency of served requests from their due time: t_s (bin centre), p50, p95, p99 in ms; NaN in empty bins."""
    served = requests[(requests["outcome"] == "served") & requests["done_s"].notna()]
    latency_ms = latencies_ms(requests)
    place = np.digitize(served["due_s"].to_numpy(dtype=np.float64), edges_s) - 1
    rows = np.full((len(edges_s) - 1, 3), np.nan)
    for number in np.unique(place[(place >= 0) & (place < len(rows))]):
        rows[number] = np.percentile(latency_ms[place == number], (50, 95, 99))
    frame = pd.DataFrame(rows, columns=["p50", "p95", "p99"])
    frame.insert(0, "t_s", (edges_s[:-1] + edges_s[1:]) / 2)
    return frame


def scale_up_stages(starts: pd.DataFrame, first_answers: pd.DataFrame) -> pd.DataFrame:
    """Where each new instance's time went, from the decision: instance and the stages in ms, in the order they happen.

    Stages: waiting (what the measured stages do not explain), clone, address, application, balancer, first_answer.
    Instances without measured stages (a standby that was promoted) are left out.
    """
    # A name may return later in a run: a first answer belongs to the last start of that name before it.
    started = starts.sort_values("t_s").reset_index(drop=True)
    answers = first_answers.dropna(subset=["since_decision_ms"])[["t_s", "instance", "since_decision_ms"]]
    answers = answers.sort_values("t_s").assign(start=lambda frame: [
        max(started.index[(started["instance"] == name) & (started["t_s"] <= t_s)], default=-1)
        for name, t_s in zip(frame["instance"], frame["t_s"], strict=True)
    ])  # fmt: skip
    first = answers.drop_duplicates("start").set_index("start")["since_decision_ms"]
    joined = started.assign(since_decision_ms=first.reindex(started.index)).dropna(subset=["clone_ms", "total_ms"])
    stages = joined[["clone_ms", "address_ms", "application_ms", "balancer_ms"]].fillna(0.0)
    frame = pd.DataFrame({"instance": joined["instance"], "t_s": joined["t_s"]})
    frame["waiting"] = (joined["total_ms"] - stages.sum(axis=1)).clip(lower=0.0)
    for column in stages.columns:
        frame[column.removesuffix("_ms")] = stages[column]
    frame["first_answer"] = (joined["since_decision_ms"] - joined["total_ms"]).clip(lower=0.0).fillna(0.0)
    return frame
