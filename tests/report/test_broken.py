"""One bad folder in the results: it is told in a line and noted, and all else is reported."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import UNREADABLE
from report import typeset
from report.__main__ import gather, main
from report.rises import newest_rises
from report.simulated import twins_of
from tests.report.synthetic import copy_run, write_experiment
from tests.report.test_bench import series, write_bench
from tests.report.test_capacity import level, write_capacity
from tests.report.test_report import report_of
from tests.report.test_rises import write_sweep
from tests.report.test_robustness import BY_KIND, POINTS

ENDLESS, NO_NUMBER, HUGE = float("inf"), float("nan"), 10**400
TRIAL = {"points": POINTS, "by_kind": BY_KIND, "seed": 7}
BAD_POINTS: list[Any] = [
    {"points": None}, {"points": [1]}, {"points": [{"name": "x"}]}, {"points": [{"name": 1, "held": True, "said": ""}]}
]  # fmt: skip
BAD_KINDS: list[Any] = [{"by_kind": ["x"]}, {"by_kind": [{**BY_KIND[0], "right_s_max": ENDLESS}]}, {"seed": [7]}]
BAD_TABLES = [
    "", "t_s,controller_rss_kib\n", "controller_rss_kib\n1\n", "t_s\n1\n", "t_s,controller_rss_kib\n1,two\n",
    "t_s,controller_rss_kib\n1,\n", "t_s,controller_rss_kib\ninf,2\n", "t_s,controller_rss_kib\n1,2,3\n",
    "t_s,controller_rss_kib\n1,2\n1,1e300\n", "t_s,controller_rss_kib\n1,2", "t_s,controller_rss_kib\n\0\0\0\0",
    b"t_s,controller_rss_kib\n1,\xff\n",
]  # fmt: skip
BAD_SWEEPS: list[Any] = [
    {"repeats": "3"}, {"repeats": 2.5}, {"repeats": True}, {"low_rps": NO_NUMBER}, {"high_rps": HUGE}, {"policy": 7},
    {"parameters": [1]},
]  # fmt: skip
CELLS = "boot_s,slope_rps2,too_few_s,not_served\n"
BAD_CELLS = [
    CELLS + "1,2,0,0\n", CELLS + "0.1,1,0,0\n0.1,2,0,0\n1,1,0,0\n", CELLS + "-1,1,0,0\n", CELLS + "1,2,inf,0\n",
    CELLS + "".join(f"{boot},{slope},-1,0\n" for boot in (1, 2) for slope in (1, 2)), b"\xff", "\0",
]  # fmt: skip
BAD_GROUPS: list[Any] = [
    [{"name": "x", "title": "", "notes": [], "series": [{**series("w", "q"), "samples": samples}]}]
    for samples in (None, [HUGE], [NO_NUMBER], [ENDLESS], ["1"], [1e300], 1)
] + [None, [None], [{"name": 1, "title": "", "notes": [], "series": []}]]  # fmt: skip
BAD_LEVELS: list[Any] = [
    [level(0, 10.0)], [level(10**10, 10.0)], [level(HUGE, 10.0)], [level(1, NO_NUMBER)], [level(1, -2.0)],
    [level(1, 1.0), level(1, 2.0)], [{**level(1, 1.0), "trials": [{"rps": HUGE, "holds": True}]}], [1], None, {},
]  # fmt: skip
ROW = {"name": "instance seconds", "real": 1000.0, "simulated": 1100.0, "within": True}
TWIN: dict[str, Any] = {"rows": [ROW], "in_service": [[0.0, 1], [40.0, 5]], "parameters": {"all": "made up"}}
BAD_TWINS: list[Any] = [
    {"rows": None}, {"rows": [1]}, {"rows": [{}]}, {"rows": [{**ROW, "real": "x"}]}, {"in_service": []},
    {"rows": [{**ROW, "simulated": NO_NUMBER}]}, {"in_service": [["x", 1]]}, {"in_service": [[0.0]]},
    {"in_service": [[0.0, HUGE]]}, {"in_service": 7}, {"parameters": [1]},
]  # fmt: skip


def write_trial(results: Path, source: Path, name: str, changes: dict[str, Any], course: dict[str, Any]) -> Path:
    """A chaos run, soak or leak test of the same course as another run."""
    folder = results / name
    shutil.copytree(source, folder)
    info = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**info, "run_id": name, "faults": [], **course}))
    (folder / "chaos.json").write_text(json.dumps({**TRIAL, **changes}))
    return folder


def spoilt_chaos(results: Path, source: Path, changes: Any) -> Path:
    return write_trial(results, source, "20261121-040000-chaos", changes, {})


def spoilt_leaks(results: Path, _source: Path, changes: Any) -> Path:
    folder = results / "leaks-20261121-060000"
    folder.mkdir()
    (folder / "leaks.json").write_text(json.dumps({**TRIAL, **changes}))
    return folder


def spoilt_soak(results: Path, source: Path, table: Any) -> Path:
    folder = write_trial(results, source, "20261121-040000-soak", {}, {})
    (folder / "resources.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return folder


def spoilt_course(results: Path, source: Path, course: Any) -> Path:
    return write_trial(results, source, "20261121-040000-soak", {}, course)


def spoilt_sweep(results: Path, _source: Path, facts: Any) -> Path:
    return write_sweep(results, **facts)


def spoilt_cells(results: Path, _source: Path, table: Any) -> Path:
    folder = write_sweep(results)
    (folder / "sweep.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return folder


def spoilt_bench(results: Path, _source: Path, groups: Any) -> Path:
    return write_bench(results, "bench-20261121-010000", benchmarks=groups).parent


def spoilt_capacity(results: Path, _source: Path, levels: Any) -> Path:
    return write_capacity(results, "capacity-20261121-010000", levels).parent


def spoilt_twin(results: Path, source: Path, changes: Any) -> Path:
    folder = results / source.name
    (folder / "simulated.json").write_text(json.dumps({**TWIN, **changes}))
    return folder


Spoil = Callable[[Path, Path, Any], Path]
SPOILT: list[tuple[Spoil, list[Any]]] = [
    (spoilt_chaos, [*BAD_POINTS, *BAD_KINDS]), (spoilt_leaks, [*BAD_POINTS, {"stopped": "many"}, {"reloads": HUGE}]),
    (spoilt_course, [{"faults": 7}, {"status": ["complete"]}]), (spoilt_soak, BAD_TABLES), (spoilt_sweep, BAD_SWEEPS),
    (spoilt_cells, BAD_CELLS), (spoilt_bench, BAD_GROUPS), (spoilt_capacity, BAD_LEVELS), (spoilt_twin, BAD_TWINS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "value"),
    [pytest.param(spoil, value, id=f"{spoil.__name__}-{n}") for spoil, bad in SPOILT for n, value in enumerate(bad)],
)
def test_a_spoilt_file_is_noted_and_nothing_of_it_is_in_the_contents(
    spoil: Spoil, value: Any, tmp_path: Path, small: Path
) -> None:
    shutil.copytree(small, tmp_path / small.name)
    folder = spoil(tmp_path, small, value)
    contents = gather(tmp_path)
    twins, unread = twins_of(contents.studies, contents.singles, tmp_path)
    notes = [*contents.notes, *unread]
    assert notes and all(f"{folder.name}/" in note for note in notes)
    assert small.name in {run.run_id for run in contents.singles} <= {small.name, folder.name}
    assert not any((contents.bench, contents.capacities, contents.rises, twins))
    assert all(trial.memory is None and trial.title == "Soak" for trial in contents.trials)


@pytest.mark.parametrize(("spoil", "value"), [(spoil, values[0]) for spoil, values in SPOILT])
def test_a_spoilt_file_is_told_in_a_line_and_all_else_is_reported(
    spoil: Spoil, value: Any, tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small, tmp_path / "results" / small.name)
    folder = spoil(tmp_path / "results", small, value)
    lines, text = report_of(tmp_path / "results", capsys)
    assert lines and all(folder.name in line for line in lines)
    assert not text or ("Thisreportshows" in text and f"{folder.name}/" in text)


@pytest.mark.parametrize(
    "name", ["capacity-1", "leaks-1", "20261121-040000-soak", "20261121-040000-chaos", "sweep-1", "bench-1", "twin"]
)
def test_what_is_not_spoilt_is_told_in_no_line(
    name: str, tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    shutil.copytree(small, results / small.name)
    writers: dict[str, Callable[[], Any]] = {
        "capacity": lambda: write_capacity(results, name, [level(1, 9.0), level(3, 27.0)]),
        "sweep": lambda: write_sweep(results, name), "bench": lambda: write_bench(results, name),
        "twin": lambda: spoilt_twin(results, small, {}), "leaks": lambda: spoilt_leaks(results, small, {}),
    }  # fmt: skip
    writers.get(name.split("-")[0], lambda: write_trial(results, small, name, {}, {}))()
    if name.endswith("soak"):
        (results / name / "resources.csv").write_text("t_s,zygote_rss_kib,controller_rss_kib\n1,,7\n2,5,7\n")
    assert report_of(results, capsys)[0] == []


@pytest.mark.parametrize("shape", [{"duration_s": 0}, {"duration_s": "x"}, {"peak_rps": HUGE}, {"low_rps": [5]}])
def test_a_run_whose_load_cannot_be_read_is_no_rise(shape: dict[str, Any], tmp_path: Path, source: Path) -> None:
    told = json.loads((source / "run.json").read_text())["shape"]
    booted = {"clone_ms_p50": 60.0, "address_ms_p50": 0.0, "application_ms_p50": 30.0, "tau_u_percent": 0.5}
    copy_run(tmp_path, source, "20261121-1-ramp", {"shape": {**told, **shape}}, booted)
    copy_run(tmp_path, source, "20261121-2-ramp", {}, booted)
    copy_run(tmp_path, source, "20261121-3-ramp", {}, {**booted, "tau_u_percent": "x"})
    write_sweep(tmp_path)
    rises, notes = newest_rises(tmp_path)
    assert rises is not None
    assert (len(rises.real), notes) == (1, [])


def spoilt_slo(results: Path, source: Path) -> str:
    return copy_run(results, source, "20261121-051500-ramp", {}, {"slo": {"latency_ms": "x"}}).name


def spoilt_experiment(results: Path, source: Path) -> str:
    write_experiment(results, source, "lame", {"": [{"slo": {"latency_ms": "x"}}]})
    return "lame"


@pytest.mark.parametrize("spoil", [spoilt_slo, spoilt_experiment])
def test_what_no_page_can_be_made_of_is_left_out(
    spoil: Callable[[Path, Path], str], tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    name = spoil(tmp_path / "results", small)
    with pytest.raises(TypeError):
        main(["--results", str(tmp_path / "results"), "--output", str(tmp_path / "report.pdf")])
    monkeypatch.setattr(typeset, "FAULTS", UNREADABLE)
    capsys.readouterr()
    assert main(["--results", str(tmp_path / "results"), "--output", str(tmp_path / "report.pdf")]) == 2
    assert name in capsys.readouterr().err.splitlines()[0]
    copy_run(tmp_path / "results", small, small.name, {}, {})
    (line,), text = report_of(tmp_path / "results", capsys)
    assert re.search(rf"of the \w+ {name}, which is left out: \w*TypeError: ", line)
    assert not text or ("Thisreportshows1run." in text and f"{name},whichisleftout:" in text)


def test_a_fault_of_the_program_is_not_left_out(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(contents: typeset.Contents, _plates: Any) -> dict[str, Any]:
        if len(contents.singles) > 1:
            raise KeyError("a defect")
        return {"notes": []}

    monkeypatch.setattr(typeset, "FAULTS", UNREADABLE)
    monkeypatch.setattr(typeset, "page_data", failing)
    for number in range(2):
        copy_run(tmp_path, small, f"20261121-0{number}1500-ramp", {}, {})
    with pytest.raises(KeyError, match="a defect"):
        main(["--results", str(tmp_path), "--output", str(tmp_path / "report.pdf")])


@pytest.mark.parametrize("name", ["summary.json", "journal.jsonl", "requests.csv", "run.json"])
def test_a_spoilt_run_of_an_experiment_is_told_in_a_line_and_noted(
    name: str, tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = write_experiment(tmp_path / "results", small, "x", {"a": [{}], "b": [{}]})
    file = folders[1] / name
    file.write_bytes(file.read_bytes()[:-9])
    (line,), text = report_of(tmp_path / "results", capsys)
    assert folders[1].name in line
    assert not text or f"leftout:{folders[1].name}" in text or f"tables:{folders[1].name}/{name}" in text
