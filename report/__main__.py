"""`python -m report`: the experiments and runs in results/ and the newest benchmarks become one PDF."""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path

import typst

from experiments.evidence import write_means, write_runs
from experiments.loading import BENCH_PREFIX, LEAKS_PREFIX, SWEEP_PREFIX, TUNE_PREFIX, IncompleteRun, Run, load_run
from experiments.metrics.capacity import PREFIX as CAPACITY_PREFIX
from experiments.records import BrokenRun, line_of, read_mapping
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
        named = line_of(folder)
        try:
            if read_mapping(folder / "run.json").get("experiment") is None:
                run = load_run(folder)
                if run.requests.empty:
                    print(f"skipped {named}: simulated as flows, it has no requests to show", file=sys.stderr)
                    continue
                runs.append(run)
                print(f"read {named}: {len(run.requests):,} requests, {len(run.decisions)} decisions")
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


@contextmanager
def heard(name: str) -> Iterator[list[logging.LogRecord]]:
    """What is logged as `name` in this block, which is told nowhere else."""
    handler, log = BufferingHandler(sys.maxsize), logging.getLogger(name)
    log.addHandler(handler)
    was, log.propagate = log.propagate, False
    try:
        yield handler.buffer
    finally:
        log.removeHandler(handler)
        log.propagate = was


def gather(results: Path) -> Contents:
    """What there is to report, with everything that had to be left out told and noted."""
    with heard("experiments") as left_out:
        studies = studies_of(results)
    runs, notes = load_singles(results)
    for line in [line_of(record.getMessage()) for record in left_out]:
        folder, _, reason = line.removeprefix(f"{results}/").partition(": ")
        if not any(f" {folder}/" in note for note in notes):
            print(line, file=sys.stderr)
            notes.append(f"A run of an experiment was left out: {folder}: {reason.removeprefix('left out: ')}.")
    for study in studies:
        runs_of_it = sum(len(arm.repeats) for arm in study.arms)
        print(f"read the experiment {line_of(study.name)}: {plural(runs_of_it, 'run')}")
    shown, fewer = choose(runs)
    if fewer:
        print(fewer)
        notes.append(fewer)
    bench, broken = newest_bench(results)
    capacities, broken_too = load_capacities(results)
    rises, broken_rises = newest_rises(results)
    trials, broken_trials = newest_trials(results)
    skipped_kinds = {
        "benchmark": broken, "measurement of capacity": broken_too, "sweep": broken_rises,
        "file of a trial": broken_trials,
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
    try:
        shown = write_report(contents, options.output) if contents.is_some else contents
        for note in shown.notes[len(contents.notes) :]:
            print(note, file=sys.stderr)
        if not shown.is_some:
            print(NO_RUNS.format(line_of(str(options.results).rstrip("/"))), file=sys.stderr)
            return 2
        write_beside(shown, options.output, options.figure)
    except (OSError, UnicodeError, typst.TypstError) as error:
        print(f"cannot write: {line_of(error)}", file=sys.stderr)
        return 1
    print(f"{options.output}")
    return 0


def write_beside(shown: Contents, output: Path, figure: Path | None) -> None:
    """The newest run's figure, if it is asked for, and the experiments' figures as tables. Raises OSError."""
    newest = shown.newest_run()
    if figure and newest is not None:
        figure.parent.mkdir(parents=True, exist_ok=True)
        figure.write_text(signature_svg(newest, standalone=True), encoding="utf-8")
        print(f"wrote the figure of {line_of(newest.run_id)} to {figure}")
    if shown.studies:
        experiments = [study.experiment for study in shown.studies]
        write_runs(output.with_name("runs.csv"), experiments)
        write_means(output.with_name("means.csv"), experiments)


if __name__ == "__main__":
    sys.exit(main())
