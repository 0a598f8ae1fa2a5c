"""What instances can serve, and from where that is known."""

import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.metrics.capacity import RATE_LIMIT, Capacity, capacity_of

SERVICE = {"rate_limit": 10, "overload": "reject"}
LEVEL = '{"service": {"rate_limit": 10}, "levels": [{"instances": %d, "capacity_rps": %s}]}'
LEVELS = st.lists(st.floats(0.1, 1000), min_size=1, max_size=8).map(tuple)


def write(results: Path, name: str, service: dict[str, Any], *levels: tuple[int, float]) -> None:
    told = [{"instances": instances, "capacity_rps": rps, "trials": []} for instances, rps in levels]
    (results / name).mkdir()
    (results / name / "capacity.json").write_text(json.dumps({"service": service, "slo": {}, "levels": told}))


@given(st.integers(0, 500), st.integers(1, 100))
def test_by_the_rate_limit_an_instance_has_that_many_turns_in_a_window(requests: int, limit: int) -> None:
    assert Capacity(RATE_LIMIT, (float(limit),)).instances_for(requests) == math.ceil(requests / limit)


@given(LEVELS, st.integers(1, 5000))
def test_fewest_instances_whose_capacity_allows_so_many(levels: tuple[float, ...], requests: int) -> None:
    def most(instances: int) -> int:
        """In a closed window of a second, at the capacity's rate."""
        measured = levels[instances - 1] if instances <= len(levels) else levels[-1] / len(levels) * instances
        return math.ceil(measured - 1e-9)

    found = Capacity("capacity-1", levels).instances_for(requests)
    assert most(found) >= requests
    assert all(most(fewer) < requests for fewer in range(max(1, found - 50), found))


@given(LEVELS, st.integers(0, 5000))
def test_more_requests_never_need_fewer(levels: tuple[float, ...], requests: int) -> None:
    capacity = Capacity("capacity-1", levels)
    assert capacity.instances_for(requests) <= capacity.instances_for(requests + 1)


def test_evenly_spaced_requests_at_the_capacity_need_no_further_instance() -> None:
    capacity = Capacity("capacity-1", (9.9, 18.4))
    assert [capacity.instances_for(count) for count in (0, 1, 10, 11, 19, 20, 28, 29)] == [0, 1, 1, 2, 2, 3, 3, 4]


def test_run_json_tells_the_source_and_what_each_instance_serves() -> None:
    assert Capacity("capacity-1", (9.9, 18.4)).told == {"source": "capacity-1", "per_instance_rps": [9.9, 9.2]}


def test_the_newest_measurement_with_the_same_settings_counts(tmp_path: Path) -> None:
    write(tmp_path, "capacity-20261121-100000", SERVICE, (1, 9.0))
    write(tmp_path, "capacity-20261121-110000", {**SERVICE, "cpu_cores": 0}, (1, 9.5), (2, 18.0), (4, 30.0))
    write(tmp_path, "capacity-20261121-120000", {**SERVICE, "overload": "queue"}, (1, 9.9))
    (tmp_path / "capacity-20261121-130000").mkdir()  # was interrupted
    found = capacity_of({"service": SERVICE}, tmp_path)
    assert found == Capacity("capacity-20261121-110000", (9.5, 18.0, 24.0, 30.0))
    assert capacity_of({"service": {**SERVICE, "rate_limit": 20}}, tmp_path) == Capacity(RATE_LIMIT, (20.0,))
    assert capacity_of({"service": SERVICE}) == Capacity(RATE_LIMIT, (10.0,))


def test_without_a_limit_and_a_measurement_it_is_not_known(tmp_path: Path) -> None:
    assert capacity_of({"service": {"rate_limit": 0}}, tmp_path) is None
    assert capacity_of({}, tmp_path) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Expecting property name"),
        ('{"service": {"rate_limit": 10}, "levels": []}', "levels: List should have at least 1 item"),
        ('{"service": {"rate_limit": 10}, "levels": [{"instances": 1, "capacity_rps": 0}]}', "levels.0.capacity_rps"),
        (
            '{"service": {}, "levels": [{"instances": 2, "capacity_rps": 9}, {"instances": 1, "capacity_rps": 8}]}',
            "levels: Value error, instances [2, 1] do not rise",
        ),
        (LEVEL % (10**9, "9"), "levels.0.instances"),
        (LEVEL % (1, "5e-324"), "levels.0.capacity_rps"),
        (LEVEL % (1, "9" * 400), "levels: [0]: capacity_rps: a number"),
        ("[" * 100_000, "left out"),
        ("[]", "left out"),
    ],
)
def test_a_broken_measurement_is_told_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, told: str
) -> None:
    write(tmp_path, "capacity-1", SERVICE, (1, 9.0))
    (tmp_path / "capacity-2").mkdir()
    (tmp_path / "capacity-2" / "capacity.json").write_text(text)
    with caplog.at_level(logging.WARNING):
        assert capacity_of({"service": SERVICE}, tmp_path) == Capacity("capacity-1", (9.0,))
    assert told in caplog.text
    assert "capacity-2/capacity.json: left out: " in caplog.text
