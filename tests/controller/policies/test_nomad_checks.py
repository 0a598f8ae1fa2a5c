"""The strategies of the policy `nomad`, against the vectors of the original's own tests.

They are those of hashicorp/nomad-autoscaler, plugins/builtin/strategy/*/plugin/plugin_test.go, each under its name
there; wrong configurations there are options that are refused here.
"""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from controller.policies.nomad_checks import Check, Points, Strategy, Vote
from tests.controller.policies.nomad import check


def voted(kind: str, options: dict[str, Any], count: int, *points: float) -> Vote:
    return Strategy.model_validate({kind: options}).the.vote(points, count)


@pytest.mark.parametrize(
    ("options", "point", "count", "result"),
    [
        pytest.param({"target": 13.0}, 13, 2, 2, id="factor equals 1 with non-zero count"),
        pytest.param({"target": 13.0}, 26, 2, 4, id="factor greater than 1 with non-zero count"),
        pytest.param({"target": 10.0}, 20, 0, 2, id="scale from 0 with non-zero target"),
        pytest.param({"target": 10.0}, 9, 1, 1, id="no scaling based on small target/metric difference"),
        pytest.param({"target": 10.0}, 1, 0, 1, id="scale from 0 by a tenth of the target"),
        pytest.param({"target": 0.0}, 1, 0, 1, id="scale from 0 with 0 target eg. build queue with 0 running agents"),
        pytest.param({"target": 0.0}, 0, 5, 0, id="scale to 0 with 0 target eg. idle build agents"),
        pytest.param({"target": 5.0}, 5.00001, 8, 8, id="don't scale when the factor change is small"),
        pytest.param({"target": 5.0, "threshold": 0.000001}, 5.00001, 8, 9, id="scale up if threshold is small"),
        pytest.param({"target": 70.0}, 80, 10, 12, id="the documentation's 80 % of 70 on ten"),
        pytest.param({"target": 10.0}, 0, 0, 0, id="nothing from nothing"),
        pytest.param({"target": 10.0, "max_scale_up": 3}, 40, 5, 8, id="max_scale_up"),
        pytest.param({"target": 10.0, "max_scale_down": 1}, 1, 5, 4, id="max_scale_down"),
        pytest.param({"target": 10.0, "max_scale_up": 0}, 40, 5, 5, id="max_scale_up of none"),
        pytest.param({"target": 10.0}, math.inf, 0, 1, id="a share of no instances asks for one"),
        pytest.param({"target": 1e-300}, 1e8, 5, 6, id="a share of next to no target is one of none"),
    ],
)
def test_target_value(options: dict[str, Any], point: float, count: int, result: int) -> None:
    assert voted("target_value", options, count, point).count == result


@pytest.mark.parametrize(
    ("count", "factor", "threshold", "direction"),
    [(0, 1, 0.0, 1), (5, 1, 0.0, 0), (4, 0.5, 0.0, -1), (5, 2, 0.0, 1), (5, 1.0001, 0.01, 0), (5, 1.02, 0.01, 1),
     (5, 0.99, 0.01, 0), (5, 0.79, 0.01, -1), (4, 0.5, 0.5, 0), (4, 1.5, 0.5, 0)],
)  # fmt: skip
def test_direction_of_target_value(count: int, factor: float, threshold: float, direction: int) -> None:
    """As in TestStrategyPlugin_calculateDirection, with 0.79 for 0.98, whose count is the same; and both bounds."""
    assert voted("target_value", {"target": 1.0, "threshold": threshold}, count, factor).direction == direction


def test_target_value_uses_only_the_newest_point() -> None:
    """properly handle multiple input"""
    assert voted("target_value", {"target": 16.0}, 2, 13, 14, 15, 16).direction == 0


TENS = (10.0,) * 6


@pytest.mark.parametrize(
    ("options", "count", "points", "result"),
    [
        pytest.param({"lower_bound": 10.0, "delta": -1}, 1, (10,) * 5, 0, id="lower_bound is inclusive"),
        pytest.param({"upper_bound": 10.0, "delta": 1}, 1, (10,) * 5, 1, id="upper_bound is exclusive"),
        pytest.param({"within_bounds_trigger": 3, "lower_bound": 10.0, "upper_bound": 20.0, "delta": 1}, 1,
                     (10, 10, 20, 20, 20), 1, id="lower inclusive and upper exclusive/no action"),
        pytest.param({"within_bounds_trigger": 2, "lower_bound": 10.0, "upper_bound": 20.0, "delta": 1}, 1,
                     (10, 10, 20, 20, 20), 2, id="lower inclusive and upper exclusive/scale"),
        pytest.param({"delta": 1}, 1, TENS, 2, id="delta scale up"),
        pytest.param({"delta": -1}, 1, TENS, 0, id="delta scale down"),
        pytest.param({"delta": -1}, 0, TENS, 0, id="delta scale down, no negative"),
        pytest.param({"percentage": 30.0}, 10, TENS, 13, id="percentage scale up"),
        pytest.param({"percentage": -30.0}, 10, TENS, 7, id="percentage scale down"),
        pytest.param({"percentage": 0.0}, 10, TENS, 10, id="percentage scale none"),
        pytest.param({"percentage": 10.0}, 100, TENS, 111, id="100 times 1.1 is a little more than 110"),
        pytest.param({"percentage": -200.0}, 10, TENS, 0, id="more than all"),
        pytest.param({"value": 10}, 1, TENS, 10, id="value scale up"),
        pytest.param({"value": 10}, 20, TENS, 10, id="value scale down"),
        pytest.param({"value": 10}, 10, TENS, 10, id="value scale none"),
        pytest.param({"delta": 1}, 1, (10, 0, 0, 0, 0, 0), 1, id="not enough metrics within bounds"),
        pytest.param({"delta": 1, "within_bounds_trigger": 1}, 1, (10, 0, 0, 0, 0, 0), 2, id="custom trigger value"),
    ],
)  # fmt: skip
def test_threshold(options: dict[str, Any], count: int, points: tuple[float, ...], result: int) -> None:
    bounds = {} if {"lower_bound", "upper_bound"} & options.keys() else {"lower_bound": 5.0, "upper_bound": 20.0}
    assert voted("threshold", bounds | options, count, *points).count == result


@pytest.mark.parametrize(
    ("options", "point", "count", "result"),
    [
        pytest.param({}, 13, 2, 13, id="pass-through scale up"),
        pytest.param({}, 0, 2, 0, id="pass-through scale down to 0"),
        pytest.param({}, 10, 10, 10, id="no scaling - current count same as metric"),
        pytest.param({"max_scale_up": 3}, 13, 2, 5, id="pass-through scale up, but max_scale_up is set"),
        pytest.param({"max_scale_down": 1}, 3, 10, 9, id="pass-through scale down, but max_scale_down is set"),
        pytest.param({}, 9.9, 2, 9, id="the fraction is cut off"),
        pytest.param({}, 10.9, 10, 10, id="less than one more is none"),
        pytest.param({}, math.inf, 0, 1, id="a share of no instances asks for one"),
    ],
)
def test_pass_through(options: dict[str, Any], point: float, count: int, result: int) -> None:
    assert voted("pass_through", options, count, 99, point).count == result


@pytest.mark.parametrize(("count", "direction"), [(2, 1), (3, 0), (4, -1)])
def test_fixed_value(count: int, direction: int) -> None:
    vote = voted("fixed_value", {"value": 3}, count)
    assert (vote.count, vote.direction) == (3, direction)


@pytest.mark.parametrize(
    "strategy",
    [
        {}, {"target_value": {}}, {"target_value": {"target": "13"}}, {"threshold": {"lower_bound": "x", "delta": 1}},
        {"target_value": {"target": 1.0, "threshold": -1.0}}, {"threshold": {"delta": 1}},
        {"threshold": {"lower_bound": 5.0}},
        {"threshold": {"lower_bound": 5.0, "delta": 1, "value": 10}}, {"threshold": {"lower_bound": 5.0, "value": -1}},
        {"threshold": {"lower_bound": 5.0, "delta": 1, "within_bounds_trigger": 0}}, {"fixed_value": {}},
        {"fixed_value": {"value": 3}, "pass_through": {}}, {"pass_through": {"max_scale_up": 1.5}}, {"none": {}},
    ],
)  # fmt: skip
def test_strategies_that_are_refused(strategy: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Strategy.model_validate(strategy)


def points(window_s: float, offset_s: float = 0.0) -> Points:
    options = check(fixed_value={"value": 1}, query_window_s=window_s, query_window_offset_s=offset_s)
    found = Points(Check.model_validate(options), step_s=1.0)
    for t_s in range(10):
        found.add(float(t_s), 10.0 * t_s)
    return found


@pytest.mark.parametrize(
    ("window_s", "offset_s", "now_s", "values"),
    [
        (3, 0, 9, [60, 70, 80, 90]),
        (3, 0, 11, [80, 90]),
        (3, 0, 13, []),
        (2, 4, 9, [30, 40, 50]),
        (2, 20, 9, []),
        (0, 0, 9, [90]),
        (0, 0, 10, [90]),
        (0, 0, 10.1, []),
        (0, 3, 9, [60]),
    ],
)
def test_points_of_a_window(window_s: float, offset_s: float, now_s: float, values: list[float]) -> None:
    """The original asks from now - offset - window to now - offset, both included; an instant for the newest point."""
    assert points(window_s, offset_s).within(now_s) == values
