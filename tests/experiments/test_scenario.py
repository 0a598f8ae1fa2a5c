"""Scenario files: shapes, what replaces what, and errors in one line."""

import pytest

from experiments.scenario import ScenarioError, load_scenario, parse
from loadgen.load import OpenLoad

RAMP = {"shape": "ramp", "low_rps": 5, "peak_rps": 100, "duration_s": 180}
STEP = {"shape": "step", "low_rps": 5, "high_rps": 100, "before_s": 20, "duration_s": 60}
TEXT = {"title": "T", "hypothesis": "{low_rps:g} with {policy}", "policy": "rules.yaml"}


def test_ramp_and_step_offer_what_they_say() -> None:
    ramp, step = load_scenario("ramp", {}).load, load_scenario("step", {}).load
    assert isinstance(ramp, OpenLoad)
    assert isinstance(step, OpenLoad)
    assert [ramp.curve().rate(t_s) for t_s in (0, 90, 180)] == [5, 100, 5]
    assert [step.curve().rate(t_s) for t_s in (0, 9.9, 10, 29.9, 30)] == [5, 5, 100, 100, 5]


def test_the_highest_rate_is_replaced_whatever_it_is_called() -> None:
    ramp, step = (load_scenario(name, {"highest_rps": 42, "low_rps": 2}).load for name in ("ramp", "step"))
    told = ramp.model_dump(), step.model_dump()
    assert [(each["low_rps"], each.get("peak_rps", each.get("high_rps"))) for each in told] == [(2, 42), (2, 42)]


@pytest.mark.parametrize(
    ("load", "line"),
    [
        ({**RAMP, "low_rps": -1}, "x.yaml: load.low_rps: -1: Input should be greater than or equal to 0"),
        ({**RAMP, "low_rps": 200}, "x.yaml: load: low_rps 200 is above peak_rps 100"),
        ({**STEP, "before_s": 61}, "x.yaml: load: before_s 61 is above duration_s 60"),
        ({**STEP, "peak_rps": 50}, "x.yaml: load.peak_rps: 50: Extra inputs are not permitted"),
    ],
)
def test_error_is_one_line_with_place_and_value(load: dict[str, object], line: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse({**TEXT, "load": load}, "x.yaml")
    assert str(caught.value) == line


def test_unknown_shape_is_told_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="'saw' is no shape; legal are constant, ramp, step") as caught:
        parse({**TEXT, "load": {**RAMP, "shape": "saw"}}, "x.yaml")
    assert "\n" not in str(caught.value)


def test_unknown_scenario_is_told_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="'rmap' is no scenario; known are ramp, step, flash-crowd"):
        load_scenario("rmap", {})
