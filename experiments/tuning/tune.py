"""Tuning from a policy file to a better one, with all evidence in one folder.

results/tune-<time>/
  tune.json       what was searched, on what, and what was found; the runs that confirmed it
  given-*         the policy file as it was given
  trials.csv      every trial: its scores and its values
  front.csv       the trials that no other beats in both objectives
  policy.yaml     the best one
"""

import csv
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from experiments.bench.table import aligned
from experiments.loading import TUNE_PREFIX
from experiments.machine import machine, versions
from experiments.processes import RunError, say
from experiments.runner import write_json
from experiments.simulator.parameters import Parameters
from experiments.simulator.run import settings_of
from experiments.tuning.search import Trial, best, front, search
from experiments.tuning.space import Parameter, SpaceError, described, document_of, name_of, placed, space_of
from experiments.tuning.trials import Score, Trials, cases_of

TELL_EVERY = 25  # trials
MOST_SHOWN = 12  # of the front


@dataclass(frozen=True)
class Task:
    """What is to be tuned on what; `free` as for controller.tuning.space_of."""

    policy: Path
    scenarios: tuple[str, ...]
    free: dict[str, str]
    trials: int
    seed: int
    jobs: int

    @property
    def command(self) -> str:
        free = "".join(f" --free {key}{'=' + span if span else ''}" for key, span in self.free.items())
        return (f"python -m experiments tune {','.join(self.scenarios)} --policy {self.policy}{free} "
                f"--trials {self.trials} --seed {self.seed} --jobs {self.jobs}")  # fmt: skip


class Tuning:
    """One search and its folder. Raises RunError, ScenarioError."""

    def __init__(self, task: Task, parameters: Parameters, results: Path) -> None:
        self._task = task
        settings = settings_of(task.policy)
        if not settings.service.rate_limit:
            raise RunError(f"{task.policy}: service.rate_limit is 0: without it the oracle's cost is not known")
        try:
            self._space = space_of(settings, task.free)
        except SpaceError as error:
            raise RunError(f"{task.policy}: {error}") from error
        self._document = document_of(settings)
        self._trials = Trials(self._document, cases_of(task.scenarios, task.seed), parameters)
        self.folder = results / f"{TUNE_PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}"
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise RunError(f"--results {results}: {error.strerror}") from error
        shutil.copyfile(task.policy, self.folder / f"given-{task.policy.name}")
        self._told: dict[str, Any] = {
            "tune_id": self.folder.name, "status": "running", "command": task.command, "policy_file": str(task.policy),
            "cases": [{"scenario": case.scenario, **case.load.model_dump()} for case in self._trials.cases],
            "space": described(self._space), "parameters": parameters.provenance,
            "machine": machine(), "versions": versions(),
        }  # fmt: skip
        self._write("running")

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yaml"

    def run(self) -> Trial:
        """Search; the best trial, whose file lies in `policy`."""
        say(f"{self.folder.name}: {len(self._space)} parameters, {self._task.trials} trials on "
            f"{len(self._trials.cases)} loads each")  # fmt: skip
        for line in self._told["space"]:
            say(f"  {line}")
        done: list[Trial] = []
        try:
            for number, trial in search(self._space, self._trials, self._task.trials, self._task.seed, self._task.jobs):
                done += [trial] if trial else []
                if (number + 1) % TELL_EVERY == 0 or number + 1 == self._task.trials:
                    say(f"{number + 1:5d} trials  best so far: {_words(best(done)) if done else 'none is possible'}")
        except BaseException as error:
            self._write("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
            raise
        finally:
            self._write_trials("trials.csv", done)
        if not done:
            self._write("failed")
            raise RunError(f"{self._task.policy}: none of the values that were tried go together")
        return self._keep(done)

    def _keep(self, done: Sequence[Trial]) -> Trial:
        self._write_trials("front.csv", front(done))
        chosen = best(done)
        given = next((trial for trial in done if trial.number == 0), None)
        self._told |= {"given": asdict(given.score) if given else None, "best": asdict(chosen.score)}
        self.policy.write_text(self._text(chosen))
        self._write("complete")
        say("\n".join(table(front(done), self._space, chosen)))
        return chosen

    def _text(self, trial: Trial) -> str:
        """The policy file of a trial."""
        cases = ((case.scenario, case.load) for case in self._trials.cases)
        loads = ", ".join(f"{name} ({load.arrivals}, seed {load.seed})" for name, load in cases)
        lines = [f"Tuned in the simulator on {loads}:", f"{_words(trial)}.", f"Made by: {self._task.command}"]
        document = placed(self._document, trial.values)
        return "".join(f"# {line}\n" for line in lines) + "\n" + yaml.safe_dump(document, sort_keys=False, width=120)

    def _write_trials(self, name: str, trials: Iterable[Trial]) -> None:
        with (self.folder / name).open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["number", *(field.name for field in fields(Score)), *map(_name, self._space)])
            for trial in trials:
                writer.writerow([trial.number, *asdict(trial.score).values(), *trial.values.values()])

    def confirmed(self, runs: Sequence[dict[str, Any]]) -> None:
        """Note what real runs of the best policy came to."""
        self._told["confirmed"] = list(runs)
        self._write("complete")

    def _write(self, status: str) -> None:
        self._told["status"] = status
        write_json(self.folder / "tune.json", self._told)


def _name(parameter: Parameter) -> str:
    return name_of(parameter.path)


def _words(trial: Trial) -> str:
    score = trial.score
    return (f"not served {score.not_served_share:.3%}, {score.cost_ratio:.3f} times the oracle's instance-seconds, "
            f"p99 {score.latency_ms_p99:.0f} ms")  # fmt: skip


def table(trials: Sequence[Trial], space: Sequence[Parameter], chosen: Trial) -> list[str]:
    """The Pareto front for people; the trial that was chosen is marked."""
    header = ("trial", "not served", "cost ratio", "p99 (ms)", *(str(each.path[-1]) for each in space))
    rows = [
        (
            f"{trial.number}{' *' if trial is chosen else ''}", f"{trial.score.not_served_share:.3%}",
            f"{trial.score.cost_ratio:.3f}", f"{trial.score.latency_ms_p99:.0f}", *map(str, trial.values.values()),
        )
        for trial in [*([] if chosen in trials else [chosen]), *trials][:MOST_SHOWN]
    ]  # fmt: skip
    more = len(trials) - MOST_SHOWN
    return aligned([header, *rows]) + ([f"  and {more} that lose more, see front.csv"] if more > 0 else [])
