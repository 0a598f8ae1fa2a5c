"""A recorded run against the simulation of the same load and policy: how far the model can be trusted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from controller.config import PolicyFile
from experiments import summary
from experiments.bench.table import aligned
from experiments.journal import UNREADABLE, Event, read_journal
from experiments.loading import read_info
from experiments.processes import RunError
from experiments.records import BrokenRun
from experiments.runner import write_json
from experiments.simulator.engine import Simulation
from experiments.simulator.parameters import Parameters
from experiments.simulator.run import MemoryJournal, settings_of
from loadgen.ledger import Record
from loadgen.load import Load, OpenLoad, parse_load
from loadgen.specs import MOST_S

FILE = "simulated.json"
LATEST_S = 3.0 * MOST_S  # since the controller's start: what is simulated again is simulated until then
MOST_INSTANCE_SECONDS = 0.05  # relative
MOST_NOT_SERVED = 0.01  # a percentage point


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run of a results folder; times are seconds since its controller's start, from 0 to LATEST_S."""

    run_id: str
    kind: str  # real or simulated
    load: Load
    settings: PolicyFile
    settle_s: float | None
    machine: dict[str, Any]
    events: list[Event]
    records: list[Record]

    @property
    def origin_s(self) -> float:
        """The load's beginning: before the first request was due."""
        first_s = next(self.load.due_times()) if isinstance(self.load, OpenLoad) else 0.0
        return self.records[0].due_s - first_s

    @property
    def ticks_s(self) -> list[float]:
        return [event["t_s"] for event in self.events if event["event"] == "tick"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in both. `within` says whether the difference is small enough; None where nothing is asked of it."""

    name: str
    real: float | None
    simulated: float | None
    within: bool | None = None

    @property
    def difference(self) -> float | None:
        return None if self.real is None or self.simulated is None else self.simulated - self.real


@contextmanager
def readable(name: object) -> Iterator[None]:
    """For what is done with a recorded run: what its files lack, or tell as no run does, is a RunError."""
    try:
        yield
    except BrokenRun as error:
        raise RunError(f"{name}: is no complete run ({error.note})") from error
    except (OSError, *UNREADABLE) as error:
        raise RunError(f"{name}: is no complete run ({type(error).__name__}: {error})") from error


def read(folder: Path) -> Recorded:
    """A recorded run. Raises RunError."""
    with readable(folder):
        told = read_info(folder)
        offered = dict(told["shape"])
        kind = offered.pop("kind")
        recorded = Recorded(
            told["run_id"], told["kind"], parse_load(offered if "mode" in offered else {"shape": kind, **offered}),
            settings_of(folder / "policy.yaml"), told.get("settle_s"), told["machine"],
            read_journal(folder / "journal.jsonl"), summary.read_requests(folder / "requests.csv", 0.0),
        )  # fmt: skip
        _check(recorded)
    return recorded


def _check(run: Recorded) -> None:
    """Raises ValueError."""
    if not run.records or not run.ticks_s:
        raise ValueError("no request, or no tick")
    if isinstance(run.load, OpenLoad) and next(run.load.due_times(), None) is None:
        raise ValueError("requests of a load without any")
    requests_s = [time_s for record in run.records for time_s in record[:3] if time_s is not None]
    if not all(0 <= time_s <= LATEST_S for time_s in (*requests_s, *run.ticks_s, run.origin_s)):
        raise ValueError(f"a time that is not from 0 to {LATEST_S:g} s")


def compare(folder: Path, parameters: Parameters, seed: int) -> list[Row]:
    """Simulate the recorded run in `folder`, write the differences into it, and return them. Raises RunError."""
    real = read(folder)
    with readable(folder):
        told = figures(real.events, real.records, real.load)
    events, records = simulate_again(real, parameters, seed)
    with readable(folder):
        rows = rows_of(told, figures(events, records, real.load))
        rows.append(Row("mean difference of the instances in service", 0.0, round(apart(real.events, events), 3)))
    write_json(folder / FILE, {
        "seed": seed, "parameters": parameters.provenance,
        "rows": [{**asdict(row), "difference": row.difference} for row in rows],
        "in_service": changes(events),
    })  # fmt: skip
    return rows


def simulate_again(real: Recorded, parameters: Parameters, seed: int) -> tuple[list[Event], list[Record]]:
    """The recorded run's load, policy and course, in the simulator."""
    course = parameters.run.model_copy(update={"first_tick_s": real.ticks_s[0], "load_from_s": real.origin_s})
    ends_s = real.origin_s + real.load.duration_s + course.load_ends_s
    journal = MemoryJournal()
    simulation = Simulation(real.settings, real.load, parameters.model_copy(update={"run": course}), seed, journal)
    records = simulation.run(max(0.0, real.ticks_s[-1] - ends_s))
    return journal.events, records


def figures(events: Sequence[Event], records: Sequence[Record], load: Load) -> dict[str, Any]:
    """The key figures, and how often a decision turned the one before round."""
    changed = [event["wanted"] > event["was"] for event in events if event["event"] == "decision"]
    reversals = sum(before is not after for before, after in pairwise(changed))
    return {**summary.summarise(events, records, load.duration_s), "decisions": len(changed), "reversals": reversals}


def rows_of(real: dict[str, Any], simulated: dict[str, Any]) -> list[Row]:
    def row(name: str, within: bool | None = None) -> Row:
        return Row(name.replace("_", " "), real[name], simulated[name], within)

    off = abs(simulated["instance_seconds"] - real["instance_seconds"])
    lost = abs(simulated["not_served_share"] - real["not_served_share"])
    return [
        row("instance_seconds", off <= MOST_INSTANCE_SECONDS * real["instance_seconds"]),
        row("not_served_share", lost <= MOST_NOT_SERVED),
        *map(row, ("decisions", "reversals", "in_service_max", "latency_ms_p50", "latency_ms_p95", "latency_ms_p99")),
        *map(row, ("decision_to_in_service_ms_p50", "decision_to_in_service_ms_p95", "cost_ratio")),
    ]


def changes(events: Sequence[Event]) -> list[tuple[float, int]]:
    """The instances in service: from when on, how many."""
    found: list[tuple[float, int]] = []
    for event in events:
        if event["event"] == "tick" and (not found or found[-1][1] != event["in_service"]):
            found.append((event["t_s"], event["in_service"]))
    return found


def apart(first: Sequence[Event], second: Sequence[Event]) -> float:
    """The mean, over the time that both have, of by how many the instances in service differ."""
    curves = [[(event["t_s"], event["in_service"]) for event in events if event["event"] == "tick"]
              for events in (first, second)]  # fmt: skip
    start_s, end_s = max(curve[0][0] for curve in curves), min(curve[-1][0] for curve in curves)
    inner = {t_s for curve in curves for t_s, _ in curve if start_s < t_s < end_s}
    times_s = np.array([start_s, *sorted(inner), end_s])
    counts = [_at(curve, times_s[:-1]) for curve in curves]
    span_s = end_s - start_s
    return float((np.abs(counts[0] - counts[1]) * np.diff(times_s)).sum() / span_s) if span_s > 0 else 0.0


def _at(curve: Sequence[tuple[float, int]], times_s: Any) -> Any:
    index = np.searchsorted([t_s for t_s, _ in curve], times_s, "right") - 1
    return np.array([count for _, count in curve])[index]


def table(rows: Sequence[Row]) -> str:
    """For people."""
    told = {True: "yes", False: "NO", None: ""}
    header = ("", "real", "simulated", "difference", "within the target")
    lines = [(each.name, *map(_number, (each.real, each.simulated, each.difference)), told[each.within])
             for each in rows]  # fmt: skip
    return "\n".join(aligned([header, *lines]))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
