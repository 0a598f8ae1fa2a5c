"""The rules of the policy `azure`: what they see over time and over the instances, and what they lead to."""

from typing import Any

import pytest
from pydantic import ValidationError

from controller.model import Counts, Observation, Phase, Sample
from controller.policies.azure import AzureConfig
from controller.policies.azure_rules import Rule
from tests.controller.build import observed
from tests.controller.policies.azure import azure, out


def test_window_holds_only_finished_grains() -> None:
    """Two minutes of 60 s points: 40 and 80 give 60; the minute that is going on counts for nothing."""
    policy = azure(out(50, time_grain_s=60.0, time_window_s=120.0), evaluation_interval_s=10)
    for t_s, cpu in ((0, 30.0), (30, 50.0), (60, 80.0), (110, 80.0)):
        assert policy.decide(observed(t_s, 1, cpu_percent=cpu)).wanted == 1
    assert policy.decide(observed(120, 1, cpu_percent=0.0)).reason.startswith("cpu_percent is 60, above 50")
    assert policy.decide(observed(180, 1, cpu_percent=0.0)).reason == (
        "no rule fires; cpu_percent is 40, not above 50"
    )


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [("average", 25), ("minimum", 10), ("maximum", 40), ("total", 100), ("count", 4), ("last", 30)],
)
def test_points_are_combined_over_time(aggregation: str, value: float) -> None:
    policy = azure(out(1000, time_window_s=4.0, time_aggregation=aggregation), evaluation_interval_s=4)
    for t_s, cpu in enumerate((10.0, 20.0, 40.0, 30.0)):
        policy.decide(observed(t_s, 1, cpu_percent=cpu))
    assert f"cpu_percent is {value}," in policy.decide(observed(4, 1, cpu_percent=99.0)).reason


@pytest.mark.parametrize(
    ("statistic", "value"), [("average", 40), ("min", 10), ("max", 90), ("sum", 80), ("count", 2)]
)  # fmt: skip
def test_instances_are_combined_by_the_statistic(statistic: str, value: float) -> None:
    """Two ticks of one grain: 10 and 50, then 10 and 90; one that boots does not count."""
    policy = azure(out(1000, statistic=statistic))
    for t_s, cpus in ((0.0, (10.0, 50.0)), (0.5, (10.0, 90.0))):
        serving = [Sample(f"i{cpu}", Phase.IN_SERVICE, 0, 0, cpu_percent=cpu) for cpu in cpus]
        booting = Sample("new", Phase.BOOTING, 0, 0, cpu_percent=500.0)
        policy.decide(Observation(t_s, Counts(wanted=2), cpu_percent=1.0, instances=(*serving, booting)))
    assert f"cpu_percent is {value}," in policy.decide(observed(1, 2)).reason


@pytest.mark.parametrize(
    ("change", "wanted", "result"),
    [
        ({"direction": "increase", "value": 3}, 10, 13),
        ({"direction": "increase", "type": "percent_change_count", "value": 20}, 2, 3),
        ({"direction": "increase", "type": "percent_change_count", "value": 15}, 20, 23),
        ({"direction": "increase", "type": "percent_change_count", "value": 10}, 12, 14),
        ({"direction": "decrease", "type": "percent_change_count", "value": 50}, 7, 4),
        ({"direction": "increase", "type": "exact_count", "value": 5}, 3, 5),
        ({"direction": "increase", "type": "exact_count", "value": 5}, 8, 8),
        ({"direction": "decrease", "value": 3}, 2, 0),
        ({"direction": "decrease", "type": "percent_change_count", "value": 50}, 5, 3),
        ({"direction": "decrease", "type": "percent_change_count", "value": 1}, 5, 4),
        ({"direction": "decrease", "type": "exact_count", "value": 1}, 6, 1),
        ({"direction": "decrease", "type": "exact_count", "value": 9}, 6, 6),
        ({"direction": "decrease", "value": 0}, 6, 6),
        ({"direction": "increase", "type": "percent_change_count", "value": 0}, 6, 6),
    ],
)
def test_actions(change: dict[str, Any], wanted: int, result: int) -> None:
    assert Rule.model_validate({"threshold": 1.0, **change}).result(wanted) == result


@pytest.mark.parametrize(
    ("operator", "fires"),
    [("equals", [5]), ("not_equals", [4, 6]), ("greater_than", [6]), ("greater_than_or_equal", [5, 6]),
     ("less_than", [4]), ("less_than_or_equal", [4, 5])],
)  # fmt: skip
def test_operators(operator: str, fires: list[float]) -> None:
    rule = Rule.model_validate({"threshold": 5.0, "operator": operator, "direction": "increase"})
    assert [value for value in (4, 5, 6) if rule.triggered(value)] == fires


@pytest.mark.parametrize(
    "options",
    [
        {"rules": [out(1)] * 11}, {"rules": [], "minimum": 3, "maximum": 2}, {"rules": [out(1, metric="cpu")]},
        {"rules": [out(1, time_grain_s=60.0)]}, {"rules": [out(1, value=-1)]}, {"rules": [out(1, type="exact")]},
        {"rules": [out(float("inf"))]}, {"rules": [], "default_count": -1}, {"rules": [], "profiles": []},
    ],
)  # fmt: skip
def test_illegal_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AzureConfig.model_validate(options)
