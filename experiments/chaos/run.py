"""A run under random faults: load, objects, faults, and a verdict in chaos.json.

results/<run-id>/ holds what every run has, and
  chaos.json      the seed, each promise with its verdict, the faults by kind
  history.jsonl   what the clients of the objects did and saw
"""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.chaos import verdict
from experiments.chaos.plan import QUICK, Pace, drawn
from experiments.chaos.verdict import Point
from experiments.leftovers import left_behind
from experiments.machine import ROOT
from experiments.objects import History, check
from experiments.objects.history import HistoryError
from experiments.processes import PYTHON, RunError, say
from experiments.runner import Run, write_json
from experiments.scenario import Scenario, parse
from experiments.supervisor import Supervised
from loadgen.ledger import Record

POLICY = "experiments/policies/resilient.yaml"
MEAN_RPS, SPREAD_RPS = 40.0, 20.0
OBJECTS_RPS = 10.0  # beside the load
HISTORY = "history.jsonl"
LAST_LOOK_S = 120.0
AROUND_S = 0.5  # what is lost so long after a fault is counted to it


def chaos_scenario(seed: int, duration_s: float, kinds: Sequence[str], pace: Pace) -> Scenario:
    """Load that wanders, and faults that are drawn from the seed."""
    return parse({
        "title": "Chaos",
        "hypothesis": "Whatever breaks, at most 0.5 % of the requests are not served, no object is lost or torn, and "
        "the fleet is right within two seconds.",
        "policy": POLICY,
        "load": {"shape": "noise", "mean_rps": MEAN_RPS, "spread_rps": SPREAD_RPS, "interval_s": 5,
                 "duration_s": duration_s, "arrivals": "poisson", "seed": seed},
        "faults": [fault.model_dump() for fault in drawn(seed, duration_s, kinds, pace)],
    }, "chaos")  # fmt: skip


@dataclass
class ChaosRun(Run):
    """The run of a chaos scenario; `kinds` are those of its faults, a `quick` one shows only that all works."""

    kinds: Sequence[str] = ()
    quick: bool = False
    points: list[Point] = field(default_factory=list)
    _trouble: str = ""
    _ends: list[int] = field(default_factory=list)
    _left: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return all(point.held for point in self.points)

    def _drive(self) -> None:
        """Whatever goes wrong at the controller's end is part of the verdict."""
        super()._drive()
        self._left = left_behind()

    def _check_end(self, up: Supervised) -> None:
        self._ends = up.ends
        with contextlib.suppress(RunError):
            super()._check_end(up)
            return
        self._trouble = f"the controller ended with {up.returncode}, see controller.log"

    def _check_faults(self) -> None:
        """Faults that hit nothing are part of the verdict, too."""

    @contextlib.contextmanager
    def _beside(self) -> Iterator[None]:
        """Clients that write and read objects, and record what they saw; by a process of their own, that can be ended
        at any time. At their end they look at every object once more."""
        load = self.scenario.load
        command = [PYTHON, "-m", "experiments", "objects", "--url", f"http://{self.entry}", "--seed", str(load.seed),
                   "--duration", str(load.duration_s), "--rate", str(OBJECTS_RPS),
                   "--output", str(self.folder / HISTORY)]  # fmt: skip
        with (self.folder / "objects.log").open("wb") as log:
            clients = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
            clients.wait(LAST_LOOK_S)
        except subprocess.TimeoutExpired as error:
            raise RunError(f"the objects' clients did not end within {LAST_LOOK_S:g} s after the load") from error
        finally:
            clients.kill()
            clients.wait()

    def collect(self, records: Sequence[Record]) -> dict[str, Any]:
        """The key figures, and the verdict."""
        figures = super().collect(records)
        for fault in self.faults:
            fault["not_served"] = lost_around(fault, records)
        self.points = self._points(figures)
        write_json(self.folder / "chaos.json", {
            "seed": self.scenario.load.seed, "quick": self.quick, "held": self.held,
            "points": verdict.told(self.points), "by_kind": verdict.by_kind(self.faults),
        })  # fmt: skip
        return figures

    def _points(self, figures: dict[str, Any]) -> list[Point]:
        """Each promise with its verdict."""
        killed = sum(fault["kind"] == "kill-controller" and fault["target"] is not None for fault in self.faults)
        return [
            verdict.served(figures), verdict.safe(check(self._history())), verdict.right_again(self.faults),
            verdict.nothing_left(self._left, self._trouble),
            verdict.only_killed(self._ends, killed), verdict.all_kinds_hit(self.faults, self.kinds),
            verdict.on_schedule(figures),
        ]  # fmt: skip


    def _history(self) -> History:
        """What the objects' clients recorded. Raises RunError."""
        try:
            return History.load(self.folder / HISTORY)
        except (OSError, HistoryError) as error:
            raise RunError(f"the objects' clients recorded nothing ({error}): see objects.log") from error


def lost_around(fault: dict[str, Any], records: Sequence[Record]) -> int:
    """How many requests were not served that were under way from a fault's begin until all was right, and a bit."""
    until_s = fault["end_s"] + (fault["right_s"] or 0.0) + AROUND_S
    return sum(
        record.outcome != "served" and record.due_s <= until_s and (record.done_s or record.due_s) >= fault["t_s"]
        for record in records
    )


def run_chaos(seed: int, duration_s: float, kinds: Sequence[str], pace: Pace, results: Path) -> bool:
    """Make the run, tell the verdict; whether all was kept. Raises RunError."""
    run = ChaosRun("chaos", chaos_scenario(seed, duration_s, kinds, pace), results, kinds=kinds, quick=pace == QUICK)
    say(f"chaos, seed {seed}: {len(run.scenario.faults)} faults of {len(kinds)} kinds in {duration_s:g} s")
    run.execute()
    say("\n".join(point.line for point in run.points))
    say(f"everything about this run lies in {run.folder}; the same faults come again with --seed {seed}")
    return run.held
