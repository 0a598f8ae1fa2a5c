"""A recorded run against its simulation."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from experiments.processes import RunError
from experiments.scenario import load_scenario
from experiments.simulator.compare import FILE, Row, apart, changes, compare, figures, read, rows_of, table
from experiments.simulator.run import simulate
from loadgen.load import OpenLoad
from tests.experiments.build import STEP, changed, default, exactly, load, policy, simulated


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose controller took 9 s until the load began."""
    late = changed(default(), run={"load_from_s": 9.0})
    scenario = load_scenario("step", {"highest_rps": 40, "duration_s": 40})
    made, _ = simulate("step", scenario, tmp_path_factory.mktemp("results"), late, seed=1)
    return made


def named(rows: list[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def test_a_run_that_is_what_the_simulator_does_differs_in_nothing(folder: Path) -> None:
    rows = compare(folder, default(), seed=1)
    assert all(row.difference == pytest.approx(0, abs=0.02) for row in rows), table(rows)
    assert [row.within for row in rows].count(True) == 2
    told = json.loads((folder / FILE).read_text())
    assert told["in_service"][0] == [0.3, 0]
    assert {row["name"] for row in told["rows"]} == named(rows).keys()


def test_another_model_shows_in_the_differences(folder: Path) -> None:
    boot = default().instances.zygote.model_copy(update={"application": exactly(4000)})
    rows = named(compare(folder, changed(default(), instances={"zygote": boot}), seed=1))
    assert rows["not served share"].within is False
    slower = rows["decision to in service ms p50"].difference
    assert slower is not None
    assert slower > 3000
    assert "NO" in table(list(rows.values()))


def test_the_load_s_beginning_is_found_in_the_record(folder: Path) -> None:
    run = read(folder)
    assert run.origin_s == pytest.approx(9.0, abs=1e-5)
    assert run.ticks_s[0] == 0.3


def tick(t_s: float, in_service: int) -> dict[str, Any]:
    return {"t_s": t_s, "event": "tick", "in_service": in_service}


def test_difference_of_two_fleets_is_their_mean_over_the_time_that_both_have() -> None:
    first = [tick(0, 1), tick(1, 3), tick(4, 3)]
    second = [tick(0.5, 1), tick(2, 2), tick(6, 9)]
    assert apart(first, second) == pytest.approx((0.5 * 0 + 1 * 2 + 2 * 1) / 3.5)
    assert apart(second, first) == apart(first, second)
    assert apart(first, first) == 0
    assert changes([*first, tick(5, 1)]) == [(0, 1), (1, 3), (5, 1)]


def test_targets_are_five_percent_of_the_cost_and_a_point_of_what_is_not_served() -> None:
    ran = simulated(policy(), STEP)
    real = figures(ran.events, ran.records, load(**STEP))
    for cost, lost, within in ((1.04, 0.009, [True, True]), (1.06, 0.011, [False, False]), (0.94, 0.0, [False, True])):
        share = real["not_served_share"] + lost
        other = {**real, "instance_seconds": cost * real["instance_seconds"], "not_served_share": share}
        assert [row.within for row in rows_of(real, other)][:2] == within


def test_a_reversal_is_a_decision_against_the_one_before() -> None:
    def decision(was: int, wanted: int) -> dict[str, Any]:
        return {"t_s": 1.0, "event": "decision", "was": was, "wanted": wanted}

    ran = simulated(policy(), STEP)
    plain = [event for event in ran.events if event["event"] != "decision"]
    events = [*plain, decision(1, 2), decision(2, 3), decision(3, 1), decision(1, 4)]
    found = figures(events, ran.records, load(**STEP))
    assert (found["decisions"], found["reversals"]) == (4, 2)


@pytest.mark.parametrize("name", ["run.json", "journal.jsonl", "requests.csv"])
def test_a_folder_that_is_no_run_is_told_in_one_line(tmp_path: Path, folder: Path, name: str) -> None:
    for path in folder.iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(RunError, match="is no complete run"):
        read(tmp_path)


def spoilt(source: Path, folder: Path, name: str, old: str, new: str) -> Path:
    """A copy of a run in which one file has other words."""
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    text = (folder / name).read_text()
    assert re.search(old, text)
    (folder / name).write_text(re.sub(old, new, text))
    return folder


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("requests.csv", r"(?m)^\d+\.\d+,", "1000000000,"), ("requests.csv", r"(?m)^\d+\.\d+,", "nan,"),
        ("requests.csv", r",\d+\.\d+,put", ",inf,put"),
        ("journal.jsonl", r'"t_s": ?[\d.]+(?=.*"tick")', '"t_s": 9e6'),
        ("journal.jsonl", '"was"', '"what"'), ("journal.jsonl", '"phase"', '"what"'),
        ("journal.jsonl", '"instance":', '"what":'), ("journal.jsonl", '"wanted": ?\\d+', '"wanted": "many"'),
        ("journal.jsonl", '"in_service"', '"what"'), ("journal.jsonl", '"policy"', '"what"'),
        ("journal.jsonl", '"total_ms": ?[\\d.]+', '"total_ms": []'),
        ("run.json", '"kind": "step"', '"kind": "none"'), ("run.json", '"seed": 1', '"seed": "x"'),
    ],
)  # fmt: skip
def test_a_run_that_is_none_is_told_in_one_line(tmp_path: Path, folder: Path, name: str, old: str, new: str) -> None:
    with pytest.raises(RunError, match="is no complete run") as caught:
        compare(spoilt(folder, tmp_path, name, old, new), default(), seed=1)
    assert str(caught.value).isprintable()


def test_a_load_by_chance_without_a_request_has_no_beginning(tmp_path: Path, folder: Path) -> None:
    rare = {"shape": "constant", "rate_rps": 0.1, "duration_s": 10, "arrivals": "poisson"}
    loads = (load(**rare, seed=seed) for seed in range(99))
    shape = next(each for each in loads if isinstance(each, OpenLoad) and not list(each.due_times())).model_dump()
    spoilt(folder, tmp_path, "run.json", '"shape":', '"was":')
    told = {**json.loads((tmp_path / "run.json").read_text()), "shape": {"kind": shape.pop("shape"), **shape}}
    (tmp_path / "run.json").write_text(json.dumps(told))
    with pytest.raises(RunError, match="a load without any"):
        read(tmp_path)
