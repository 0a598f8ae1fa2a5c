"""The experiments of a results folder, each with the runs that its figures show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from experiments.evidence import Arm, Estimate, Experiment, Repeat, experiments_of
from experiments.loading import IncompleteRun, Run, load_run
from experiments.records import BrokenRun, read_mapping
from experiments.verdict import Verdict, verdicts_of


@dataclass(frozen=True)
class Study:
    """One experiment: the arms that were run, in their order; an arm that was only simulated is in `simulated`. The
    notes on runs that no figure can show are in `unread` once these were looked for."""

    experiment: Experiment
    simulated: frozenset[str]
    results: Path
    unread: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.experiment.arms

    @cached_property
    def verdicts(self) -> list[Verdict]:
        return verdicts_of(self.experiment)

    @cached_property
    def middle(self) -> Mapping[str, Run]:
        """Each arm's middle repeat, where one can be read."""
        found = {arm.name: first_of(self.loaded(arm.name)) for arm in self.arms}
        return {name: run for name, run in found.items() if run is not None}

    def loaded(self, name: str) -> Iterable[Run]:
        """An arm's repeats as they are read, the middle one first; those that cannot be read are left out."""
        arm = next(arm for arm in self.arms if arm.name == name)
        for repeat in from_the_middle(arm.repeats):
            try:
                yield load_run(self.results / repeat.run_id)
            except (BrokenRun, IncompleteRun) as problem:
                self.unread[repeat.run_id] = problem.note

    def infos(self) -> list[dict[str, Any]]:
        """The run.json of every run that counts."""
        return [read_mapping(self.results / repeat.run_id / "run.json") for arm in self.arms for repeat in arm.repeats]

    def mean(self, arm: str, figure: str) -> Estimate | None:
        return next((each.figures.get(figure) for each in self.arms if each.name == arm), None)

    def newest(self) -> str:
        return max(repeat.run_id for arm in self.arms for repeat in arm.repeats)


def studies_of(results: Path) -> list[Study]:
    """The experiments in their order. Of an arm that was both run and simulated, the real runs count."""
    made = experiments_of(results) if results.is_dir() else []
    by_name = groupby(sorted(made, key=lambda each: each.name), key=lambda each: each.name)
    studies = [study_of(list(experiments), results) for _, experiments in by_name]
    return sorted(studies, key=lambda study: (study.experiment.order, study.name))


def study_of(experiments: Sequence[Experiment], results: Path) -> Study:
    """One study of an experiment's real and simulated runs: of the standard set, or else of the newest one."""
    standard = [each for each in experiments if each.set == "standard"]
    newest = max(
        standard or experiments, key=lambda each: max(repeat.run_id for arm in each.arms for repeat in arm.repeats)
    )
    same = [each for each in experiments if each.set == newest.set]
    by_kind = {each.kind: {arm.name: arm for arm in each.arms if arm.repeats} for each in same}
    real, simulated = by_kind.get("real", {}), by_kind.get("simulated", {})
    found = {**simulated, **real}
    arms = tuple(found[arm.name] for arm in newest.arms if arm.name in found)
    return Study(replace(newest, arms=arms), frozenset(simulated.keys() - real.keys()), results)


def from_the_middle(repeats: Sequence[Repeat]) -> list[Repeat]:
    """The valid repeats by the share of requests not served and then by cost, from the middle one outwards; the others
    after them."""
    valid = sorted(
        (repeat for repeat in repeats if repeat.valid),
        key=lambda repeat: (repeat.figures.get("not_served_share", 0.0), repeat.figures.get("instance_seconds", 0.0)),
    )
    middle = (len(valid) - 1) // 2
    outwards = sorted(range(len(valid)), key=lambda index: abs(index - middle))
    return [*(valid[index] for index in outwards), *(repeat for repeat in repeats if not repeat.valid)]


def first_of(runs: Iterable[Run]) -> Run | None:
    return next(iter(runs), None)
