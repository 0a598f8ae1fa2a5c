"""How soon must instances be there? The default policy in the simulator, on a load that rises from a low rate to a high
one, over how steep the rise is and how long an instance takes to boot.

results/sweep-<time>/
  sweep.csv    a row a simulation: boot_s, slope_rps2 (inf: at once), seed, and what the rise cost
  sweep.json   what was simulated: policy, load, machine, the model's sources
"""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from controller.config import PolicyFile
from experiments.loading import SWEEP_PREFIX
from experiments.machine import ROOT, machine, versions
from experiments.metrics.capacity import Capacity, capacity_of, mix_of
from experiments.processes import say
from experiments.records import BrokenRun, read_mapping
from experiments.runner import write_json
from experiments.simulator.engine import Simulation
from experiments.simulator.parameters import Lognormal, Parameters
from experiments.simulator.run import MemoryJournal, settings_of
from experiments.summary import Account
from loadgen.load import OpenLoad

FILE, FACTS = "sweep.csv", "sweep.json"
POLICY = "rules.yaml"
LOW_RPS, HIGH_RPS = 5.0, 100.0
BEFORE_S, HOLD_S = 5.0, 40.0
BOOTS_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
SLOPES_RPS2 = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, math.inf)
SEEDS, QUICK_SEEDS = (1, 2, 3), (1,)


@dataclass(frozen=True, slots=True)
class Cell:
    """One simulation. `too_few_s`: how long fewer instances were in service than were needed."""

    boot_s: float
    slope_rps2: float
    seed: int
    too_few_s: float
    not_served: int
    offered: int


def sweep(results: Path, parameters: Parameters, quick: bool = False) -> Path:
    """Simulate every cell, once for each seed; the folder with what came of it. Raises OSError, RunError."""
    settings, seeds, began_s = settings_of(ROOT / POLICY), QUICK_SEEDS if quick else SEEDS, time.monotonic()
    load = rise(SLOPES_RPS2[0], seeds[0])
    capacity = capacity_of(settings.model_dump(mode="json"), results, mix_of(load), quick)
    say(f"simulating {len(BOOTS_S) * len(SLOPES_RPS2) * len(seeds)} rises of the load, by slope and boot time")
    cells = list(simulated(settings, parameters, seeds, capacity))
    now = datetime.now(UTC)
    folder = results / f"{SWEEP_PREFIX}{now:%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    pd.DataFrame(map(asdict, cells)).to_csv(folder / FILE, index=False)
    facts: dict[str, Any] = {
        "started": now.isoformat(), "took_s": round(time.monotonic() - began_s, 1), "policy_file": POLICY,
        "policy": settings.model_dump(mode="json"), "low_rps": LOW_RPS, "high_rps": HIGH_RPS, "hold_s": HOLD_S,
        "boots_at_once": parameters.cores, "repeats": len(seeds), "capacity": capacity.told if capacity else None,
        "parameters": parameters.provenance, "machine": machine(), "versions": versions(),
    }  # fmt: skip
    write_json(folder / FACTS, facts)
    return folder


def is_known(results: Path, quick: bool = False) -> bool:
    """Does a sweep of the policy as it is lie in the results, with as many repeats?"""
    policy, repeats = settings_of(ROOT / POLICY).model_dump(mode="json"), len(QUICK_SEEDS if quick else SEEDS)
    for file in results.glob(f"{SWEEP_PREFIX}*/{FACTS}"):
        try:
            told = read_mapping(file)
        except BrokenRun:
            continue
        made = told.get("repeats")
        if told.get("policy") == policy and isinstance(made, int) and made >= repeats:
            return True
    return False


def simulated(
    settings: PolicyFile, parameters: Parameters, seeds: tuple[int, ...], capacity: Capacity | None
) -> Iterator[Cell]:
    for boot_s, slope_rps2, seed in product(BOOTS_S, SLOPES_RPS2, seeds):
        yield cell(settings, with_boot(parameters, settings.boot, boot_s), capacity, slope_rps2, boot_s, seed)


def cell(
    settings: PolicyFile, parameters: Parameters, capacity: Capacity | None, slope_rps2: float, boot_s: float, seed: int
) -> Cell:
    journal, load = MemoryJournal(), rise(slope_rps2, seed)
    records = Simulation(settings, load, parameters, seed, journal).run(settle_s=1.0)
    account = Account(journal.events, records, capacity)
    figures = account.figures(load.duration_s)
    start_s, end_s = account.load_s
    too_few_s = (figures["tau_u_percent"] or 0.0) / 100 * (end_s - start_s)
    lost = figures["offered"] - figures["served"]
    return Cell(boot_s, slope_rps2, seed, round(too_few_s, 3), lost, figures["offered"])


def rise(slope_rps2: float, seed: int) -> OpenLoad:
    """From the low rate to the high one with this slope, in requests/s a second, and some time there."""
    up_s = (HIGH_RPS - LOW_RPS) / slope_rps2
    shape: dict[str, Any] = {"shape": "step", "high_rps": HIGH_RPS, "high_s": HOLD_S}
    if up_s:
        shape = {"shape": "spike", "peak_rps": HIGH_RPS, "up_s": up_s, "hold_s": HOLD_S, "down_s": 0.0}
    return OpenLoad.model_validate({
        **shape, "low_rps": LOW_RPS, "before_s": BEFORE_S, "duration_s": BEFORE_S + up_s + HOLD_S, "seed": seed,
        "arrivals": "even",
    })  # fmt: skip


def with_boot(parameters: Parameters, way: str, boot_s: float) -> Parameters:
    """Where each boot takes exactly so long, whatever boots beside it."""
    whole, none = (Lognormal(median_ms=each_ms, p95_ms=each_ms) for each_ms in (1000 * boot_s, 0.0))
    parts = {"clone": whole, "address": none, "application": none, "slowdown": 0.0}
    instances = parameters.instances
    boot = getattr(instances, way).model_copy(update=parts)
    return parameters.model_copy(update={"instances": instances.model_copy(update={way: boot})})
