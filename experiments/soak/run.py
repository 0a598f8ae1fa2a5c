"""An hour of load that comes and goes, with a fault now and then, and a look at what is used every few seconds.

results/<run-id>/ holds what every chaos run has, and
  resources.csv   what was used: a row every SAMPLE_S seconds, before the load, and after it
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from controller.site import Site
from experiments.chaos.plan import Pace, drawn
from experiments.chaos.run import POLICY, ChaosRun
from experiments.chaos.verdict import Point
from experiments.processes import say
from experiments.resources import Sample, sample, sample_at_rest
from experiments.scenario import Scenario, parse
from experiments.soak import verdict
from experiments.supervisor import Supervised

SAMPLE_S = 10.0
LOW_RPS, PEAK_RPS, PERIOD_S = 5.0, 40.0, 300.0
# Not those that end a process whose memory is watched.
KINDS = ("kill-instance", "kill-application", "pause-instance", "drop-packets", "fill-disk")
PACE = Pace(gap_s=(90.0, 180.0), quiet_s=30.0)
REST_S = 15.0  # before the load and after it: the smallest fleet, and a full pool


def soak_scenario(seed: int, duration_s: float) -> Scenario:
    """A load that comes and goes, and a fault every few minutes."""
    return parse({
        "title": "Soak", "hypothesis": "Nothing leaks within {duration_s:g} s.", "policy": POLICY, "settle_s": REST_S,
        "load": {"shape": "sine", "low_rps": LOW_RPS, "peak_rps": PEAK_RPS, "period_s": min(PERIOD_S, duration_s),
                 "duration_s": duration_s, "arrivals": "poisson", "seed": seed},
        "faults": [fault.model_dump() for fault in drawn(seed, duration_s, KINDS, PACE)],
    }, "soak")  # fmt: skip


@dataclass
class SoakRun(ChaosRun):
    """The run of a soak scenario."""

    samples: list[Sample] = field(default_factory=list)

    def _offer(self, up: Supervised, disk: Path | None) -> None:
        time.sleep(REST_S)
        self._began_s = time.monotonic()
        self._look(sample_at_rest)
        super()._offer(up, disk)

    @contextlib.contextmanager
    def _beside(self) -> Iterator[None]:
        over = threading.Event()
        sampler = threading.Thread(target=self._sample_until, args=(over,), name="sampler")
        sampler.start()
        try:
            with super()._beside():
                yield
        finally:
            over.set()
            sampler.join()

    def _sample_until(self, over: threading.Event) -> None:
        while not over.wait(SAMPLE_S):
            self._look()

    def _look(self, look: Callable[[Site], Sample] = sample) -> None:
        self.samples.append({"t_s": round(time.monotonic() - self._began_s, 1), **look(self.site)})

    def _settle(self) -> None:
        super()._settle()
        self._look(sample_at_rest)

    def _points(self, figures: dict[str, Any]) -> list[Point]:
        pd.DataFrame(self.samples).to_csv(self.folder / "resources.csv", index=False)
        first, last = self.samples[0], self.samples[-1]
        return [
            *super()._points(figures), verdict.same_counts(first, last),
            verdict.flat_memory(self.samples[1:-1]), verdict.bounded(last),
        ]  # fmt: skip


def run_soak(seed: int, duration_s: float, results: Path) -> bool:
    """Make the run, tell the verdict; whether all was kept. Raises RunError."""
    run = SoakRun("soak", soak_scenario(seed, duration_s), results, kinds=KINDS)
    say(f"soak, seed {seed}: {duration_s:g} s, {len(run.scenario.faults)} faults")
    run.execute()
    say("\n".join([*(point.line for point in run.points), f"everything about this run lies in {run.folder}"]))
    return run.held
