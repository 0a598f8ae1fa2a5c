"""Scenario files: shapes, what replaces what, and errors in one line."""

import pytest

from experiments.scenario import ScenarioError, load_scenario, names, parse
from loadgen.load import SHAPES, OpenLoad

RAMP = {"shape": "ramp", "low_rps": 5, "peak_rps": 100, "duration_s": 180}
STEP = {"shape": "step", "low_rps": 5, "high_rps": 100, "before_s": 20, "duration_s": 60}
TEXT = {"title": "T", "hypothesis": "{low_rps:g} with {policy}", "policy": "rules.yaml"}


def loads(**overrides: float) -> list[dict[str, object]]:
    """The loads of ramp and step."""
    return [load_scenario(name, overrides).load.model_dump() for name in ("ramp", "step")]


def test_every_shipped_scenario_can_be_used() -> None:
    assert {"ramp", "step"} <= set(names())
    for name in names():
        scenario = load_scenario(name, {})
        assert "{" not in scenario.claim()
        assert scenario.load.duration_s > 10


def test_values_of_any_load_can_be_claimed() -> None:
    shapes = [{"shape": "constant", "duration_s": 30}, {"shape": "sine", "duration_s": 40}]
    text = {**TEXT, "hypothesis": "{duration_s:g} s"}
    assert parse({**text, "load": {"shape": "sum", "of": shapes}}, "x.yaml").claim() == "40 s"
    assert parse({**text, "load": {"mode": "closed", "duration_s": 50}}, "x.yaml").claim() == "50 s"


def test_the_highest_rate_is_replaced_whatever_it_is_called() -> None:
    ramp, step = loads(highest_rps=42, low_rps=2)
    assert (ramp["peak_rps"], ramp["low_rps"], step["high_rps"], step["low_rps"]) == (42, 2, 42, 2)
    assert loads(highest_rps=3, low_rps=1)[0]["peak_rps"] == 3


def test_what_is_not_replaced_stays() -> None:
    before, after = loads()[0], loads(duration_s=60)[0]
    assert after == {**before, "duration_s": 60}
    load = load_scenario("ramp", {"duration_s": 60}).load
    assert isinstance(load, OpenLoad)
    assert [load.curve().rate(t_s) for t_s in (0, 30, 60)] == [5, 100, 5]


def test_an_override_that_cannot_be_is_told() -> None:
    with pytest.raises(ScenarioError, match=r"^availability\.yaml: load: low_rps: the shape constant has none$"):
        load_scenario("availability", {"low_rps": 3})
    with pytest.raises(ScenarioError, match=r"^ramp\.yaml: load: peak_rps: -3: Input should be greater than 0$"):
        load_scenario("ramp", {"highest_rps": -3})


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
    with pytest.raises(ScenarioError, match=r"^x\.yaml: load: 'saw' is no shape; legal are constant, ramp, ") as caught:
        parse({**TEXT, "load": {**RAMP, "shape": "saw"}}, "x.yaml")
    assert "\n" not in str(caught.value)
    assert all(shape in str(caught.value) for shape in SHAPES)


def test_unknown_scenario_is_told_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=r"'rmap' is no scenario; known are .*ramp"):
        load_scenario("rmap", {})
