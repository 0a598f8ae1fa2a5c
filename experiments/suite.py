"""Whole experiments, one run after the other; what lies in the results already is not run again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.capacity import measure
from experiments.deciding import settings_of
from experiments.describe import describe
from experiments.metrics.capacity import RATE_LIMIT, capacity_of, mix_of
from experiments.plan import PlannedRun, keys_of
from experiments.processes import RunError, say
from experiments.records import BrokenRun, read_mapping
from experiments.runner import Run, check_host
from experiments.simulator import compare
from experiments.simulator.parameters import Parameters
from experiments.simulator.run import refuse_what_is_not_modelled, simulate

OVERHEAD_S = 9.0  # of a real run beside its load, until some were made
CAPACITY_S, QUICK_CAPACITY_S = 150.0, 45.0
ATTEMPTS = 2  # at a run whose load generator did not keep its schedule


@dataclass
class Suite:
    """Makes the planned runs into `results`; `calibrated` are those scenarios whose capacity is measured first.
    `anew`: whatever is there already."""

    runs: Sequence[PlannedRun]
    results: Path
    parameters: Parameters
    calibrated: Sequence[PlannedRun] = ()
    quick: bool = False
    anew: bool = False
    failed: list[str] = field(default_factory=list)
    _overheads_s: list[float] = field(default_factory=list)

    def execute(self) -> bool:
        """Make what is missing; whether all went well. Raises RunError where no run can be made."""
        if any(not planned.scenario.simulated for planned in self.runs):
            check_host()
        for planned in self.calibrated:
            self._calibrate(planned)
        todo = [planned for planned in self.runs if self.anew or not self._is_done(planned)]
        if len(todo) < len(self.runs):
            say(f"{len(self.runs) - len(todo)} of {len(self.runs)} runs are in {self.results} already")
        for number, planned in enumerate(todo, start=1):
            say(f"[{number}/{len(todo)}] {planned.label}; about {_minutes(self._left_s(todo[number - 1 :]))} left")
            self._attempt(planned)
        for label in self.failed:
            say(f"failed: {label}")
        return not self.failed

    def _calibrate(self, planned: PlannedRun) -> None:
        if _capacity_known(planned, self.results):
            return
        say(f"measuring the capacity of the instances of {planned.name}, about "
            f"{_minutes(QUICK_CAPACITY_S if self.quick else CAPACITY_S)}")  # fmt: skip
        try:
            measure(planned.name, planned.scenario, self.results, self.quick)
        except (RunError, OSError) as error:
            self.failed.append(f"capacity of {planned.name}: {error}")

    def _attempt(self, planned: PlannedRun) -> None:
        """One run, and a second one where the first is not valid."""
        for _ in range(ATTEMPTS):
            started = time.monotonic()
            try:
                valid = self._make(planned)
            except (RunError, OSError) as error:
                say(f"failed: {error}")
                self.failed.append(f"{planned.label}: {error}")
                return
            if not planned.scenario.simulated:
                self._overheads_s.append(time.monotonic() - started - _load_s(planned))
            if valid:
                return
            say(f"{planned.label} is not valid: the load generator did not keep its schedule")

    def _make(self, planned: PlannedRun) -> bool:
        facts, scenario, seed = planned.run_facts, planned.scenario, planned.scenario.load.seed
        if scenario.simulated:
            folder, figures = simulate(planned.name, scenario, self.results, self.parameters, seed, facts, planned.slug)
        else:
            run = Run(planned.name, scenario, self.results, facts=facts, slug=planned.slug)
            folder, figures = run.folder, run.execute()
        if not scenario.simulated and planned.facts["repeat"] == 1 and _is_modelled(planned):
            compare.compare(folder, self.parameters, seed)
        say(f"{describe(figures)}\neverything about this run lies in {folder}")
        return bool(figures["valid"])

    def _is_done(self, planned: PlannedRun) -> bool:
        """Is there a valid run, or were all attempts made?"""
        made = keys_of(self.results.glob("*")).get(planned.key, []) if self.results.is_dir() else []
        return any(map(self._is_valid, made)) or len(made) >= ATTEMPTS

    def _is_valid(self, run_id: str) -> bool:
        try:
            return read_mapping(self.results / run_id / "summary.json").get("valid") is True
        except BrokenRun:
            return False

    def _left_s(self, runs: Sequence[PlannedRun]) -> float:
        known = self._overheads_s[-10:]
        overhead_s = sum(known) / len(known) if known else OVERHEAD_S
        return sum(1.0 if each.scenario.simulated else _load_s(each) + overhead_s for each in runs)


def _load_s(planned: PlannedRun) -> float:
    return planned.scenario.load.duration_s + planned.scenario.settle_s


def _is_modelled(planned: PlannedRun) -> bool:
    try:
        refuse_what_is_not_modelled(planned.scenario)
    except RunError:
        return False
    return True


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1.0, seconds):.0f} s"


def _capacity_known(planned: PlannedRun, results: Path) -> bool:
    """Was the capacity of such instances measured?"""
    policy = settings_of(planned.scenario, planned.scenario.policy).model_dump(mode="json")
    known = capacity_of(policy, results, mix_of(planned.scenario.load), planned.facts["set"] == "quick")
    return known is not None and known.source != RATE_LIMIT
