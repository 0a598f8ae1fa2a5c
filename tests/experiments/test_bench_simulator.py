"""The benchmark of the simulator: what it compares; how fast that is, is not asserted."""

from pathlib import Path

import pytest

from experiments.bench import simulator
from experiments.bench.model import Context
from experiments.bench.table import quantities


def test_both_ways_are_compared_on_the_same_loads_and_flows_alone_on_the_largest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    speeds = iter(range(1, 100))
    monkeypatch.setattr(simulator, "_speed", lambda _: float(next(speeds)))
    series = simulator.run(Context(tmp_path, quick=True, say=lambda _: None))
    found = {
        what: [(each["way"], each["n"]) for each in ways] for what, ways in quantities([s.record() for s in series])
    }
    both, alone = [("single requests", 2), ("flows", 2)], [("flows", 2)]
    assert list(found.values()) == [both, both, alone, alone]
    assert all(what.startswith("× real time") for what in found)


def test_speed_is_simulated_time_over_the_time_of_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 12.5])
    monkeypatch.setattr("time.process_time", lambda: next(times))

    class Simulation:
        now_s = 50.0

        def run(self, settle_s: float) -> None: ...

    assert simulator._speed(Simulation()) == 20.0  # type: ignore[arg-type]
