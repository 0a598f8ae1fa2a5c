import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from experiments.loading import load_run
from experiments.records import BrokenRun
from report.__main__ import choose, main
from report.single import setup_rows
from report.typeset import signature_svg
from tests.report.synthetic import POLICY, write_run

RUN_ID = "20261121-031500-ramp"
NASTY = '#panic("x") $a_b$ *bold* _it_ @ref <lab> \\n "q" `raw` [x] // c'
needs_pdftotext = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler) is not installed")


def text_of(pdf: Path) -> str:
    """The PDF's text with all white space collapsed."""
    raw = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True).stdout
    return re.sub(r"\s+", " ", raw)


def build(results: Path, *options: str) -> Path:
    output = results.parent / "out" / "report.pdf"
    assert main(["--results", str(results), "--output", str(output), *options]) == 0
    return output


def report_of(results: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    """The lines of a report that is made, and its text without white space, empty where that cannot be had."""
    output = results.parent / "report.pdf"
    assert main(["--results", str(results), "--output", str(output)]) == 0
    assert output.read_bytes().startswith(b"%PDF")
    text = re.sub(r"\s", "", text_of(output)) if shutil.which("pdftotext") else ""
    return capsys.readouterr().err.splitlines(), text


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("runs") / "results"
    folder.mkdir()
    return folder, write_run(folder, RUN_ID)


@pytest.fixture(scope="module")
def report(results: tuple[Path, dict[str, Any]]) -> tuple[Path, dict[str, Any]]:
    folder, summary = results
    return build(folder, "--figure", str(folder.parent / "figure.svg")), summary


def edit_summary(run: Path, **changes: Any) -> None:
    file = run / "summary.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@needs_pdftotext
def test_the_report_is_a_pdf_of_at_least_four_pages(report: tuple[Path, dict[str, Any]]) -> None:
    data = report[0].read_bytes()
    assert data.startswith(b"%PDF")
    info = subprocess.run(["pdfinfo", report[0]], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Pages:\s+(\d+)", info)
    assert found is not None
    assert int(found[1]) >= 4


@needs_pdftotext
def test_the_report_shows_the_summary_numbers(report: tuple[Path, dict[str, Any]]) -> None:
    text, summary = text_of(report[0]), report[1]
    assert summary["offered"] == 9450
    assert "Of 9,450 offered requests" in text
    for name in ("served", "rejected", "failed", "decisions_up", "reloads", "in_service_max"):
        assert f"{summary[name]:,}" in text, name
    assert f"p95 {summary['latency_ms_p95']:.1f} ms" in text
    assert f"cost {summary['instance_seconds']:,.0f} instance-seconds" in text
    assert f"{summary['decision_to_in_service_ms_p50']:.0f} ms (median" in text


@needs_pdftotext
def test_the_report_has_every_section_and_labelled_axes(report: tuple[Path, dict[str, Any]]) -> None:
    text = text_of(report[0])
    headings = ("1 Architecture", "2 Method", "How to read the figures", "Environment", "Definitions", "Single runs")
    for heading in headings:
        assert heading in text
    for label in ("time since the controller's start (s)", "latency (ms)", "requests/s", "instances", "duration (ms)"):
        assert label in text.replace("’", "'"), label
    assert "ramp from 5 to 100 and back to 5 requests/s, 180 s in all" in text.replace(" ,", ",")


def test_the_figure_of_the_newest_run_stands_alone_without_any_font(report: tuple[Path, dict[str, Any]]) -> None:
    svg = (report[0].parent.parent / "figure.svg").read_text()
    assert svg.startswith("<?xml")
    assert "<text" not in svg
    glyphs = set(re.findall(r'<use [^>]*href="#([^"]+)"', svg))
    assert len(glyphs) > 20
    assert glyphs <= set(re.findall(r'id="([^"]+)"', svg))
    assert not any(" " in glyph for glyph in glyphs)


def test_the_same_runs_give_the_same_bytes(report: tuple[Path, dict[str, Any]], results: tuple[Path, Any]) -> None:
    before = report[0].read_bytes()
    assert build(results[0]).read_bytes() == before


def test_the_last_line_printed_is_the_path(results: tuple[Path, Any], capsys: pytest.CaptureFixture[str]) -> None:
    output = build(results[0])
    assert capsys.readouterr().out.splitlines()[-1] == str(output)


def test_no_runs_is_one_line_and_exit_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--results", str(tmp_path / "none"), "--output", str(tmp_path / "r.pdf")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "no complete run in" in printed.err
    assert not (tmp_path / "r.pdf").exists()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


@pytest.mark.parametrize("name", ["run.json", "policy.yaml", "journal.jsonl", "requests.csv", "summary.json"])
@pytest.mark.parametrize("damage", [Path.unlink, cut])
def test_a_broken_file_is_named_in_one_line(
    name: str, damage: Any, tmp_path: Path, results: tuple[Path, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(results[0] / RUN_ID, tmp_path / RUN_ID)
    (tmp_path / RUN_ID / "policy.yaml").write_text(json.dumps(POLICY))
    damage(tmp_path / RUN_ID / name)
    assert main(["--results", str(tmp_path), "--output", str(tmp_path / "r.pdf")]) == 2
    first, *others = capsys.readouterr().err.splitlines()
    assert f"{RUN_ID}/{name}" in first
    assert len(others) == 1


@needs_pdftotext
def test_runs_that_are_left_out_are_named_in_the_report(tmp_path: Path, results: tuple[Path, Any]) -> None:
    folder = tmp_path / "results"
    shutil.copytree(results[0], folder)
    write_run(folder, "20261121-041500-cut")
    cut(folder / "20261121-041500-cut" / "requests.csv")
    write_run(folder, "20261121-051500-early", status="interrupted")
    text = text_of(build(folder))
    assert "shows 1 run" in text
    assert "20261121-041500-cut/requests.csv: line 9451 is cut off" in text
    assert "20261121-051500-early: its status is interrupted" in text
    assert str(tmp_path) not in text


@needs_pdftotext
def test_text_from_a_run_is_shown_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    run = folder / RUN_ID
    write_run(folder, RUN_ID, title="T " + NASTY, hypothesis="H " + NASTY)
    journal = run / "journal.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    for event in events:
        if event["event"] == "decision":
            event["reason"] = "R " + NASTY
    journal.write_text("".join(json.dumps(event) + "\n" for event in events))
    text = text_of(build(folder))
    for letter in "THR":
        assert f"{letter} {NASTY}" in text


@needs_pdftotext
def test_a_run_that_is_not_valid_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    write_run(folder, RUN_ID, kind="simulated")
    edit_summary(folder / RUN_ID, valid=False, validity_note="the lag was too long")
    text = text_of(build(folder))
    assert "This run is not valid. The lag was too long." in text
    assert "off schedule" in text
    assert "Simulated." in text


@needs_pdftotext
def test_a_run_without_decisions_reloads_or_a_rate_limit_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    write_run(folder, RUN_ID)
    journal = folder / RUN_ID / "journal.jsonl"
    journal.write_text("".join(line + "\n" for line in journal.read_text().splitlines() if '"event": "tick"' in line))
    (folder / RUN_ID / "policy.yaml").write_text(json.dumps({"policy": {"fixed": {"count": 3}}}))
    (folder / RUN_ID / "summary.json").write_text("{}")
    assert "The policy took no decision in this run." in text_of(build(folder))


@needs_pdftotext
def test_of_many_runs_only_the_newest_of_each_scenario_is_shown(tmp_path: Path, results: tuple[Path, Any]) -> None:
    folder = tmp_path / "results"
    for hour in range(7):
        run = folder / f"20261121-0{hour}1500-ramp"
        shutil.copytree(results[0] / RUN_ID, run)
        info = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps({**info, "run_id": run.name}))
    text = text_of(build(folder))
    assert "Of 7 complete runs only the newest of each scenario is shown." in text
    assert "20261121-061500-ramp" in text
    assert "20261121-051500-ramp" not in text


ORACLE = "t_s,instances\n0.000000,1\n40.250000,5\n95.000000,10\n196.000000,1\n"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run without an oracle, of earlier days, and a simulated one with its oracle."""
    folder = tmp_path_factory.mktemp("twin") / "results"
    folder.mkdir()
    write_run(folder, RUN_ID)
    write_run(folder, "20261122-031500-ramp", kind="simulated")
    (folder / "20261122-031500-ramp" / "oracle.csv").write_text(ORACLE)
    edit_summary(folder / "20261122-031500-ramp", oracle_instance_seconds=1043.2, cost_ratio=1.574)
    return folder


@needs_pdftotext
def test_a_simulated_run_is_marked_wherever_it_is_named(twin: Path) -> None:
    text = text_of(build(twin))
    name = "20261122-031500-ramp"
    assert "This report shows 2 runs, 1 of them simulated. The newest is 20261122-031500-ramp (simulated);" in text
    assert f"Decisions of run {name} (simulated)" in text
    assert f"Run {name} (simulated) over time" in text
    assert re.search(rf"{name} \(simulated\) [0-9,]+", text), "the table of runs"
    assert "simulated time since the controller's start (s)" in text.replace("’", "'")
    assert f"{RUN_ID} (simulated)" not in text


@needs_pdftotext
def test_the_oracle_s_cost_is_in_the_tables(twin: Path) -> None:
    text = text_of(build(twin))
    assert "the oracle’s cost 1,043 instance-s" in text
    assert "cost over the oracle’s 1.57 ×" in text
    assert "× oracle" in text


def test_the_oracle_is_a_line_of_the_fleet_where_the_run_tells_it(twin: Path) -> None:
    with_oracle, without = (
        signature_svg(load_run(twin / name), standalone=False) for name in ("20261122-031500-ramp", RUN_ID)
    )
    assert ">oracle<" in with_oracle
    assert ">oracle<" not in without
    assert "simulated time" in with_oracle
    assert "simulated" not in without


def test_the_oracle_s_steps_are_read_in_their_order(twin: Path) -> None:
    run = load_run(twin / "20261122-031500-ramp")
    assert run.oracle["instances"].tolist() == [1, 5, 10, 1]
    assert run.simulated
    assert not load_run(twin / RUN_ID).simulated
    assert load_run(twin / RUN_ID).oracle.empty


@pytest.mark.parametrize("text", ["", "t_s,instances\n", "t_s,count\n1,2\n", ORACLE[:-3], "t_s,instances\n1,two\n"])
def test_an_oracle_that_is_cut_off_is_a_broken_run(tmp_path: Path, text: str) -> None:
    write_run(tmp_path, RUN_ID)
    (tmp_path / RUN_ID / "oracle.csv").write_text(text)
    with pytest.raises(BrokenRun, match=r"oracle\.csv: (line 5 )?is cut off or malformed"):
        load_run(tmp_path / RUN_ID)


def test_of_many_runs_a_simulated_one_never_takes_the_place_of_a_real_one(twin: Path) -> None:
    runs = [load_run(twin / name) for name in ("20261122-031500-ramp", RUN_ID)]
    shown, note = choose([runs[0]] * 4 + [runs[1]] * 4)
    assert shown == runs
    assert note == "Of 8 complete runs only the newest of each scenario, real and simulated, is shown."


def test_time_that_passes_faster_for_the_policies_is_a_row_of_the_set_up(tmp_path: Path) -> None:
    write_run(tmp_path, RUN_ID)
    file = tmp_path / RUN_ID / "run.json"
    rows = {row["name"] for row in setup_rows(load_run(tmp_path / RUN_ID), False)}
    file.write_text(json.dumps({**json.loads(file.read_text()), "time_scale": 10}))
    changed = setup_rows(load_run(tmp_path / RUN_ID), False)
    assert {row["name"] for row in changed} - rows == {"time"}
    assert any("10 times faster for the policies" in line for row in changed for line in row["lines"])
