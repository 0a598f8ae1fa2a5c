"""A scenario with what the command line changes in it."""

import argparse
from pathlib import Path

from experiments.scenario import Scenario, ScenarioError, load_scenario
from loadgen.load import LoadError, read_load

OVERRIDES = ("low_rps", "highest_rps", "duration_s")


def changed_scenario(options: argparse.Namespace) -> Scenario:
    """The scenario, or one of its arms, with another load, policy, seed, shadows. Raises ScenarioError."""
    scenario = _arm(load_scenario(options.scenario, {}, options.quick), options)
    scenario = _with_load(scenario, options)
    if options.policy is not None:
        _check_file("--policy", options.policy)
        scenario = scenario.with_policy(options.policy)
    for path in options.shadow:
        _check_file("--shadow", path)
    told = {
        "shadows": tuple(map(str, options.shadow)),
        "metrics": dict(options.metric),
        "time_scale": options.time_scale,
    }
    return scenario.model_copy(update={key: value for key, value in told.items() if value})


def _arm(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    """The one that is meant; a scenario without arms is its only one."""
    variants = scenario.variants()
    if options.arm is None and "" not in variants:
        raise ScenarioError(f"{options.scenario} has arms, choose one by --arm: {', '.join(variants)}")
    if options.arm is not None and options.arm not in variants:
        known = "none" if "" in variants else ", ".join(variants)
        raise ScenarioError(f"{options.scenario}: {options.arm!r} is no arm; known are {known}")
    return variants[options.arm or ""]


def _with_load(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    changes = {name: value for name in OVERRIDES if (value := getattr(options, name)) is not None}
    try:
        load = scenario.load if options.load is None else read_load(options.load)
        load = load.changed(**changes) if changes else load
    except LoadError as error:
        place = "" if options.load else f"{options.scenario}.yaml: load: "
        raise ScenarioError(f"{place}{error}") from error
    seed = getattr(options, "seed", None)
    if seed is not None:
        load = load.model_copy(update={"seed": seed})
    told = {"hypothesis": "None was made for this load."} if options.load else {}
    return scenario.model_copy(update={"load": load, **told})


def _check_file(option: str, path: str) -> None:
    if not Path(path).is_file():
        raise ScenarioError(f"{option} {path}: there is no such file")
