"""From recorded real runs to the simulator's parameters.

What slows down while instances boot is told by two figures: the times while nothing boots, and by which share a boot
at the same time makes them longer (the median over those that met some). Where the runs do not show a figure, the one
of the base is kept, with its provenance.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, get_args

import numpy as np

from controller.ports import BootWay
from experiments.processes import RunError
from experiments.simulator.compare import Recorded, read, readable
from experiments.simulator.parameters import Empirical, Parameters

QUIET, BUSY = 0.1, 0.5  # boots at the same time, on average: at most for "alone", at least for "beside others"
ENOUGH = 3  # samples, for a figure to replace the base's
ENOUGH_TICKS = 20
PARTS = ("clone", "address", "application")


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took from one time to another, and what the parts of it took, in ms."""

    begin_s: float
    end_s: float
    parts_ms: tuple[float, ...] = ()

    @property
    def took_ms(self) -> float:
        return 1000 * (self.end_s - self.begin_s)

    def beside(self, others: Iterable["Span"]) -> float:
        """How many of the others there were at the same time, on average."""
        overlaps_s = (min(self.end_s, each.end_s) - max(self.begin_s, each.begin_s) for each in others)
        return sum(max(0.0, each) for each in overlaps_s) / max(self.end_s - self.begin_s, 1e-9)


class Calibration:
    """Collects figures into the fields of the base, as they are named by dots, each with where it comes from."""

    def __init__(self, base: Parameters) -> None:
        self._document: dict[str, Any] = base.model_dump(mode="json")
        self._provenance = dict(base.provenance)

    def times(self, name: str, samples_ms: Sequence[float], told: str) -> None:
        if len(samples_ms) >= ENOUGH:
            self.put(name, Empirical.of(samples_ms).model_dump(mode="json"), f"{len(samples_ms)} {told}")

    def figure(self, name: str, samples: Sequence[float], told: str) -> None:
        """The median of the samples."""
        if len(samples) >= ENOUGH:
            self.put(name, round(max(0.0, median(samples)), 4), f"median of {len(samples)} {told}")

    def put(self, name: str, value: Any, told: str) -> None:
        *path, last = name.split(".")
        place = self._document
        for key in path:
            place = place[key]
        place[last] = value
        self.tell(name, told)

    def tell(self, name: str, told: str) -> None:
        """Where something comes from."""
        self._provenance[name] = told

    def result(self) -> Parameters:
        return Parameters.model_validate_json(json.dumps({**self._document, "provenance": self._provenance}))


def calibrate(folders: Sequence[Path], base: Parameters) -> Parameters:
    """The base with what these runs show. Raises RunError."""
    runs = [read(folder) for folder in folders]
    for run in runs:
        if run.kind != "real":
            raise RunError(f"{run.run_id}: is {run.kind}, only real runs can be calibrated from")
    with readable(", ".join(run.run_id for run in runs)):
        return fitted(runs, base)


def fitted(runs: Sequence[Recorded], base: Parameters) -> Parameters:
    found = Calibration(base)
    source = "in the runs"
    found.tell("runs", ", ".join(run.run_id for run in runs))
    found.put("machine", runs[0].machine, source)
    found.put("cores", int(runs[0].machine["cores"]), source)
    _boots(found, runs, source)
    _balancer(found, runs, source)
    _stops_and_thaws(found, runs, source)
    _service(found, runs, source)
    _cpu(found, runs, source)
    _course(found, runs, source)
    return found.result()


def boots_of(run: Recorded) -> list[Span]:
    """The boots that succeeded; the journal tells each at its end, with its parts."""
    lines = (e for e in run.events if e.get("phase") == "STANDBY" and all(f"{part}_ms" in e for part in PARTS))
    found = []
    for line in lines:
        parts_ms = tuple(float(line[f"{part}_ms"]) for part in PARTS)
        found.append(Span(line["t_s"] - sum(parts_ms) / 1000, line["t_s"], parts_ms))
    return found


def alone(samples: Sequence[tuple[float, float]]) -> tuple[float | None, list[float]]:
    """From (duration, boots at the same time) to the slowdown by each of them, and what the durations had been without;
    None, and the durations that met nothing, where the samples do not show it."""
    quiet = [took for took, beside in samples if beside <= QUIET]
    busy = [(took, beside) for took, beside in samples if beside >= BUSY]
    if len(quiet) < ENOUGH or len(busy) < ENOUGH:
        return None, quiet
    usual = median(quiet)
    slowdown = max(0.0, median((took / usual - 1) / beside for took, beside in busy)) if usual else 0.0
    return slowdown, [took / (1 + slowdown * beside) for took, beside in samples]


def _boots(found: Calibration, runs: Sequence[Recorded], source: str) -> None:
    for way in get_args(BootWay):
        boots = [(each, each.beside(all_) - 1) for run in runs if run.settings.boot == way
                 for all_ in [boots_of(run)] for each in all_]  # fmt: skip
        slowdown, _ = alone([(boot.took_ms, beside) for boot, beside in boots])
        if slowdown is not None:
            found.put(f"instances.{way}.slowdown", round(slowdown, 3), f"{len(boots)} boots by {way} {source}")
        for index, part in enumerate(PARTS):
            samples_ms = [boot.parts_ms[index] / (1 + (slowdown or 0.0) * beside) for boot, beside in boots
                          if slowdown is not None or beside <= QUIET]  # fmt: skip
            found.times(f"instances.{way}.{part}", samples_ms, f"boots by {way} {source}")


def _balancer(found: Calibration, runs: Sequence[Recorded], source: str) -> None:
    reloads = []
    for run in runs:
        boots = boots_of(run)
        spans = [Span(e["t_s"] - e["took_ms"] / 1000, e["t_s"]) for e in run.events if e["event"] == "reload"]
        reloads += [(span.took_ms, span.beside(boots)) for span in spans]
    slowdown, samples_ms = alone(reloads)
    if slowdown is not None:
        found.put("balancer.reload_slowdown", round(slowdown, 3), f"{len(reloads)} reloads {source}")
    found.times("balancer.reload", samples_ms, f"reloads {source}")
    runtime_ms = [e["took_ms"] for run in runs for e in _applies(run, "runtime") if not _promoted(run, e["t_s"])]
    found.times("balancer.runtime", runtime_ms, f"changes at run time {source}")
    found.figure("balancer.ask_ms", [e["took_ms"] for run in runs for e in _applies(run, "none")],
                 f"orders that changed nothing {source}")  # fmt: skip


def _applies(run: Recorded, how: str) -> list[dict[str, Any]]:
    return [event for event in run.events if event["event"] == "apply" and event["how"] == how]


def _promoted(run: Recorded, t_s: float) -> int:
    """The instances that came into service then without a boot."""
    entered = (e for e in run.events if e["t_s"] == t_s and e.get("phase") == "IN_SERVICE" and "total_ms" in e)
    return sum("clone_ms" not in event for event in entered)


def _stops_and_thaws(found: Calibration, runs: Sequence[Recorded], source: str) -> None:
    stops_ms = [event["stop_ms"] for run in runs for event in run.events if event.get("phase") == "GONE"]
    found.times("instances.stop", stops_ms, f"stops {source}")
    thaws_ms = []
    for run in runs:
        plain_ms = [e["took_ms"] for e in _applies(run, "runtime") if not _promoted(run, e["t_s"])]
        for event in _applies(run, "runtime") if plain_ms else []:
            if count := _promoted(run, event["t_s"]):
                thaws_ms.append((event["took_ms"] - median(plain_ms)) / count)
    found.figure("instances.thaw_ms", thaws_ms, f"promotions {source}")


def _service(found: Calibration, runs: Sequence[Recorded], source: str) -> None:
    """Where instances reject: where they pace, their answers hold waits that the simulator adds itself."""
    samples: dict[str, list[tuple[float, float]]] = {"put": [], "get": [], "integral": [], "rejected": []}
    for run in runs:
        boots = boots_of(run)
        for record in run.records if run.settings.service.overload == "reject" else ():
            if record.sent_s is None or record.done_s is None or record.outcome not in ("served", "rejected"):
                continue
            span = Span(record.sent_s, record.done_s)
            kind = "rejected" if record.outcome == "rejected" else record.kind
            samples[kind].append((span.took_ms, span.beside(boots)))
    slowdown, _ = alone([sample for kind in ("put", "get", "integral") for sample in samples[kind]])
    if slowdown is not None:
        found.put("service.slowdown", round(slowdown, 3), f"requests {source}")
    for kind, pairs in samples.items():
        found.times(f"service.{kind}", [took / (1 + (slowdown or 0.0) * beside) for took, beside in pairs],
                    f"answers {source}")  # fmt: skip


def _cpu(found: Calibration, runs: Sequence[Recorded], source: str) -> None:
    """A straight line through the CPU use of all instances over what they answer, at ticks since whose predecessors
    nothing booted."""
    rows = []
    for run in runs:
        boots, ticks = boots_of(run), [event for event in run.events if event["event"] == "tick"]
        for before, tick in pairwise(ticks):
            quiet = not Span(before["t_s"], tick["t_s"]).beside(boots)
            if quiet and tick["cpu_percent"] is not None and tick["served_rps"]:
                answered_rps = tick["served_rps"] + tick["rejected_rps"]
                rows.append((tick["in_service"], answered_rps, tick["cpu_percent"] / 100 * tick["in_service"]))
    if len(rows) >= ENOUGH_TICKS:
        table = np.array(rows)
        (_, each_s), *_ = np.linalg.lstsq(table[:, :2], table[:, 2], rcond=None)
        found.put("service.cpu_ms", round(max(0.0, 1000 * float(each_s)), 3), f"fit to {len(rows)} ticks {source}")


def _course(found: Calibration, runs: Sequence[Recorded], source: str) -> None:
    lags_ms = [1000 * (each.sent_s - each.due_s) for run in runs for each in run.records if each.sent_s is not None]
    found.times("run.lag", [max(0.0, lag_ms) for lag_ms in lags_ms], f"requests {source}")
    found.put("run.first_tick_s", round(median(run.ticks_s[0] for run in runs), 3), f"median {source}")
    found.put("run.load_from_s", round(median(run.origin_s for run in runs), 3), f"median {source}")
    ends_s = [run.ticks_s[-1] - run.origin_s - run.load.duration_s - run.settle_s for run in runs
              if run.settle_s is not None]  # fmt: skip
    if ends_s:
        found.put("run.load_ends_s", round(max(0.0, median(ends_s)), 3), f"median {source}")
