"""What runs leave behind, cut off or spoilt; and the simulator's parameters. A file that cannot be used is told in one
line, and the other runs are still there."""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from experiments import loading, plan
from experiments.evidence import experiments_of
from experiments.journal import Tail
from experiments.metrics import capacity
from experiments.processes import RunError
from experiments.simulator import compare
from experiments.simulator.parameters import DEFAULT, Boot, ParametersError, Times, load_parameters
from tests.fuzz.target import Target, accepted, check_words, file_of, parts_of, require, scratch
from tests.report.synthetic import experiment, write_run

FILES = ("run.json", "summary.json", "policy.yaml", "journal.jsonl", "requests.csv", "demand.csv", "flows.csv")
LINES_KEPT = {"journal.jsonl": 12, "requests.csv": 8}
DRAWN = 20
MEASURED = b'{"service": {"rate_limit": 10}, "mix": {}, "levels": [{"instances": 1, "capacity_rps": 10}]}'


class Told(logging.Handler):
    """Checks all that is logged as a warning."""

    def emit(self, record: logging.LogRecord) -> None:
        check_words(record.getMessage())


def check(data: bytes) -> None:
    """One file of a run, or one of another kind, by the first byte; the other files are in order."""
    kind, rest = parts_of(data, len(FILES) + 2)
    log, told = logging.getLogger("experiments"), Told()
    log.addHandler(told)
    try:
        if kind < len(FILES):
            _check_run(FILES[kind], rest)
        elif kind == len(FILES):
            _check_parameters(file_of("parameters.json", rest))
        else:
            _check_capacity(rest)
    finally:
        log.removeHandler(told)


@cache
def _whole() -> dict[str, bytes]:
    """The files of a short run."""
    told = experiment("ramp", "", [""], 1, 1, expect=[{"figure": "latency_ms_p99", "at_most": 900}])
    write_run(scratch() / "whole", "run", experiment=told, settle_s=2.0, key="0123")
    folder = scratch() / "whole" / "run"
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, number in LINES_KEPT.items():
        found[name] = b"".join(found[name].splitlines(keepends=True)[:number])
    return found


def _check_run(name: str, data: bytes) -> None:
    folder = scratch() / "results" / "20261121-031500-ramp"
    folder.mkdir(parents=True, exist_ok=True)
    for other, content in {**_whole(), name: data}.items():
        (folder / other).write_bytes(content)
    try:
        _check_report(folder)
        if name in ("run.json", "summary.json"):
            require(len(experiments_of(folder.parent)) <= 1, "one run is several experiments")
            require(len(plan.keys_of([folder])) <= 1, "one run has several keys")
        if name not in ("summary.json", "demand.csv", "flows.csv"):
            accepted(lambda: compare.read(folder), RunError)
            Tail(folder / "journal.jsonl").follow()
    finally:
        (folder / name).unlink()


def _check_report(folder: Path) -> None:
    run = accepted(lambda: loading.load_run(folder), loading.BrokenRun, loading.IncompleteRun)
    if run is not None:
        require(run.ticks["t_s"].is_monotonic_increasing, "ticks are not in order")
        require(run.requests["due_s"].is_monotonic_increasing, "requests are not in order")
        require(run.rate_limit_rps is None or run.rate_limit_rps > 0, f"rate limit {run.rate_limit_rps}")


def _check_parameters(path: Path) -> None:
    found = accepted(lambda: load_parameters(path), ParametersError)
    if found is None:
        return
    found.save(path)
    require(load_parameters(path) == found, "is read otherwise than it was written")
    random = np.random.default_rng(1)
    for times in (found.instances.stop, found.balancer.reload, found.service.put, *_times_of(found.instances.exec)):
        drawn_s = times.sample_s(random, DRAWN)
        require(np.isfinite(drawn_s).all() and (drawn_s >= 0).all(), f"draws {drawn_s}")


def _times_of(boot: Boot) -> tuple[Times, ...]:
    return boot.clone, boot.address, boot.application


def _check_capacity(data: bytes) -> None:
    folder = scratch() / "measured" / f"{capacity.PREFIX}1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / capacity.FILE).write_bytes(data)
    found = capacity.capacity_of({"service": {"rate_limit": 10}}, folder.parent, None, quick=True)
    require(found is not None, "there is no capacity, not even by the rate limit")


def _seeds() -> Sequence[bytes]:
    whole = {**_whole(), "flows.csv": b"t_s,offered,served,rejected,failed,queue_requests\n0,1,1,0,0,0\n1,2,1,1,0,0\n"}
    files = [bytes([kind]) + whole[name] for kind, name in enumerate(FILES)]
    return [*files, bytes([len(FILES)]) + DEFAULT.read_bytes(), bytes([len(FILES) + 1]) + MEASURED]


TARGETS = (Target("records", check, _seeds),)
