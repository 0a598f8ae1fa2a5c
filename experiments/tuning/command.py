"""`python -m experiments tune`: its options, the search, and the confirmation on real containers."""

import argparse
import re
import shutil
from pathlib import Path
from typing import Any

from controller.ports import ControllerError
from controller.preflight import check_root
from experiments.describe import describe
from experiments.processes import RunError, say
from experiments.runner import Run
from experiments.scenario import ScenarioError, load_scenario
from experiments.simulator.parameters import load_parameters

TRIALS = 300
CONFIRMED = ("not_served_share", "cost_ratio", "latency_ms_p99")


def add_options(command: argparse.ArgumentParser) -> None:
    """All but --results and --parameters, which other commands have too."""
    command.add_argument("scenarios", metavar="SCENARIO[,SCENARIO]", help="what to tune for")
    command.add_argument("--policy", type=Path, required=True, metavar="FILE", help="where the search begins")
    command.add_argument(
        "--free", action="append", default=[], metavar="KEY[=LOW..HIGH]",
        help="search this key of the file too, such as tick_s, rate_window_s, apply, boot, standby=0..3 (repeatable); "
        "without it only the policy's numbers and its limits",
    )  # fmt: skip
    command.add_argument("--trials", type=_count, default=TRIALS, metavar="N", help=f"default: {TRIALS}")
    command.add_argument("--seed", type=_count, default=1, metavar="N", help="of search and loads, default: 1")
    command.add_argument("--jobs", type=_count, default=1, metavar="N", help="trials at a time, default: 1")
    command.add_argument("--output", type=Path, metavar="FILE", help="the best policy file too")
    command.add_argument(
        "--no-confirm", action="store_true", help="do not run the best policy on real containers, which needs root"
    )


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 1 to 100000")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Raises RunError, ScenarioError, ParametersError, KeyboardInterrupt."""
    # Imported late: Optuna takes a fifth of a second, which no other command should.
    from experiments.tuning.tune import Task, Tuning

    if not options.policy.is_file():
        raise ScenarioError(f"--policy {options.policy}: there is no such file")
    if not options.no_confirm:
        try:
            check_root()
        except ControllerError as error:
            raise RunError(f"{error}; or leave the confirmation out by --no-confirm") from error
    free = dict(key.split("=", 1) if "=" in key else (key, "") for key in options.free)
    scenarios = tuple(options.scenarios.split(","))
    task = Task(options.policy, scenarios, free, options.trials, options.seed, options.jobs)
    tuning = Tuning(task, load_parameters(options.parameters), options.results)
    tuning.run()
    if options.output:
        try:
            shutil.copyfile(tuning.policy, options.output)
        except OSError as error:
            raise RunError(f"--output {options.output}: {error.strerror}") from error
    say(f"the best policy is {options.output or tuning.policy}; all trials lie in {tuning.folder}")
    if not options.no_confirm:
        tuning.confirmed([_confirmed(name, tuning.policy, options.results) for name in scenarios])
    return 0


def _confirmed(name: str, policy: Path, results: Path) -> dict[str, Any]:
    """Run the scenario on real containers with the policy."""
    scenario = load_scenario(name, {}).with_policy(str(policy.resolve()))
    made = Run(name, scenario, results)
    figures = made.execute()
    ratio = figures["cost_ratio"]
    say(f"{made.run_id}: {describe(figures)}\n{ratio} times the oracle's instance-seconds")
    return {"run_id": made.run_id, **{name: figures[name] for name in CONFIRMED}}
