"""Loads: recorded traces, documents of a load, scenarios. What is accepted is bounded, with arrivals in order."""

import json
import math
import zlib
from collections.abc import Iterable
from functools import partial
from itertools import islice, pairwise
from unittest.mock import patch

import yaml

from experiments import scenario
from experiments.deciding import PolicyError, settings_of
from loadgen.load import ClosedLoad, Load, LoadError, OpenLoad, parse_load, read_load
from loadgen.shapes import ArrivalTimes, Shape, TraceError, arrival_count, read_trace
from loadgen.shapes.trace import read_lines
from loadgen.specs import MOST_RPS, MOST_S
from tests.fuzz.target import ROOT, Target, accepted, file_of, require

LOOKED_AT = 200  # arrivals
SPEEDS = ((1.0, None), (60.0, None), (1.0, 50.0), (0.001, 1e-3))


def check_trace(data: bytes) -> None:
    """A CSV file of a recorded load."""
    path = file_of("trace.csv", data)
    speed, peak_rps = SPEEDS[zlib.crc32(data) % len(SPEEDS)]
    shape = accepted(lambda: read_trace(path, speed, peak_rps), TraceError)
    if shape is None:
        return
    _check_shape(shape)
    if peak_rps is not None:
        require(math.isclose(shape.highest_rps, peak_rps, rel_tol=1e-6), f"highest is {shape.highest_rps}")
        return
    lines = read_lines(path)
    told = len(lines) if isinstance(shape, ArrivalTimes) else sum(requests or 0 for _, _, requests in lines)
    require(math.isclose(shape.total, told, rel_tol=1e-6, abs_tol=1e-6), f"{shape.total} requests of {told}")


def _check_shape(shape: Shape) -> None:
    require(0 < shape.duration_s < math.inf, f"lasts {shape.duration_s} s")
    require(0 < shape.highest_rps < math.inf, f"goes up to {shape.highest_rps}/s")
    require(0 <= shape.total < math.inf, f"has {shape.total} requests")
    _check_times((shape.inverse(k) for k in range(1, arrival_count(shape) + 1)), shape.duration_s)
    looks = [shape.integral(shape.duration_s * part / 20) for part in range(21)]
    require(all(a <= b * (1 + 1e-9) + 1e-6 for a, b in pairwise(looks)), f"the integral falls: {looks}")


def _check_times(times_s: Iterable[float], duration_s: float) -> None:
    some = list(islice(times_s, LOOKED_AT))
    require(all(a <= b for a, b in pairwise(some)), f"arrivals are not in order: {some}")
    require(all(0 <= time_s <= duration_s for time_s in some), f"arrivals beyond {duration_s} s: {some}")


def check_load(data: bytes) -> None:
    """A file for `--load`."""
    path = file_of("load.yaml", data)
    load = accepted(lambda: read_load(path), LoadError)
    if load is not None:
        _check_load(load)


def _check_load(load: Load) -> None:
    require(0 < load.duration_s <= MOST_S * (1 + 1e-9), f"lasts {load.duration_s} s")
    require(parse_load(load.model_dump()) == load, "is read otherwise than it was written")
    written = file_of("written.yaml", yaml.safe_dump(load.model_dump(mode="json")).encode())
    require(read_load(written) == load, "is read from a file otherwise than it was written")
    if isinstance(load, OpenLoad):
        require(0 < load.highest_rps <= MOST_RPS * (1 + 1e-6), f"goes up to {load.highest_rps}/s")
        require(load.curve().total <= MOST_RPS * MOST_S * (1 + 1e-6), f"has {load.curve().total} requests")
        _check_times(load.due_times(), load.duration_s)
    changes = {"duration_s": 7.0} if isinstance(load, ClosedLoad) else {"duration_s": 7.0, "highest_rps": 3.0}
    accepted(lambda: load.changed(**changes), LoadError)


def check_scenario(data: bytes) -> None:
    """A file in experiments/scenarios."""
    with patch.object(scenario, "FOLDER", file_of("any.yaml", data).parent):
        for quick in (False, True):
            found = accepted(partial(scenario.load_scenario, "any", {}, quick), scenario.ScenarioError)
            if found is not None:
                _check_scenario(found)


def _check_scenario(found: scenario.Scenario) -> None:
    variants = accepted(found.variants, scenario.ScenarioError) or {}
    for variant in islice(variants.values(), 4):
        json.dumps(variant.model_dump(mode="json"))
        require(variant.claim(), "the hypothesis is empty")
        require(0 < variant.load.duration_s <= MOST_S * (1 + 1e-9), f"lasts {variant.load.duration_s} s")
        accepted(partial(settings_of, variant, variant.policy), PolicyError)


def _traces() -> list[bytes]:
    return [
        b"time,requests\n0,5\n1,7.5\n2,0\n5,3\n", b"minute,count\n0,60\n1,120\n3,30\n", b"0.5\n1\n1\n2.25\n9\n",
        b"\xef\xbb\xbfhour,\"n\"\r\n0,1e3\r\n1,\r\n", b"2026-11-21T03:15:00,5\n2026-11-21T03:16:00,9\n",
        b"when\n2026-11-21 03:15:00+02:00\n2026-11-21 03:15:01.5+02:00\n",
    ]  # fmt: skip


def _loads() -> list[bytes]:
    shapes = (
        "shape: ramp, low_rps: 5, peak_rps: 100, duration_s: 180, arrivals: even, seed: 1, integral_share: 0.1",
        "shape: step, high_rps: 60, before_s: 5, high_s: 4, duration_s: 20, arrivals: poisson",
        "shape: spike, peak_rps: 90, before_s: 2, up_s: 1, hold_s: 3, down_s: 1, duration_s: 30",
        "shape: square, low_rps: 1, high_rps: 60, period_s: 10, high_share: 0.3, duration_s: 40",
        "shape: triangle, peak_rps: 50, period_s: 7, duration_s: 30", "shape: sine, period_s: 11, duration_s: 60",
        "shape: double_wave, second_rps: 60, duration_s: 50", "shape: onoff, high_rps: 30, on_s: 3, off_s: 2",
        "shape: noise, mean_rps: 20, spread_rps: 10, interval_s: 5, seed: 3", "shape: constant, rate_rps: 5",
        "shape: sum, of: [{shape: sine, duration_s: 30}, {shape: noise, duration_s: 20}]",
        "shape: product, of: [0.5, {shape: ramp, duration_s: 20}, {shape: triangle, peak_rps: 9, duration_s: 30}]",
        "shape: then, of: [{shape: constant, duration_s: 3}, {shape: onoff, duration_s: 9}], integral_steps: 10",
        "mode: closed, users: 10, think_s: 0.5, duration_s: 180, seed: 4", "shape: trace, file: trace.csv, speed: 60",
    )  # fmt: skip
    blocks = [shape.replace(", ", "\n") for shape in shapes[:5]]
    return [text.encode() for text in (*(f"{{{shape}}}\n" for shape in shapes), *blocks)]


def _scenarios() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "experiments/scenarios").glob("*.yaml"))]


TARGETS = (
    Target("trace", check_trace, _traces),
    Target("load", check_load, _loads),
    Target("scenario", check_scenario, _scenarios),
)
