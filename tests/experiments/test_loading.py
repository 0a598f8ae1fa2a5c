"""What a run's files may hold: all else is a BrokenRun of one line, and never reaches who reads the run."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.loading import load_run, read_info, read_table
from experiments.processes import RunError
from experiments.records import BrokenRun, read_mapping
from experiments.scenario import load_scenario
from experiments.simulator.fluid import Scale
from experiments.simulator.run import simulate_flows
from tests.experiments.build import default

HEADER = "due_s,sent_s,done_s,kind,status,outcome,error\n"
LONG = "9" * 400
TICK = {"t_s": 1.0, "event": "tick", "in_service": 1, "wanted": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The least that is a run."""
    (tmp_path / "run.json").write_text('{"status": "complete"}')
    (tmp_path / "policy.yaml").write_text("tick_s: 0.5\n")
    (tmp_path / "summary.json").write_text("{}")
    (tmp_path / "requests.csv").write_text(f"{HEADER}1,1,1.1,get,200,served,\n2,,,get,0,dropped,\n")
    write_journal(tmp_path, TICK)
    return tmp_path


def write_journal(folder: Path, *events: dict[str, Any]) -> None:
    (folder / "journal.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("NaN", "number"), ("-Infinity", "number"), ("1e400", "number"), ("1e18", "number"), (LONG, "number"),
        ("9" * 5000, "digits"), ('"\\ud800"', "UTF-8"), ('{"\\udfff": 1}', "UTF-8"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ['{"a": %s}', '{"a": [1, {"b": %s}]}'])
def test_json_that_no_one_can_go_on_with_is_refused_with_its_place(
    tmp_path: Path, value: str, why: str, form: str
) -> None:
    (tmp_path / "summary.json").write_text(form % value)
    with pytest.raises(BrokenRun, match=why) as caught:
        read_mapping(tmp_path / "summary.json")
    assert str(caught.value).isprintable()
    assert why == "digits" or "(a: " in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a: .nan", "a: -.inf", f"a: {LONG}", 'a: "\\ud800"', "a: &b [1]\nc: *b", "a: 2001-01-01", "a: !!set {b}",
             "1: a", "a: !!binary aGk="],
)  # fmt: skip
def test_yaml_is_no_more_than_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(BrokenRun, match=r"policy\.yaml: is cut off or malformed"):
        read_mapping(tmp_path / "policy.yaml")


@pytest.mark.parametrize("value", [None, True, 0, -1.5, 9.9e17, "µs \U0001f600", [], {"b": [None]}])
def test_what_json_can_say_is_read(tmp_path: Path, value: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"a": value}))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"a": value}))
    assert read_mapping(tmp_path / "a.json") == read_mapping(tmp_path / "a.yaml") == {"a": value}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("faults", {"t_s": 1}), ("faults", [1]), ("faults", [{"t_s": "1", "kind": "x", "target": None}]),
        ("faults", [{"t_s": 9e11, "kind": "x", "target": None}]), ("time_scale", "2"), ("time_scale", 0),
        ("shape", []), ("shape", {"arrivals": 1}), ("duration_s", []), ("settle_s", -1), ("kind", "a/b"),
        ("title", None), ("run_id", "../x"), ("run_id", ".."), ("run_id", "a\x00"), ("machine", 1),
        ("experiment", []), ("started", 5),
    ],
)  # fmt: skip
def test_a_field_of_another_kind_is_a_broken_run(folder: Path, field: str, value: Any) -> None:
    (folder / "run.json").write_text(json.dumps({"status": "complete", field: value}))
    with pytest.raises(BrokenRun, match=rf"run\.json: {field}"):
        load_run(folder)


def test_the_least_run_is_read(folder: Path) -> None:
    run = load_run(folder)
    assert read_info(folder) == run.info == {"status": "complete"}
    assert (run.run_id, run.open_load, run.rate_limit_rps) == (folder.name, None, None)
    assert run.requests["sent_s"].isna().tolist() == [False, True]


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("value", ["inf", "-inf", "1e7", "9e9", LONG, "soon"])
def test_a_time_that_no_run_has_breaks_the_request_log(folder: Path, column: int, value: str) -> None:
    row = ["1", "1", "1.1", "get", "200", "served", ""]
    other = [*row[:column], value, *row[column + 1 :]]
    (folder / "requests.csv").write_text(f"{HEADER}{','.join(row)}\n{','.join(other)}\n")
    with pytest.raises(BrokenRun, match=r"requests\.csv: .*malformed"):
        load_run(folder)


@pytest.mark.parametrize("status", ["inf", "1e500", LONG, "OK", "", "-1", "1000"])
def test_a_status_is_one_of_http(folder: Path, status: str) -> None:
    (folder / "requests.csv").write_text(f"{HEADER}1,1,1.1,get,{status},served,\n")
    with pytest.raises(BrokenRun, match=r"requests\.csv: .*malformed"):
        load_run(folder)


@pytest.mark.parametrize("more", [",x", ",x,y,z"])
def test_a_line_with_more_columns_than_the_header_breaks_the_request_log(folder: Path, more: str) -> None:
    row = "1,1,1.1,get,200,served,"
    for before in ("", f"{row}\n"):
        (folder / "requests.csv").write_text(f"{HEADER}{before}{row}{more}\n")
        with pytest.raises(BrokenRun, match=r"requests\.csv: "):
            load_run(folder)


def test_columns_that_no_one_asked_for_are_left_out(folder: Path) -> None:
    (folder / "requests.csv").write_text(f"mine,cause,{HEADER}inf,,1,1,1.1,get,200,served,\n")
    assert set(load_run(folder).requests) == {*HEADER.strip().split(","), "cause"}


@pytest.mark.parametrize("row", ["inf,1", "1e7,1", "1,inf", "1,-1e18", f"1,{LONG}", "1,", "nan,1"])
@pytest.mark.parametrize("name", ["demand.csv", "oracle.csv"])
def test_a_table_of_numbers_is_finite(folder: Path, name: str, row: str) -> None:
    (folder / name).write_text(f"t_s,instances\n0,1\n{row}\n")
    with pytest.raises(BrokenRun, match=name):
        load_run(folder)


FLOWS = "t_s,offered,served,rejected,failed,queue_requests\n0,1,1,0,0,0\n1,20,20,0,0,10"


@pytest.mark.parametrize(("name", "text"), [("flows.csv", FLOWS), ("demand.csv", "t_s,instances\n0,1\n1,10")])
def test_a_table_that_is_cut_off_within_its_last_number_is_refused(folder: Path, name: str, text: str) -> None:
    for cut in (text, text[:-1]):
        (folder / name).write_text(cut)
        with pytest.raises(BrokenRun, match=rf"{name}: line 3 is cut off"):
            load_run(folder)
    (folder / name).write_text(f"{text}\n")
    load_run(folder)


def test_a_table_has_the_columns_that_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b,c\n1,inf,x\n2,,y\n")
    frame = read_table(tmp_path / "x.csv", usecols=lambda name: name in "ab", dtype="float64")
    assert list(frame) == ["a", "b"]


@pytest.mark.parametrize(
    "event",
    [
        {"t_s": 9e11}, {"t_s": -1e7}, {"t_s": 10**400}, {"t_s": 1, "wanted": 10**400}, {"t_s": 1, "wanted": math.inf},
        {"t_s": 1, "sentence": "\ud800"}, {"t_s": True},
    ],
)  # fmt: skip
def test_a_line_that_no_one_can_go_on_with_breaks_the_journal(folder: Path, event: dict[str, Any]) -> None:
    write_journal(folder, TICK, {"event": "tick", **event})
    with pytest.raises(BrokenRun, match=r"journal\.jsonl: line 2 "):
        load_run(folder)


def test_starts_that_lie_too_far_apart_break_the_journal(folder: Path) -> None:
    start = {"t_s": 0, "event": "start"}
    write_journal(folder, {**start, "monotonic_s": 1}, TICK, {**start, "monotonic_s": 9e11}, TICK)
    with pytest.raises(BrokenRun, match="starts more than"):
        load_run(folder)


@pytest.mark.parametrize(
    ("frame", "event", "bad"),
    [
        ("ticks", TICK, {"in_service": None}), ("ticks", TICK, {"wanted": "1"}),
        ("decisions", {"t_s": 1.0, "event": "decision", "was": 1, "wanted": 2, "reason": "r"}, {"wanted": "many"}),
        ("decisions", {"t_s": 1.0, "event": "decision", "was": 1, "wanted": 2, "reason": "r"}, {"was": [1]}),
        ("shadows", {"t_s": 1.0, "event": "shadow", "name": "n", "wanted": 2}, {"wanted": None}),
        ("shadows", {"t_s": 1.0, "event": "shadow", "name": "n", "wanted": 2}, {"name": 1}),
    ],
)  # fmt: skip
def test_an_event_that_lacks_what_it_is_about_is_left_out(
    folder: Path, frame: str, event: dict[str, Any], bad: dict[str, Any]
) -> None:
    write_journal(folder, TICK, {**event, **bad}, {**event, "t_s": 2.0})
    found = getattr(load_run(folder), frame)
    assert found["t_s"].tolist() == ([1.0, 2.0] if frame == "ticks" else [2.0])
    assert found["wanted"].dtype == "int64"


@pytest.mark.parametrize(("limit", "rps"), [("12", 12.0), ("true", None), ("-1", None), ("ten", None), ("[]", None)])
def test_a_rate_limit_is_a_number_above_zero(folder: Path, limit: str, rps: float | None) -> None:
    (folder / "policy.yaml").write_text(f"service: {{rate_limit: {limit}}}\n")
    assert load_run(folder).rate_limit_rps == rps


@pytest.mark.parametrize("text", ['{"status": "failed"}', "{}", "[]", "null", ""])
def test_a_folder_that_is_no_complete_run_is_told(folder: Path, text: str) -> None:
    (folder / "run.json").write_text(text)
    with pytest.raises(Exception, match=folder.name) as caught:
        load_run(folder)
    assert str(caught.value).isprintable()


def test_a_run_that_could_not_be_read_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="stretch it less"):
        simulate_flows("ramp", load_scenario("ramp", {}), tmp_path, default(), 1, Scale(stretch=1e6))
    assert not list(tmp_path.iterdir())
