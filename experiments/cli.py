"""The command line of the experiments."""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

from experiments.machine import ROOT
from experiments.runner import Run, RunError, say
from experiments.scenario import ScenarioError, load_scenario, names


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m experiments", description="Run experiments on the testbed.")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    what = "Run a scenario on real containers; needs root. What is left lies in results/<run-id>/."
    run = commands.add_parser("run", help="run a scenario", description=what)
    run.add_argument("scenario", help=f"one of: {', '.join(names())}")
    run.add_argument("--policy", metavar="FILE", help="instead of the scenario's policy file")
    run.add_argument("--low", type=float, dest="low_rps", metavar="RPS", help="instead of the scenario's low rate")
    run.add_argument("--peak", type=float, dest="peak_rps", metavar="RPS", help="instead of the scenario's peak rate")
    run.add_argument(
        "--duration", type=float, dest="duration_s", metavar="S", help="instead of the scenario's duration"
    )
    run.add_argument("--results", type=Path, default=ROOT / "results", metavar="DIR", help="default: results/")
    commands.add_parser("list", help="list the scenarios with their titles")
    _add_bench(commands)
    return made


def _add_bench(commands: Any) -> None:
    what = "Measure how long the testbed's own steps take; needs root. The samples lie in results/bench-<time>/."
    bench = commands.add_parser("bench", help="run the benchmarks, some minutes", description=what)
    bench.add_argument("--only", metavar="NAME[,NAME]", help="run these only")
    bench.add_argument("--list", action="store_true", help="list the benchmarks with their titles and end")
    bench.add_argument("--quick", action="store_true", help="a few samples of each, to see that all works")
    bench.add_argument("--results", type=Path, default=ROOT / "results", metavar="DIR", help="default: results/")


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return COMMANDS[options.command](options)
    except ScenarioError as error:
        print(f"experiments: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"experiments: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("experiments: interrupted; the testbed was stopped, the run is marked as interrupted", file=sys.stderr)
        return 130


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _list(_: argparse.Namespace) -> int:
    for name in names():
        say(f"{name}: {load_scenario(name, {}).title}")
    return 0


def _run(options: argparse.Namespace) -> int:
    overrides = {
        name: value for name in ("low_rps", "peak_rps", "duration_s") if (value := getattr(options, name)) is not None
    }
    scenario = load_scenario(options.scenario, overrides)
    if options.policy is not None:
        if not Path(options.policy).is_file():
            raise ScenarioError(f"--policy {options.policy}: there is no such file")
        scenario = scenario.model_copy(update={"policy": options.policy})
    run = Run(options.scenario, scenario, options.results)
    figures = run.execute()
    say(describe(figures))
    say(f"everything about this run lies in {run.folder}")
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


COMMANDS = {"run": _run, "list": _list, "bench": _bench}


def describe(figures: dict[str, Any]) -> str:
    """The key figures in a few lines."""
    lines = [
        f"offered {figures['offered']:,}: served {figures['served']:,}, rejected {figures['rejected']:,}, "
        f"failed {figures['failed']:,}, dropped {figures['dropped']:,} (not served {figures['not_served_share']:.3%})",
        f"latency from the due time, ms: p50 {_ms(figures['latency_ms_p50'])}, p95 {_ms(figures['latency_ms_p95'])}, "
        f"p99 {_ms(figures['latency_ms_p99'])}",
        f"fleet: at most {figures['in_service_max']} in service, {figures['instance_seconds']:.0f} instance-seconds, "
        f"{figures['decisions_up']} decisions up, {figures['decisions_down']} down, {figures['reloads']} reloads",
        f"decision to first answer through HAProxy, ms: median {_ms(figures['decision_to_first_answer_ms_p50'])}, "
        f"p95 {_ms(figures['decision_to_first_answer_ms_p95'])}",
    ]
    if not figures["valid"]:
        lines.append(f"NOT VALID, the load generator did not keep its schedule: {figures['validity_note']}")
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
