"""Runs the benchmarks one after the other and leaves results/bench-<time>/bench.json, written anew after each."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.lock import controller_pid
from controller.ports import ControllerError
from controller.preflight import check_root
from controller.site import Site
from experiments.bench import change, cost, docker, first_answer, modes, scale, simulator
from experiments.bench.model import Benchmark, Context
from experiments.bench.table import text_table
from experiments.machine import ROOT, machine, versions
from experiments.processes import PYTHON, RunError, say

BENCHMARKS = (
    Benchmark("first-answer", "From the decision to the first answer through HAProxy", first_answer.run),
    Benchmark("docker", "docker run and an LXC instance of the same root filesystem", docker.run),
    Benchmark("step", "A twenty-fold step of the load", modes.run_step),
    Benchmark("change", "A change of the balancer's back end, by its size", change.run),
    Benchmark("scale", "One decision for many instances", scale.run),
    Benchmark("cost", "The controller's own cost", cost.run),
    Benchmark("ramp", "The ramp of the load", modes.run_ramp),
    Benchmark("simulator", "The simulator against the clock", simulator.run),
)


class NoSuchBenchmark(Exception):
    """A name that is none; the message says which there are."""


def chosen(names: str | None) -> list[Benchmark]:
    """The benchmarks of these names, separated by commas, in the suite's order; all without names."""
    wanted = [benchmark.name for benchmark in BENCHMARKS] if names is None else names.split(",")
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    for name in wanted:
        if name not in known:
            raise NoSuchBenchmark(f"{name!r} is no benchmark; known are {', '.join(known)}")
    return [benchmark for benchmark in BENCHMARKS if benchmark.name in wanted]


def run(benchmarks: list[Benchmark], quick: bool, results: Path) -> bool:
    """Run them; tells whether all could be run. Raises RunError, KeyboardInterrupt; the latter leaves a marked file."""
    _check_host()
    suite = Suite(quick, results)
    try:
        for benchmark in benchmarks:
            suite.measure(benchmark)
        suite.finish()
    except BaseException as error:
        suite.finish("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        _clean()
        raise
    say("\n" + "\n".join(text_table(suite.record["benchmarks"])))
    say(f"\nall samples lie in {suite.file}{'; the report leaves quick ones out' if quick else ''}")
    return bool(suite.record["status"] == "complete")


def _check_host() -> None:
    """The benchmarks need root, and a host without another controller: they clean up after themselves, and would after
    it. Raises RunError."""
    try:
        check_root()
    except ControllerError as error:
        raise RunError(str(error)) from error
    site = Site()
    if (pid := controller_pid(site)) is not None:
        raise RunError(f"a controller runs on this host (pid {pid}): stop it first")
    if site.run_dir.exists():
        raise RunError("an earlier controller left instances or files: run 'make clean-host' first")


class Suite:
    """One run of the suite and its record."""

    def __init__(self, quick: bool, results: Path) -> None:
        started = datetime.now(UTC)
        folder = results / f"bench-{started:%Y%m%d-%H%M%S}"
        folder.mkdir(parents=True)
        self.file = folder / "bench.json"
        self._began = time.monotonic()
        self.record: dict[str, Any] = {
            "bench_id": folder.name, "status": "running", "started": started.isoformat(timespec="seconds"),
            "duration_s": 0.0, "quick": quick, "load_average": [round(load, 2) for load in os.getloadavg()],
            "machine": machine(), "versions": versions(), "benchmarks": [],
        }  # fmt: skip
        self._write()
        say(f"{folder.name}: load average {self.record['load_average'][0]:g} at the start")

    def measure(self, benchmark: Benchmark) -> None:
        """Run one benchmark and keep what it found; a failure is told and does not end the suite."""
        entry: dict[str, Any] = {"name": benchmark.name, "title": benchmark.title, "error": ""}
        began = time.monotonic()
        say(f"{benchmark.name}: {benchmark.title}")
        folder = Path(tempfile.mkdtemp(prefix="tidebed-bench-"))
        folder.chmod(0o755)  # the objects are in it
        context = Context(folder, self.record["quick"], lambda text: say(f"  {text}"))
        series = []
        try:
            series = benchmark.run(context)
        except (RunError, ControllerError, OSError) as error:
            entry["error"] = str(error)
            say(f"  failed: {error}")
            _clean()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        took_s = round(time.monotonic() - began, 1)
        entry |= {"took_s": took_s, "notes": context.notes, "series": [each.record() for each in series]}
        self.record["benchmarks"].append(entry)
        self._write()

    def finish(self, status: str = "") -> None:
        """Say in the record how the suite ended."""
        failed = any(entry["error"] for entry in self.record["benchmarks"])
        self.record["status"] = status or ("failed" if failed else "complete")
        self._write()

    def _write(self) -> None:
        self.record["duration_s"] = round(time.monotonic() - self._began, 1)
        self.file.write_text(json.dumps(self.record, indent=1, ensure_ascii=False) + "\n")


def _clean() -> None:
    """Remove what a benchmark that did not end well left, the template apart; a second Ctrl-C does not cut it short."""
    say("cleaning up")
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        change.clean()
        command = [PYTHON, "-m", "controller.clean", "--keep-template"]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False, start_new_session=True)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
