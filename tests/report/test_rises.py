import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from report.rises import Rises, finding, newest_rises, real_words, rises_data, slope_of
from report.rises_figure import between, number, places, rises_figure
from tests.report.synthetic import POLICY, copy_run
from tests.report.test_report import build, needs_pdftotext, text_of

FACTS: dict[str, Any] = {
    "policy_file": "rules.yaml", "policy": POLICY, "low_rps": 5.0, "high_rps": 100.0, "hold_s": 40.0,
    "boots_at_once": 2, "repeats": 2, "parameters": {"all": "made up"},
}  # fmt: skip
# Seconds with too few instances; ten times as many requests are not served.
SECONDS = {(0.1, 1.0): 0.0, (0.1, 8.0): 0.0, (0.1, math.inf): 0.5, (1.0, 1.0): 0.0, (1.0, 8.0): 4.0, (1.0, math.inf): 9}
BOOTED = {"clone_ms_p50": 60.0, "address_ms_p50": 0.0, "application_ms_p50": 30.0, "tau_u_percent": 0.5}


def write_sweep(results: Path, name: str = "sweep-20261121-160000", **facts: Any) -> Path:
    """What experiments/sweep.py leaves, two repeats of each cell."""
    folder = results / name
    folder.mkdir(parents=True)
    rows = [f"{boot},{slope},{seed},{s + seed - 1.5},{10 * s}\n"
            for (boot, slope), s in SECONDS.items() for seed in (1, 2)]  # fmt: skip
    (folder / "sweep.csv").write_text("boot_s,slope_rps2,seed,too_few_s,not_served\n" + "".join(rows))
    (folder / "sweep.json").write_text(json.dumps({**FACTS, **facts}))
    return folder


def read(results: Path) -> Rises:
    rises, notes = newest_rises(results)
    assert rises is not None
    assert notes == []
    return rises


def test_cells_are_means_of_the_repeats_by_boot_and_slope(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    table = read(tmp_path).table("too_few_s")
    assert list(table.index) == [0.1, 1.0]
    assert table.columns.to_numpy().tolist() == [1.0, 8.0, math.inf]
    assert table.to_numpy().tolist() == [[0, 0, 0.5], [0, 4, 9]]


def test_the_finding_is_the_steepest_rise_that_each_boot_time_keeps_up_with(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    assert finding(read(tmp_path).table("too_few_s")) == (
        "The fleet is too small for at most 1 s with boots of 0.1 s even on the step and with boots of 1 s on rises of "
        "up to 1 requests/s a second."
    )
    columns = [1.0, 8.0, math.inf]
    short = pd.DataFrame([[0.0, 0.0, 2.0], [3.0, 0.0, 2.0], [9.0, 9.0, 9.0]], index=[0.1, 2.0, 5.0], columns=columns)
    assert finding(short) == (
        "The fleet is too small for at most 1 s with boots of 0.1 s on rises of up to 8 requests/s a second but not on "
        "the step and with boots of 2 to 5 s on no rise that was simulated."
    )


def test_the_sweep_with_most_repeats_counts_and_of_these_the_newest(tmp_path: Path) -> None:
    write_sweep(tmp_path, "sweep-1", repeats=3, hold_s=1.0)
    write_sweep(tmp_path, "sweep-2", repeats=3, hold_s=2.0)
    write_sweep(tmp_path, "sweep-3", repeats=1, hold_s=3.0)
    assert read(tmp_path).info["hold_s"] == 2.0


def test_real_runs_on_such_a_rise_under_the_same_policy_are_shown(tmp_path: Path, source: Path) -> None:
    write_sweep(tmp_path)
    step = {"kind": "step", "low_rps": 5, "high_rps": 100, "before_s": 5, "high_s": 20, "duration_s": 40}
    figures = {**BOOTED, "offered": 1000, "served": 990}
    copy_run(tmp_path, source, "20261121-1-ramp", {}, figures)
    copy_run(tmp_path, source, "20261121-2-step", {"shape": step}, figures)
    copy_run(tmp_path, source, "20261121-3-step", {"shape": step}, {**figures, "valid": False})
    copy_run(tmp_path, source, "20261121-4-step", {"shape": step, "kind": "simulated"}, figures)
    copy_run(tmp_path, source, "20261121-5-step", {"shape": {**step, "high_rps": 50}}, figures)
    other = copy_run(tmp_path, source, "20261121-6-step", {"shape": step}, figures)
    (other / "policy.yaml").write_text(yaml.safe_dump({**POLICY, "tick_s": 5}))
    exec_run = copy_run(tmp_path, source, "20261121-7-step", {"shape": step}, {**figures, "clone_ms_p50": 200.0})
    (exec_run / "policy.yaml").write_text(yaml.safe_dump({**POLICY, "boot": "zygote"}))
    (copy_run(tmp_path, source, "20261121-8-step", {"shape": step}, figures) / "summary.json").unlink()
    rises = read(tmp_path)
    ramp, first, second = rises.real
    assert ramp.slope_rps2 == pytest.approx(190 / 180)
    assert (ramp.boot_s, ramp.not_served) == (0.09, 10)
    assert math.isinf(first.slope_rps2)
    assert first.too_few_s == pytest.approx(0.2)
    assert second.boot_s == pytest.approx(0.23)
    assert real_words(rises) == (
        "Real runs lost at 1.1 requests/s a second 10 with boots of 0.09 s (the nearest cell has 0) and on the step 10 "
        "with boots of 0.09 to 0.23 s (the nearest cell has 5)."
    )
    assert rises_data(rises)["real"].startswith("Circles are 3 real runs with such a rise")
    assert {len(axes.lines) for axes in rises_figure(rises).axes} == {3}


def test_other_shapes_than_a_ramp_or_a_step_have_no_slope() -> None:
    assert slope_of({"kind": "sine", "low_rps": 1, "peak_rps": 9, "duration_s": 10}) is None
    assert slope_of({}) is None


def test_a_place_lies_between_the_middles_of_cells_and_at_most_half_a_cell_outside() -> None:
    middles = np.log([1.0, 2.0, 4.0])
    assert between(math.log(2.0), middles) == 1
    assert between(math.log(2.0 * math.sqrt(2)), middles) == pytest.approx(1.5)
    assert between(math.log(0.001), middles) == -0.5
    assert between(math.log(1000), middles) == 2.5


def test_runs_of_one_slope_lie_in_turn_left_and_right_of_the_number(tmp_path: Path, source: Path) -> None:
    write_sweep(tmp_path)
    step = {"kind": "step", "low_rps": 5, "high_rps": 100, "before_s": 5, "high_s": 20, "duration_s": 40}
    for number_of_run in range(2):
        copy_run(tmp_path, source, f"20261121-{number_of_run}-step", {"shape": step}, BOOTED)
    rises = read(tmp_path)
    left, right = (x for x, _, _ in places(rises.table("too_few_s"), [(each, 1.0) for each in rises.real]))
    assert left < 2.5 < right


def test_numbers_have_two_digits() -> None:
    values = (0, 0.04, 0.354, 4.88, 26.6, 1063.7)
    assert [number(each) for each in values] == ["0", "0.040", "0.35", "4.9", "27", "1,064"]


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("sweep.json", "{}", "sweep.json: lacks policy_file"),
        ("sweep.csv", "boot_s,slope_rps2\n1,2\n", "sweep.csv: lacks the column too_few_s"),
        ("sweep.csv", "boot_s,slope_rps2,too_few_s,not_served\n", "sweep.csv: is cut off or malformed"),
        ("sweep.csv", "boot_s,slope_rps2,too_few_s,not_served\n1,2,3,\n", "sweep.csv: is cut off or malformed"),
    ],
)
def test_a_broken_sweep_is_noted_and_left_out(tmp_path: Path, file: str, text: str, told: str) -> None:
    (write_sweep(tmp_path) / file).write_text(text)
    rises, (note,) = newest_rises(tmp_path)
    assert rises is None
    assert told in note


@needs_pdftotext
def test_the_report_has_a_section_on_rises_and_says_that_it_is_simulated(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    copy_run(results, source, source.name, {}, {})
    assert "No rises of the load were simulated. (python -m experiments sweep)" in text_of(build(results))
    write_sweep(results)
    text = text_of(build(results))
    assert "How soon instances must be there" in text
    assert "Simulated is rules.yaml on a load that rises from 5 to 100 requests/s" in text
    assert "2 times a cell, which shows the mean" in text
    assert "the rest of the model comes from made up" in text
    assert "boot time of an instance (s)" in text
    assert "No rises of the load were simulated." not in text
