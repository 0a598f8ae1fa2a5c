"""The command line of the experiments."""

import argparse
import contextlib
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from controller.cli import add_policy_options
from experiments.arguments import factor, positive, seed
from experiments.chaos import command as chaos
from experiments.choosing import OVERRIDES, changed_scenario
from experiments.describe import describe
from experiments.machine import ROOT
from experiments.objects import command as objects
from experiments.plan import planned as planned_runs
from experiments.processes import RunError, hand_over, say
from experiments.runner import Run
from experiments.scenario import ScenarioError, load_scenario, names
from experiments.simulator.parameters import DEFAULT, ParametersError, load_parameters
from experiments.tuning import command as tuning

CALIBRATED = ("ramp", "cpu")  # the scenarios whose instances' capacity is measured: rate-limited, and CPU-limited ones
MOST_HOSTS = 10_000


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m experiments", description="Run experiments on the testbed.")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    what = "Run a scenario on real containers, with all its arms; needs root. What is left lies in results/<run-id>/."
    run = commands.add_parser("run", help="run a scenario", description=what)
    _add_scenario(run)
    _add_experiment(run)
    _add_all(commands)
    _add_simulator(commands)
    commands.add_parser("list", help="list the scenarios with their titles")
    _add_bench(commands)
    _add_objects(commands)
    chaos.add_options(commands)
    return made


def _add_scenario(command: argparse.ArgumentParser, optional: bool = False) -> None:
    """A scenario, and what to change in it."""
    command.add_argument("scenario", nargs="?" if optional else None, help=f"one of: {', '.join(names())}")
    command.add_argument("--arm", metavar="NAME", help="this arm of the scenario")
    command.add_argument("--quick", action="store_true", help="the scenario's short form")
    command.add_argument("--policy", metavar="FILE", help="instead of the scenario's policy file")
    command.add_argument("--load", type=Path, metavar="FILE", help="instead of the scenario's load; a YAML file of one")
    command.add_argument("--low", type=float, dest="low_rps", metavar="RPS", help="instead of the scenario's low rate")
    command.add_argument(
        "--peak", type=float, dest="highest_rps", metavar="RPS", help="instead of the scenario's highest rate"
    )
    command.add_argument(
        "--duration", type=float, dest="duration_s", metavar="S", help="instead of the scenario's duration"
    )
    add_policy_options(command)
    _add_results(command)


def _add_experiment(command: argparse.ArgumentParser) -> None:
    command.add_argument("--repeat", type=positive, metavar="N", help="instead of the scenario's number of repeats")
    command.add_argument("--seed", type=seed, metavar="N", help="of the first repeat, instead of the scenario's")


def _add_all(commands: Any) -> None:
    what = (
        "Run all experiments on real containers, needs root: the standard set takes under an hour, the quick one under "
        "ten minutes. What lies in the results already is not run again, so it can be interrupted."
    )
    every = commands.add_parser("all", help="run all experiments", description=what)
    every.add_argument("--quick", action="store_true", help="the scenarios' short forms")
    every.add_argument("--only", metavar="NAME[,NAME]", help="these scenarios only")
    _add_results(every)


def _add_results(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--results", type=lambda text: Path(text).resolve(), default=ROOT / "results", metavar="DIR",
        help="default: results/",
    )  # fmt: skip


def _add_simulator(commands: Any) -> None:
    what = "Run a scenario in virtual time, in seconds and without root. What is left lies in results/<run-id>/."
    simulate = commands.add_parser("simulate", help="run a scenario in the simulator", description=what)
    _add_scenario(simulate)
    simulate.add_argument("--seed", type=seed, metavar="N", help="of load and simulation, instead of the scenario's")
    simulate.add_argument("--fluid", action="store_true", help="flows instead of requests: for days and large fleets")
    simulate.add_argument(
        "--hosts", type=partial(positive, most=MOST_HOSTS), metavar="N",
        help="with --fluid: so many times the load, the largest fleet and the cores",
    )  # fmt: skip
    simulate.add_argument("--stretch", type=factor, metavar="F", help="with --fluid: a load that takes F times longer")
    what = (
        "Run a scenario on real containers (needs root), or take a recorded run, and simulate the same: what differs "
        "is told, and lies in the run's folder."
    )
    compare = commands.add_parser("compare", help="a real run against its simulation", description=what)
    _add_scenario(compare, optional=True)
    compare.add_argument("--run", type=Path, metavar="DIR", help="compare with this recorded run instead of a new one")
    compare.add_argument(
        "--seed", type=seed, default=1, dest="simulation_seed", metavar="N", help="of the simulation"
    )
    what = (
        "Simulate the default policy on rises of the load, by how steep they are and how long an instance boots. What "
        "is left lies in results/sweep-<time>/."
    )
    rises = commands.add_parser("sweep", help="simulate rises of the load by slope and boot time", description=what)
    rises.add_argument("--quick", action="store_true", help="one repeat of each")
    _add_results(rises)
    what = "Make the simulator's parameters of recorded real runs; what these do not show is taken from --parameters."
    calibrate = commands.add_parser("calibrate", help="make the simulator's parameters", description=what)
    calibrate.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="folders of real runs")
    calibrate.add_argument(
        "--output", type=Path, default=ROOT / "results" / "parameters.json", metavar="FILE",
        help="default: results/parameters.json",
    )  # fmt: skip
    what = (
        "Search a policy's parameters in the simulator for little that is not served at little cost, and run the best "
        "file on real containers (needs root). All trials lie in results/tune-<time>/."
    )
    tune = commands.add_parser("tune", help="search a policy's parameters", description=what)
    tuning.add_options(tune)
    _add_results(tune)
    for command in (simulate, compare, calibrate, tune, rises):
        command.add_argument(
            "--parameters", type=Path, default=DEFAULT, metavar="FILE", help="of the simulator, default: the shipped"
        )


def _add_bench(commands: Any) -> None:
    what = "Measure how long the testbed's own steps take; needs root. The samples lie in results/bench-<time>/."
    bench = commands.add_parser("bench", help="run the benchmarks, some minutes", description=what)
    bench.add_argument("--only", metavar="NAME[,NAME]", help="run these only")
    bench.add_argument("--list", action="store_true", help="list the benchmarks with their titles and end")
    bench.add_argument("--quick", action="store_true", help="a few samples of each, to see that all works")
    _add_results(bench)


def _add_objects(commands: Any) -> None:
    what = (
        "Put, get, delete and list objects through an entry point with many clients, and check that every acknowledged "
        "write was there, whole and in order; or check a recorded history."
    )
    objects.add_options(commands.add_parser("objects", help="check that objects are safe", description=what))


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return COMMANDS[options.command](options)
    except (ScenarioError, ParametersError) as error:
        print(f"experiments: {error}", file=sys.stderr)
        return 2
    except (RunError, OSError) as error:
        print(f"experiments: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads what is told has stopped
        return 141
    except KeyboardInterrupt:
        print("experiments: interrupted; the testbed was stopped, the run is marked as interrupted", file=sys.stderr)
        return 130
    finally:
        with contextlib.suppress(OSError):
            hand_over(getattr(options, "results", ROOT / "results"))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _list(_: argparse.Namespace) -> int:
    for name in names():
        say(f"{name}: {load_scenario(name, {}).title}")
    return 0


def _run(options: argparse.Namespace) -> int:
    """A scenario that is changed by hand is a run for itself, no part of an experiment."""
    changed = [name for name in ("policy", "load", *OVERRIDES, "time_scale") if getattr(options, name) is not None]
    if not changed and not options.shadow and not options.metric:
        from experiments.suite import Suite

        planned = planned_runs(options.scenario, options.quick, options.arm, options.repeat, options.seed)
        suite = Suite(planned, options.results, load_parameters(DEFAULT), anew=True)
        return 0 if suite.execute() else 1
    if options.repeat not in (None, 1):
        raise ScenarioError("--repeat goes with the scenario as it is, not with one that is changed")
    run = Run(options.scenario, changed_scenario(options), options.results)
    say(describe(run.execute()))
    say(f"everything about this run lies in {run.folder}")
    return 0


def _all(options: argparse.Namespace) -> int:
    # Imported late: they need liblxc and the simulator.
    from experiments import sweep
    from experiments.suite import Suite

    chosen = options.only.split(",") if options.only else names()
    planned = [each for name in chosen for each in planned_runs(name, options.quick)]
    firsts = [next(each for each in planned if each.name == name) for name in CALIBRATED if name in chosen]
    parameters = load_parameters(DEFAULT)
    good = Suite(planned, options.results, parameters, firsts, options.quick).execute()
    if not options.only and not sweep.is_known(options.results, options.quick):
        sweep.sweep(options.results, parameters, options.quick)
    return 0 if good else 1


def _simulate(options: argparse.Namespace) -> int:
    # Imported late: the other commands do without the simulator.
    from experiments.simulator.fluid import Scale
    from experiments.simulator.run import simulate, simulate_flows

    scenario = changed_scenario(options)
    parameters = load_parameters(options.parameters)
    what = (options.scenario, scenario, options.results, parameters, scenario.load.seed)
    if options.fluid:
        folder, figures = simulate_flows(*what, Scale(options.hosts or 1, options.stretch or 1.0))
    elif options.hosts or options.stretch:
        raise ScenarioError("--hosts and --stretch need --fluid")
    else:
        folder, figures = simulate(*what)
    say(f"simulated\n{describe(figures)}")
    say(f"everything about this run lies in {folder}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from experiments.simulator import compare

    parameters, folder = load_parameters(options.parameters), options.run
    if (folder is None) is (options.scenario is None):
        raise ScenarioError("compare needs a scenario, or a recorded run by --run, not both")
    if folder is None:
        run = Run(options.scenario, changed_scenario(options), options.results)
        say(describe(run.execute()))
        folder = run.folder
    say(compare.table(compare.compare(folder, parameters, options.simulation_seed)))
    say(f"the differences lie in {folder / compare.FILE}")
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from experiments.simulator.calibrate import calibrate

    parameters = calibrate(options.runs, load_parameters(options.parameters))
    try:
        parameters.save(options.output)
    except OSError as error:
        raise RunError(f"--output {options.output}: {error.strerror}") from error
    for name, told in parameters.provenance.items():
        say(f"{name}: {told}")
    say(f"the parameters lie in {options.output}")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    # Imported late: the other commands do without the simulator.
    from experiments.sweep import sweep

    folder = sweep(options.results, load_parameters(options.parameters), options.quick)
    say(f"what came of them lies in {folder}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    # Imported late: only benchmarks need liblxc here.
    from experiments.bench import suite

    try:
        benchmarks = suite.chosen(options.only)
    except suite.NoSuchBenchmark as error:
        print(f"experiments: {error}", file=sys.stderr)
        return 2
    if options.list:
        for benchmark in benchmarks:
            say(f"{benchmark.name}: {benchmark.title}")
        return 0
    return 0 if suite.run(benchmarks, options.quick, options.results) else 1


COMMANDS = {
    "run": _run, "all": _all, "simulate": _simulate, "compare": _compare, "calibrate": _calibrate, "list": _list,
    "bench": _bench, "tune": tuning.run, "sweep": _sweep, "objects": objects.run, **chaos.COMMANDS,
}  # fmt: skip
