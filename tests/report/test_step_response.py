import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.loading import Run, load_run
from report.step_response import response_of, step_figure, step_finding
from tests.report.synthetic import INFO, copy_run

STEP: dict[str, Any] = {
    "kind": "step", "low_rps": 5, "high_rps": 50, "before_s": 5, "high_s": 10, "duration_s": 25, "arrivals": "even",
}  # fmt: skip


def stepped(source: Path, late_s: float, most: int = 8) -> Run:
    """The load begins at 2 s, so it steps at 7 s and back at 17 s; enough instances come so late."""
    ticks = [(0.0, 1), (7.0 + late_s, 5), (8.0, most), (20.0, 4)]
    run = load_run(source)
    return replace(
        run,
        info={**run.info, "shape": STEP},
        ticks=pd.DataFrame(ticks, columns=["t_s", "in_service"]).assign(wanted=1),
        demand=pd.DataFrame([(2.0, 1), (7.0, 5), (17.0, 1), (27.0, 1)], columns=["t_s", "instances"]),
        requests=pd.DataFrame({"due_s": [2.2, 7.0, 27.0]}),
    )


def test_the_steps_are_where_the_load_has_them(source: Path) -> None:
    response = response_of(stepped(source, 0.5))
    assert response is not None
    assert response.up_s == pytest.approx(7.0, abs=0.1)  # the first request is due a little after the beginning
    assert response.down_s - response.up_s == 10
    assert response.reached_s == pytest.approx(0.5, abs=0.15)
    assert response.in_service(np.array([6.0, 9.0, 25.0])).tolist() == [1, 8, 4]


def test_the_finding_tells_rise_overshoot_and_rest_of_all_repeats(source: Path) -> None:
    arms = {"": [stepped(source, 0.25), stepped(source, 0.45), stepped(source, 0.65)]}
    found = step_finding(arms)
    assert found.startswith("The 5 instances that the step needs are in service 0.")
    assert found.endswith(
        "; the fleet grows to 8, 60 % more. After the step down 4 are left when the load ends 10 s later."
    )
    low, high = found[found.index("(") + 1 : found.index(" s)")].split(" to ")
    assert float(high) - float(low) == pytest.approx(0.4, abs=0.05)


def test_a_step_that_is_never_met_is_told(source: Path) -> None:
    assert step_finding({"": [stepped(source, 0.5, most=4)]}) != ""
    poor = stepped(source, 0.5)
    poor = replace(poor, ticks=poor.ticks.assign(in_service=2))
    assert step_finding({"": [poor]}).startswith("The 5 instances that the step needs are never in service; the fleet")
    some = step_finding({"": [stepped(source, 0.5), poor]})
    assert " s after it in 1 of 2 repeats; " in some


def test_the_band_holds_all_repeats_around_their_median(source: Path) -> None:
    figure = step_figure({"": [stepped(source, late_s) for late_s in (0.2, 0.4, 0.8)]})
    assert figure is not None
    up = figure.axes[0]
    in_service = up.lines[0]
    at = np.searchsorted(np.asarray(in_service.get_xdata()), 0.65)
    assert np.asarray(in_service.get_ydata())[at] == 5
    (band,) = up.collections
    box = band.get_datalim(up.transData)
    assert (box.y0, box.y1) == (1, 8)
    legend = up.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["in service, median", "all repeats", "needed"]


@pytest.mark.parametrize(
    "shape",
    [INFO["shape"], {**STEP, "high_s": None}, {**STEP, "low_rps": "x"}, {"kind": "closed", "mode": "closed"}, {}],
)
def test_other_loads_have_no_response(tmp_path: Path, source: Path, shape: dict[str, Any]) -> None:
    folder = copy_run(tmp_path, source, "20261121-1-x", {"shape": shape}, {})
    assert json.loads((folder / "run.json").read_text())["shape"] == shape
    run = load_run(folder)
    assert response_of(run) is None
    assert step_figure({"": [run]}) is None
    assert step_finding({"": [run]}) == ""
