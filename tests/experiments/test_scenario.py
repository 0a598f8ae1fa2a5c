"""Scenario files: shapes, what replaces what, and errors in one line."""

import pytest

from experiments.machine import ROOT
from experiments.scenario import ScenarioError, load_scenario, names, parse
from loadgen.load import SHAPES, RampLoad, StepLoad
from loadgen.options import COMMON_OPTIONS
from loadgen.shapes import arrival_count

RAMP = {"shape": "ramp", "low_rps": 5, "peak_rps": 100, "duration_s": 180}
STEP = {"shape": "step", "low_rps": 5, "high_rps": 100, "before_s": 20, "duration_s": 60}
TEXT = {"title": "T", "hypothesis": "{low_rps:g} with {policy}", "policy": "rules.yaml"}


def test_every_shipped_scenario_can_be_used() -> None:
    assert names() == ["ramp", "step"]
    for name in names():
        scenario = load_scenario(name, {})
        assert "rules.yaml" in scenario.claim()
        assert "{" not in scenario.claim()
        assert arrival_count(scenario.load.curve()) > 1000


def test_ramp_and_step_offer_what_they_say() -> None:
    ramp, step = load_scenario("ramp", {}).load, load_scenario("step", {}).load
    assert [ramp.curve().rate(t_s) for t_s in (0, 90, 180)] == [5, 100, 5]
    assert [step.curve().rate(t_s) for t_s in (0, 19.9, 20, 60)] == [5, 5, 100, 100]


def test_the_highest_rate_is_replaced_whatever_it_is_called() -> None:
    ramp, step = (load_scenario(name, {"highest_rps": 42, "low_rps": 2}).load for name in ("ramp", "step"))
    assert isinstance(ramp, RampLoad)
    assert isinstance(step, StepLoad)
    assert (ramp.peak_rps, ramp.low_rps, step.high_rps, step.low_rps) == (42, 2, 42, 2)


@pytest.mark.parametrize("name", ["ramp", "step"])
def test_locust_knows_every_option_that_it_is_given(name: str) -> None:
    """As text, for Locust changes the whole process that imports it."""
    arguments = load_scenario(name, {}).load.arguments()
    text = (ROOT / "loadgen" / f"{name}.py").read_text()
    common = {option.flag for option in COMMON_OPTIONS}
    assert {"--low", "--duration", "--seed", "--integral-share"} < set(arguments[::2])
    assert all(flag in common or f'number("{flag}"' in text for flag in arguments[::2])


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
    with pytest.raises(ScenarioError, match="'ramp', 'step'") as caught:
        parse({**TEXT, "load": {**RAMP, "shape": "saw"}}, "x.yaml")
    assert "\n" not in str(caught.value)
    assert set(SHAPES) == {"ramp", "step"}


def test_unknown_scenario_is_told_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="'rmap' is no scenario; known are ramp, step"):
        load_scenario("rmap", {})
