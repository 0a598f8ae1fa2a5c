import json
from pathlib import Path

import pytest

from experiments.loading import load_run
from report import series, shadows, style
from tests.report.synthetic import copy_run
from tests.report.test_report import build, needs_pdftotext, text_of


def write_shadows(results: Path, source: Path) -> Path:
    """A run with two shadows, one of which changes its mind once."""
    folder = copy_run(results, source, "20261121-041500-ramp", {}, {})
    told = [(0.5, "hpa", None, 2), (10.0, "hpa", 2, 5), (0.5, "kpa", None, 3)]
    lines = [
        json.dumps({"t_s": t_s, "event": "shadow", "name": name, "was": was, "wanted": wanted, "reason": ""})
        for t_s, name, was, wanted in told
    ]
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write("".join(line + "\n" for line in lines))
    return folder


def test_what_a_shadow_asked_for_is_the_area_below_its_number(tmp_path: Path, source: Path) -> None:
    run = load_run(write_shadows(tmp_path, source))
    end_s = float(run.ticks["t_s"].iloc[-1])
    steps = series.wanted_changes(run, "hpa")
    assert steps["wanted"].tolist() == [2, 5]
    assert series.area(steps, end_s) == pytest.approx(2 * 9.5 + 5 * (end_s - 10))
    rows = {row[0]: row[1:] for row in shadows.shadow_rows(run)}
    assert list(rows) == ["acting", "hpa", "kpa"]
    assert rows["hpa"][2:] == ["5", "1"]
    assert rows["kpa"][2:] == ["3", "0"]
    assert rows["acting"][1] == "1.00"
    assert int(rows["acting"][3]) == len(run.decisions)


def test_each_shadow_has_a_panel(tmp_path: Path, source: Path) -> None:
    svg = style.to_svg(shadows.shadows_figure(load_run(write_shadows(tmp_path, source))), standalone=False)
    assert ">hpa<" in svg
    assert ">kpa<" in svg


@needs_pdftotext
def test_the_report_shows_shadows_where_a_run_has_them(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    copy_run(results, source, "20261121-031500-ramp", {}, {})
    assert "Shadows" not in text_of(build(results))
    write_shadows(results, source)
    text = text_of(build(results))
    assert "What each shadow wanted in run 20261121-041500-ramp" in text
    assert "Most wanted" in text
