"""Reads run folders: `results/<run-id>/` becomes a `Run`, or one line that says which file is at fault."""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.content import LARGEST_NUMBER, is_number
from experiments.info import RunInfo
from experiments.journal import LONGEST_S, UNREADABLE, event_of, is_time, on_one_axis
from experiments.records import BrokenRun, checked, line_of, read_mapping, read_text
from loadgen.load import LoadError, OpenLoad, parse_load

LEAKS_PREFIX = "leaks-"  # begins the name of a folder of a leak test, see experiments.soak.leaks
BENCH_PREFIX = "bench-"  # begins the name of a folder of benchmarks, which is no run; see report.bench
TUNE_PREFIX = "tune-"  # begins the name of a folder of a search for parameters, which is no run either
SWEEP_PREFIX = "sweep-"  # and of a folder of a sweep, see experiments.sweep
TIMES = ("due_s", "sent_s", "done_s")
REQUEST_TYPES = {**dict.fromkeys((*TIMES, "status"), "float64"),
                 **dict.fromkeys(("kind", "outcome", "error", "cause"), "str")}  # fmt: skip
OUTCOMES = ("served", "rejected", "failed", "dropped")
REQUEST_COLUMNS = ("due_s", "sent_s", "done_s", "kind", "status", "outcome", "error")
TEXTS = ("instance", "name", "reason")  # of the journal; its other columns are numbers, or `ok`
TICK_COLUMNS = ("t_s", "offered_rps", "booting", "standby", "in_service", "draining", "wanted")
STAGES_MS = ("clone_ms", "address_ms", "application_ms", "balancer_ms")
START_COLUMNS = ("t_s", "instance", *STAGES_MS, "total_ms")
STEP_COLUMNS = ("t_s", "instances")
FLOW_COLUMNS = ("t_s", "offered", "served", "rejected", "failed", "queue_requests")


class IncompleteRun(Exception):
    """A run that ended early: nothing is wrong with its files, but it has no place in a report."""

    def __init__(self, folder: Path, status: str) -> None:
        status = line_of(status)
        super().__init__(f"{line_of(folder)}: its status is {status}, not complete")
        self.note = f"{line_of(folder.name)}: its status is {status}"


@dataclass(frozen=True)
class Run:
    """One complete run. All times are seconds (`*_s`) since the controller's start, on one axis for every frame.

    ticks: TICK_COLUMNS, a row a tick; decisions: t_s, was, wanted, reason; starts: START_COLUMNS, a row for each
    instance that entered service; first_answers: t_s, instance, since_decision_ms; reloads: t_s, took_ms, ok;
    requests: REQUEST_COLUMNS, a row for each request that was due, none where the run was simulated as flows; flows:
    FLOW_COLUMNS, a row a tick of such a run, amounts since the tick before; oracle, demand: STEP_COLUMNS, a row a step
    of the cheapest fleet that would have served everything and of the instances needed, empty where the run does not
    tell them; shadows: t_s, name, was, wanted, reason, a row for each change of what a shadow wanted.

    All numbers are finite, and all times less than LONGEST_S; one that the journal does not tell is NaN, but never
    `wanted` nor the instances in service. The fields of `info` are as experiments.info has them.
    """

    run_id: str
    info: dict[str, Any]
    policy: dict[str, Any]
    summary: dict[str, Any]
    ticks: pd.DataFrame
    decisions: pd.DataFrame
    starts: pd.DataFrame
    first_answers: pd.DataFrame
    reloads: pd.DataFrame
    requests: pd.DataFrame
    flows: pd.DataFrame
    oracle: pd.DataFrame
    demand: pd.DataFrame
    shadows: pd.DataFrame

    @property
    def simulated(self) -> bool:
        """Was the run made in virtual time, on models instead of containers?"""
        return bool(self.info.get("kind") == "simulated")

    @property
    def scenario(self) -> str:
        return str(self.info.get("scenario", "unnamed"))

    @property
    def open_load(self) -> OpenLoad | None:
        """What was offered; None for users that wait for answers, and where run.json tells no load of today's form."""
        shape = self.info.get("shape")
        document = {("shape" if key == "kind" else key): value for key, value in (shape or {}).items()}
        try:
            load = parse_load(document)
        except LoadError:
            return None
        return load if isinstance(load, OpenLoad) else None

    @property
    def rate_limit_rps(self) -> float | None:
        """What one instance may answer, in requests per second; None when the policy file does not say."""
        service = self.policy.get("service")
        limit = service.get("rate_limit") if isinstance(service, dict) else None
        return float(limit) if is_number(limit) and limit > 0 else None


def load_run(folder: Path) -> Run:
    """The run in `folder`. Raises BrokenRun or IncompleteRun."""
    info = read_info(folder)
    status = info.get("status")
    if status != "complete":
        raise IncompleteRun(folder, str(status or "not given"))
    journal = read_journal(folder / "journal.jsonl")
    ticks = frame_of(journal, "tick", TICK_COLUMNS, ("in_service", "wanted"))
    if ticks.empty:
        raise BrokenRun(folder / "journal.jsonl", "holds no tick")
    flows = read_numbers(folder / "flows.csv", FLOW_COLUMNS)
    starts = [e for e in journal if e["event"] == "instance" and e.get("phase") == "IN_SERVICE"]
    return Run(
        run_id=str(info.get("run_id", folder.name)),
        info=info,
        policy=read_mapping(folder / "policy.yaml"),
        summary=read_mapping(folder / "summary.json"),
        ticks=ticks,
        decisions=frame_of(journal, "decision", ("t_s", "was", "wanted", "reason"), ("was", "wanted")),
        starts=frame_of(starts, "instance", START_COLUMNS),
        first_answers=frame_of(journal, "first_answer", ("t_s", "instance", "since_decision_ms")),
        reloads=frame_of(journal, "reload", ("t_s", "took_ms", "ok")),
        requests=read_requests(folder / "requests.csv") if flows.empty else pd.DataFrame(columns=list(REQUEST_COLUMNS)),
        flows=flows,
        oracle=read_numbers(folder / "oracle.csv", STEP_COLUMNS),
        demand=read_numbers(folder / "demand.csv", STEP_COLUMNS),
        shadows=frame_of(journal, "shadow", ("t_s", "name", "was", "wanted", "reason"), ("name", "wanted")),
    )


def read_info(folder: Path) -> dict[str, Any]:
    """The run.json in `folder`, its fields as experiments.info has them. Raises BrokenRun."""
    info = read_mapping(folder / "run.json")
    checked(RunInfo, info, folder / "run.json")
    return info


def read_journal(file: Path) -> list[dict[str, Any]]:
    """The journal's events in the order of the file, each with a numeric `t_s` and an `event`."""
    events: list[dict[str, Any]] = []
    for number, line in enumerate(read_text(file).removesuffix("\n").split("\n"), start=1):
        event = event_of(line)
        if event is None:
            raise BrokenRun(file, f"line {number} is cut off or malformed, or lacks `t_s` or `event`")
        events.append(event)
    moved = list(on_one_axis(events))
    if not all(is_time(event["t_s"]) for event in moved):
        raise BrokenRun(file, f"tells starts more than {LONGEST_S:g} s apart")
    return moved


def frame_of(
    events: list[dict[str, Any]], name: str, columns: tuple[str, ...], needed: tuple[str, ...] = ()
) -> pd.DataFrame:
    """The events called `name` that tell what is `needed`, as a frame of these columns sorted by time. What is no text
    in a column of texts, or no number in one of numbers, is missing."""
    rows = [event for event in events if event["event"] == name and all(_is_told(event, each) for each in needed)]
    frame = pd.DataFrame({
        column: pd.Series([row[column] if _is_told(row, column) else math.nan for row in rows],
                          dtype=None if rows else "object" if column in (*TEXTS, "ok") else "float64")
        for column in columns
    })  # fmt: skip
    return frame.sort_values("t_s", kind="stable").reset_index(drop=True)


def _is_told(event: dict[str, Any], column: str) -> bool:
    value = event.get(column)
    if column in TEXTS:
        return isinstance(value, str)
    return isinstance(value, bool) if column == "ok" else is_number(value)


def read_requests(file: Path) -> pd.DataFrame:
    """The request log, REQUEST_COLUMNS, sorted by the time each request was due."""
    frame = read_table(file, dtype=REQUEST_TYPES)
    frame = frame[[column for column in frame.columns if column in REQUEST_TYPES]]
    missing = [column for column in REQUEST_COLUMNS if column not in frame.columns]
    if missing:
        raise BrokenRun(file, f"lacks the column {missing[0]}")
    if frame.empty:
        raise BrokenRun(file, "holds no request")
    too_late = (frame[list(TIMES)].abs() >= LONGEST_S).any(axis="columns")
    told = frame["outcome"].isin(OUTCOMES) & frame["due_s"].notna() & frame["status"].between(0, 999)
    bad = frame.index[~told | too_late]
    if len(bad):
        raise BrokenRun(file, f"line {int(bad[0]) + 2} is cut off or malformed")
    return frame.astype({"status": "int64"}).sort_values("due_s", kind="stable").reset_index(drop=True)


def read_table(file: Path, **options: Any) -> pd.DataFrame:
    """The rows of a CSV file, each with its end, as pandas.read_csv takes them with these options. Raises BrokenRun."""
    text = read_text(file)
    try:
        frame: pd.DataFrame = pd.read_csv(io.StringIO(text), **options)
    except UNREADABLE as error:
        raise BrokenRun(file, f"is cut off or malformed ({error})") from None
    if not text.endswith("\n"):  # a number that lacks its last digits is a number
        last = text.count("\n") + 1
        raise BrokenRun(file, f"line {last} is cut off or malformed")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes what is too much for an index
        raise BrokenRun(file, "has a line with more columns than its header")
    return frame


def read_numbers(file: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A table of numbers in the order of its times; an empty one where the run has no such file."""
    if not file.exists():
        return pd.DataFrame(columns=list(columns), dtype="float64")
    frame = read_table(file, usecols=list(columns), dtype="float64")
    bounded = (frame.abs() < LARGEST_NUMBER).to_numpy().all() and (frame["t_s"].abs() < LONGEST_S).all()  # NaN is not
    if frame.empty or not bounded:
        raise BrokenRun(file, "is cut off or malformed")
    return frame.sort_values("t_s", kind="stable").reset_index(drop=True)
