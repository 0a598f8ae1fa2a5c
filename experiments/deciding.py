"""Who decides in a run: the acting policy, its shadows, and what the scenario says of them all."""

from collections.abc import Sequence
from pathlib import Path

from controller.config import PolicyFile
from controller.judge import Judge
from controller.ports import ControllerError
from controller.reading import changed, load, unique
from experiments.content import fault_of
from experiments.machine import ROOT
from experiments.processes import RunError
from experiments.scenario import Scenario, merged


class PolicyError(RunError):
    """A policy file cannot be used; the message is one line."""


def settings_of(scenario: Scenario, path: str) -> PolicyFile:
    """A policy file of the scenario with its metrics and its time, and, if it is the one that acts, the scenario's
    settings. Raises PolicyError."""
    try:
        settings = load(ROOT / path, scenario.metrics)
        if scenario.settings and path == scenario.policy:
            settings = changed(ROOT / path, settings, merged(settings.model_dump(mode="json"), scenario.settings))
    except ControllerError as error:
        raise PolicyError(str(error)) from error
    settings = settings if scenario.time_scale is None else settings.with_time_scale(scenario.time_scale)
    if fault := fault_of(settings.model_dump(mode="json")):
        raise PolicyError(f"{path}: {fault}; a run could not be read again")
    return settings


def shadows_of(scenario: Scenario) -> list[Judge]:
    """The judges that decide beside. Raises PolicyError."""
    names = unique(Path(path).stem for path in scenario.shadows)
    return [
        settings_of(scenario, path).make_judge(name, acts=False)
        for name, path in zip(names, scenario.shadows, strict=True)
    ]


def arguments_of(scenario: Scenario) -> Sequence[str]:
    """What the controller is told beside its policy, which has its time already."""
    shadows = [part for path in scenario.shadows for part in ("--shadow", str(ROOT / path))]
    asked = {name for path in scenario.shadows for name in settings_of(scenario, path).metric_names}
    named = {theirs: ours for theirs, ours in scenario.metrics.items() if theirs in asked}
    metrics = [part for theirs, ours in named.items() for part in ("--metric", f"{theirs}={ours}")]
    scale = [] if scenario.time_scale is None else ["--time-scale", str(scenario.time_scale)]
    return [*shadows, *metrics, *scale]
