"""`python -m report`: the experiments and runs in results/ and the newest benchmarks become one PDF."""

import argparse
import logging
import sys
from pathlib import Path

from experiments.evidence import write_means, write_runs
from experiments.loading import (
    BENCH_PREFIX,
    LEAKS_PREFIX,
    SWEEP_PREFIX,
    TUNE_PREFIX,
    BrokenRun,
    IncompleteRun,
    Run,
    load_run,
    read_mapping,
)
from experiments.metrics.capacity import PREFIX as CAPACITY_PREFIX
from report.bench import newest_bench
from report.capacity import load_capacities
from report.rises import newest_rises
from report.robustness import newest_trials
from report.study import studies_of
from report.typeset import Contents, signature_svg, write_report
from report.words import plural

MOST_RUNS = 6
# Begin the names of other folders in the results.
NO_RUN = (BENCH_PREFIX, LEAKS_PREFIX, CAPACITY_PREFIX, TUNE_PREFIX, SWEEP_PREFIX)
NO_RUNS = "no complete run in {}/; run `make demo` or `sudo python -m experiments run ramp` first"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m report", description="Typeset a PDF report of the complete runs in a folder of results."
    )
    add = parser.add_argument
    add("--results", type=Path, default=Path("results"), metavar="DIR", help="run folders (default: results)")
    add("--output", type=Path, default=Path("report/report.pdf"), metavar="FILE",
        help="default: report/report.pdf; beside it runs.csv and means.csv tell the experiments' figures")  # fmt: skip
    add("--figure", type=Path, metavar="FILE", help="write the newest run's figure as a standalone SVG too")
    return parser


def load_singles(results: Path) -> tuple[list[Run], list[str]]:
    """All complete runs outside of experiments, newest first, and a note for each folder that was skipped."""
    runs, notes = [], []
    found = [path for path in results.iterdir() if path.is_dir()] if results.is_dir() else []
    folders = [path for path in found if not path.name.startswith(NO_RUN)]
    for folder in sorted(folders, key=lambda path: path.name, reverse=True):
        try:
            if read_mapping(folder / "run.json").get("experiment") is None:
                run = load_run(folder)
                if run.requests.empty:
                    print(f"skipped {folder}: simulated as flows, it has no requests to show", file=sys.stderr)
                    continue
                runs.append(run)
                print(f"read {folder}: {len(runs[-1].requests):,} requests, {len(runs[-1].decisions)} decisions")
        except BrokenRun as problem:
            print(f"skipped a broken run: {problem}", file=sys.stderr)
            notes.append(f"A broken run was left out: {problem.note}.")
        except IncompleteRun as problem:
            print(f"skipped {problem}", file=sys.stderr)
            notes.append(f"A run was left out: {problem.note}.")
    return runs, notes


def choose(runs: list[Run]) -> tuple[list[Run], str]:
    """All runs, or of more than MOST_RUNS the newest of each scenario, and a sentence that says so (else empty)."""
    if len(runs) <= MOST_RUNS:
        return runs, ""
    newest: dict[tuple[str, bool], Run] = {}
    for run in runs:
        newest.setdefault((run.scenario, run.simulated), run)
    both = ", real and simulated," if len({simulated for _, simulated in newest}) > 1 else ""
    return list(newest.values()), f"Of {len(runs)} complete runs only the newest of each scenario{both} is shown."


def gather(results: Path) -> Contents:
    """What there is to report, with everything that had to be left out told and noted."""
    studies, (runs, notes) = studies_of(results), load_singles(results)
    for study in studies:
        print(f"read the experiment {study.name}: {plural(sum(len(arm.repeats) for arm in study.arms), 'run')}")
    shown, fewer = choose(runs)
    if fewer:
        print(fewer)
        notes.append(fewer)
    bench, broken = newest_bench(results)
    capacities, broken_too = load_capacities(results)
    rises, broken_rises = newest_rises(results)
    trials, broken_trials = newest_trials(results)
    skipped_kinds = {
        "benchmark": broken, "measurement of capacity": broken_too, "sweep": broken_rises, "trial": broken_trials
    }  # fmt: skip
    for what, skipped in skipped_kinds.items():
        for note in skipped:
            print(f"skipped a broken {what}: {note}", file=sys.stderr)
            notes.append(f"A broken {what} was left out: {note}.")
    return Contents(results, studies, shown, notes, bench, capacities, rises, trials)


def main(argv: list[str] | None = None) -> int:
    options = arguments().parse_args(argv)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    contents = gather(options.results)
    if not contents.studies and not contents.singles:
        print(NO_RUNS.format(str(options.results).rstrip("/")), file=sys.stderr)
        return 2
    try:
        newest = contents.newest_run()
        if options.figure and newest is not None:
            options.figure.parent.mkdir(parents=True, exist_ok=True)
            options.figure.write_text(signature_svg(newest, standalone=True), encoding="utf-8")
            print(f"wrote the figure of {newest.run_id} to {options.figure}")
        write_report(contents, options.output)
        if contents.studies:
            experiments = [study.experiment for study in contents.studies]
            write_runs(options.output.with_name("runs.csv"), experiments)
            write_means(options.output.with_name("means.csv"), experiments)
    except OSError as error:
        print(f"cannot write: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
