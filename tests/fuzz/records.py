"""What runs leave behind, cut off or spoilt; and the simulator's parameters. A file that cannot be used is told in one
line, and the other runs are still there."""

import json
import logging
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from experiments import loading, plan
from experiments.evidence import BASELINE, SPEEDUP_OF, experiments_of, write_means, write_runs
from experiments.journal import LONGEST_S, Tail
from experiments.metrics import capacity
from experiments.processes import RunError
from experiments.records import BrokenRun
from experiments.simulator import compare
from experiments.simulator.calibrate import fitted
from experiments.simulator.parameters import DEFAULT, Boot, Parameters, ParametersError, Times, load_parameters
from experiments.verdict import verdicts_of
from tests.fuzz.target import Target, accepted, check_words, file_of, parts_of, require, scratch
from tests.report.synthetic import experiment, write_run

FILES = ("run.json", "summary.json", "policy.yaml", "journal.jsonl", "requests.csv", "demand.csv", "flows.csv")
LINES_KEPT = {"journal.jsonl": 12, "requests.csv": 8}
DRAWN = 20
BASE = f"{BASELINE}/x"
ARMS = ["a/x", BASE]
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
    told = experiment("ramp", "a/x", ARMS, 1, 2, expect=[{"figure": "latency_ms_p99", "at_most": 900, "times": BASE}])
    write_run(scratch() / "whole", "run", experiment=told, settle_s=2.0, key="0123")
    folder = scratch() / "whole" / "run"
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, number in LINES_KEPT.items():
        found[name] = b"".join(found[name].splitlines(keepends=True)[:number])
    return found


@cache
def _beside() -> Path:
    """A folder of results with further runs of the same experiment: a repeat, and two of the arm to compare with."""
    info, results = json.loads(_whole()["run.json"]), scratch() / "results"
    summary = {**json.loads(_whole()["summary.json"]), **dict.fromkeys(SPEEDUP_OF, 5.0)}
    for run_id, arm, repeat in (("2-a", "a/x", 2), ("1-base", BASE, 1), ("2-base", BASE, 2)):
        folder = results / run_id
        folder.mkdir(parents=True)
        facts = {**info["experiment"], "arm": arm, "repeat": repeat}
        (folder / "run.json").write_text(json.dumps({**info, "run_id": run_id, "experiment": facts}))
        (folder / "summary.json").write_text(json.dumps(summary))
    return results


def _check_run(name: str, data: bytes) -> None:
    folder = _beside() / "20261121-031500-ramp"
    folder.mkdir(exist_ok=True)
    for other, content in {**_whole(), name: data}.items():
        (folder / other).write_bytes(content)
    try:
        _check_report(folder)
        if name in ("run.json", "summary.json"):
            _check_experiments(folder.parent)
            require(len(plan.keys_of([folder])) <= 1, "one run has several keys")
        if name not in ("summary.json", "demand.csv", "flows.csv"):
            accepted(lambda: _use_again(folder), RunError)
            Tail(folder / "journal.jsonl").follow()
    finally:
        (folder / name).unlink()


def _check_experiments(results: Path) -> None:
    """Whatever one run tells, the others are still there, and all is known that a report asks of them."""
    found = experiments_of(results)
    counted = [repeat.run_id for each in found for arm in each.arms for repeat in arm.repeats]
    require(1 <= len(found) <= 2 and len(counted) == len(set(counted)), f"counted {counted}")
    for each in found:
        require(any(arm.repeats for arm in each.arms), "an experiment without a run")
        require(Path(each.name).name == each.name, f"no name for a file: {each.name!r}")
        require(each.kind in ("real", "simulated"), f"kind {each.kind!r}")
        means = [mean for arm in each.arms for mean in arm.figures.values()]
        require(all(math.isfinite(number) for mean in means for number in (mean.mean, mean.low or 0, mean.high or 0)),
                "a mean without end")  # fmt: skip
        verdicts_of(each)
    for write in (write_runs, write_means):
        write(scratch() / "table.csv", found)


def _use_again(folder: Path) -> None:
    """What is done with a recorded run, save to simulate it. Raises RunError."""
    run = compare.read(folder)
    with compare.readable(folder):
        compare.figures(run.events, run.records, run.load)
    with compare.readable(folder):
        fitted([run], _parameters())


@cache
def _parameters() -> Parameters:
    return load_parameters(DEFAULT)


def _check_report(folder: Path) -> None:
    run = accepted(lambda: loading.load_run(folder), BrokenRun, loading.IncompleteRun)
    if run is not None:
        require(run.ticks["t_s"].is_monotonic_increasing, "ticks are not in order")
        require(run.requests["due_s"].is_monotonic_increasing, "requests are not in order")
        require(run.rate_limit_rps is None or run.rate_limit_rps > 0, f"rate limit {run.rate_limit_rps}")
        require(run.open_load is None or run.open_load.duration_s > 0, "a load of no time")
        for frame in (run.ticks, run.decisions, run.starts, run.requests, run.flows, run.demand, run.shadows):
            _check_frame(frame)


def _check_frame(frame: pd.DataFrame) -> None:
    numbers = frame.select_dtypes("number")
    require(not np.isinf(numbers.to_numpy(dtype="float64")).any(), "a number without end")
    times = numbers[[name for name in numbers if str(name).endswith("_s")]]
    require(not (times.abs() >= LONGEST_S).to_numpy().any(), "a time that no run has")
    if "wanted" in frame:
        require(frame["wanted"].notna().all(), "nothing is wanted")


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
    require(found is None or found.instances_for(100) > 0, "no instance for some requests")


def _seeds() -> Sequence[bytes]:
    whole = {**_whole(), "flows.csv": b"t_s,offered,served,rejected,failed,queue_requests\n0,1,1,0,0,0\n1,2,1,1,0,0\n"}
    files = [bytes([kind]) + whole[name] for kind, name in enumerate(FILES)]
    return [*files, bytes([len(FILES)]) + DEFAULT.read_bytes(), bytes([len(FILES) + 1]) + MEASURED]


TARGETS = (Target("records", check, _seeds),)
