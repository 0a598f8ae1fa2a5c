import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from report.bench import newest_bench, table_rows
from report.bench_figure import bench_figure
from report.style import to_svg
from tests.report.synthetic import write_run
from tests.report.test_report import NASTY, RUN_ID, build, needs_pdftotext, text_of

FIRST = "decision → first answer"


def series(way: str, what: str, *samples: float, detail: bool = False) -> dict[str, Any]:
    return {"way": way, "what": what, "unit": "ms", "detail": detail, "samples": samples}


def write_bench(results: Path, name: str, **changes: Any) -> Path:
    """A made-up record of the benchmarks."""
    first = [
        series("exec, reload", FIRST, 300.0, 310.0, 330.0),
        series("exec, reload", "clone_ms", 20.0, detail=True),
        series("zygote, runtime", FIRST, 30.0, 31.0, 35.0),
    ]
    groups = [
        {"name": "first-answer", "title": "To the first answer", "notes": [], "series": first},
        {"name": "docker", "title": "Docker", "notes": ["no engine here"], "series": []},
        {"name": "cost", "title": "Cost", "notes": [], "series": [series("50 idle", "processor use", 12.0)]},
    ]
    record = {
        "bench_id": name, "status": "complete", "quick": False, "started": "2026-11-21T04:00:00+00:00",
        "duration_s": 400.0, "load_average": [0.52, 0.4, 0.3], "machine": {"cpu": "Example CPU", "cores": 4},
        "versions": {"commit": "0123456789abcdef"}, "benchmarks": groups, **changes,
    }  # fmt: skip
    folder = results / name
    folder.mkdir(parents=True)
    (folder / "bench.json").write_text(json.dumps(record))
    return folder / "bench.json"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, RUN_ID)
    return folder / RUN_ID


@pytest.fixture
def results(run_folder: Path, tmp_path: Path) -> Path:
    """A folder of results with one run."""
    shutil.copytree(run_folder, tmp_path / "results" / RUN_ID)
    return tmp_path / "results"


def test_the_newest_complete_benchmarks_are_chosen(tmp_path: Path) -> None:
    write_bench(tmp_path, "bench-20261121-010000")
    write_bench(tmp_path, "bench-20261121-020000", benchmarks=[])
    write_bench(tmp_path, "bench-20261121-030000", quick=True)
    write_bench(tmp_path, "bench-20261121-040000", status="interrupted")
    bench, notes = newest_bench(tmp_path)
    assert bench is not None
    assert bench.info["bench_id"] == "bench-20261121-020000"
    assert notes == []
    assert newest_bench(tmp_path / "none") == (None, [])


def test_rows_name_their_quantity_once_and_compare_with_the_first_way(tmp_path: Path) -> None:
    write_bench(tmp_path, "bench-1")
    bench, _ = newest_bench(tmp_path)
    assert bench is not None
    assert table_rows(bench.groups[0]) == [
        [f"{FIRST} (ms)", "exec, reload", "3", "310", "–", "–", "1.00"],
        ["", "zygote, runtime", "3", "31.0", "–", "–", "0.10"],
    ]
    assert table_rows(bench.groups[2]) == [["processor use (ms)", "50 idle", "1", "12.0", "–", "–", ""]]


def test_the_figure_has_a_row_a_way_or_is_not_there(tmp_path: Path) -> None:
    write_bench(tmp_path, "bench-1")
    bench, _ = newest_bench(tmp_path)
    assert bench is not None
    figure = bench_figure(bench)
    assert figure is not None
    svg = to_svg(figure, standalone=False)
    assert "exec, reload" in svg
    assert "zygote, runtime" in svg
    write_bench(tmp_path, "bench-2", benchmarks=[])
    without, _ = newest_bench(tmp_path)
    assert without is not None
    assert bench_figure(without) is None


@needs_pdftotext
def test_the_report_has_a_section_of_benchmarks_where_there_are_any(results: Path) -> None:
    assert "Benchmarks" not in text_of(build(results))
    write_bench(results, "bench-20261121-010000")
    text = text_of(build(results))
    assert re.search(r"\d Benchmarks bench-", text)
    assert "bench-20261121-010000, 2026-11-21 04:00, 400 s on Example CPU, 4 cores" in text
    assert "zygote, runtime 3 31.0 – – 0.10" in text
    assert "No engine here." in text
    assert "shows 1 run." in text


@needs_pdftotext
def test_text_from_benchmarks_is_shown_as_it_is_and_without_the_figure_too(results: Path) -> None:
    group = {"name": "x", "title": "T " + NASTY, "notes": ["N " + NASTY], "series": [series("W", "Q", 0.0, 0.0)]}
    write_bench(results, "bench-1", benchmarks=[group], load_average=None, started=None, machine=None)
    text = text_of(build(results))
    assert f"N {NASTY}" in text
    assert f"T {NASTY}" in text


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"benchmarks": [1]}', '{"benchmarks": [{"name": "x", "title": "", "series": 3}]}']
)
def test_broken_benchmarks_are_named_in_one_line(text: str, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bench(results, "bench-1").write_text(text)
    build(results)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("skipped a broken benchmark: bench-1/bench.json: ")
