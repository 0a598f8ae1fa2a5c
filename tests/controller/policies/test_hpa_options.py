"""The policy `hpa`: options, words, and what holds for whatever is seen."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.model import METRICS, Phase, Sample
from controller.policies.hpa_config import HpaConfig
from controller.policies.hpa_replicas import MOST
from tests.controller.build import observed
from tests.controller.policies.build import HISTORIES, check
from tests.controller.policies.hpa_build import OFFERED, hpa, seen


def test_default_is_80_percent_of_the_cpu_request_as_in_the_api() -> None:
    config = HpaConfig()
    (metric,) = config.metrics
    assert (metric.type, metric.name, metric.average_utilization_percent) == ("Resource", "cpu_percent", 80)
    assert (config.sync_period_s, config.tolerance, config.downscale_stabilization_s) == (15, 0.1, 300)
    assert (config.cpu_initialization_period_s, config.initial_readiness_delay_s) == (300, 30)
    assert (config.bounds.minimum, config.bounds.maximum) == (1, MOST)


def test_policy_describes_itself_in_words() -> None:
    policy = hpa({"type": "Resource", "average_utilization_percent": 50}, OFFERED, tolerance=0.2,
                 behavior={"scale_up": {"tolerance": 0.05}, "scale_down": {"select_policy": "Disabled"}})  # fmt: skip
    band = "within 0.8 to 1.05 of it nothing changes"
    assert policy.describe() == [
        f"every 15 s: Resource cpu_percent at 50% of the request; {band}",
        f"every 15 s: Object offered_rps at 10 per instance; {band}",
        "scale up: at most the largest of 4 in 15 s, 100% in 15 s, stabilised over 0 s",
        "scale down: never, stabilised over 300 s",
    ]
    assert hpa({"type": "External", "metric": "queue_requests", "value": 5}).describe() == [
        "every 15 s: External queue_requests at 5; within 0.9 to 1.1 of it nothing changes",
        "up at most to twice as many (or 4) at once, down to the most that was recommended within 300 s",
    ]


def test_each_step_is_told() -> None:
    policy = hpa(behavior={"scale_down": {"policies": [{"type": "Pods", "value": 1, "period_s": 60}]}},
                 downscale_stabilization_s=30)  # fmt: skip
    policy.decide(observed(0, 5, offered_rps=40))
    assert policy.decide(observed(15, 5, offered_rps=20)).considered == (
        "Object offered_rps is 20 over 5, 0.4 of the target 10 each: 2 wanted",
        "2 stabilised to 5, recommended within 30 s down, 0 s up, ScaleDownStabilized",
    )
    assert policy.decide(observed(30, 5, offered_rps=20)).reason == (
        "Object offered_rps is 20 over 5, 0.4 of the target 10 each: 2 wanted; "
        "at least 4 (at most 1 in 60 s), ScaleDownLimit"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": [{"type": "Resource"}]}, "exactly one of average_utilization_percent, average_value"),
        ({"metrics": [{"type": "Pods", "value": 3}]}, "a Pods metric needs average_value"),
        ({"metrics": [{"type": "Object", "value": 3, "average_value": 3}]}, "exactly one of value, average_value"),
        ({"metrics": [{"type": "Resource", "metric": "offered_rps", "average_value": 3}]}, "is cpu_percent"),
        ({"metrics": [{"type": "Object", "metric": "memory", "value": 3}]}, "is no metric"),
        ({"metrics": [{"type": "Memory", "value": 3}]}, "'Resource', 'Pods', 'Object' or 'External'"),
        ({"metrics": []}, "at least 1"),
        ({"minimum": 0}, "minimum 0 needs an Object or External metric"),
        ({"minimum": 5, "maximum": 4}, "minimum 5 is above maximum 4"),
        ({"behavior": {"scale_up": {"policies": []}}}, "at least 1"),
        ({"behavior": {"scale_up": {"policies": [{"type": "Pods", "value": 0, "period_s": 1}]}}}, "equal to 1"),
        ({"behavior": {"scale_up": {"policies": [{"type": "Pods", "value": 1, "period_s": 1801}]}}}, "1800"),
        ({"behavior": {"scale_up": {"stabilization_window_s": 3601}}}, "3600"),
        ({"behavior": {"scale_down": {"select_policy": "Mean"}}}, "'Max', 'Min' or 'Disabled'"),
        ({"behavior": {"scale_down": {"tolerance": -0.1}}}, "greater than or equal to 0"),
    ],
)  # fmt: skip
def test_options_that_the_api_refuses_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HpaConfig.model_validate(options)


@given(
    HISTORIES, st.sampled_from([None, {}, {"scale_down": {"stabilization_window_s": 0}, "scale_up": {"tolerance": 0}}])
)
def test_same_observations_same_decisions_and_no_shrinking_without_data(
    history: list[tuple[float, dict[str, Any]]], behavior: dict[str, Any] | None
) -> None:
    check(lambda: hpa(behavior=behavior), history, "offered_rps")
    pair = OFFERED, {"type": "Object", "metric": "in_flight_requests", "value": 20}
    check(lambda: hpa(*pair, behavior=behavior), history, "offered_rps", "in_flight_requests")


@given(HISTORIES, st.integers(1, 9), st.integers(0, 30))
def test_without_a_limit_in_the_file_the_own_bounds_hold(
    history: list[tuple[float, dict[str, Any]]], minimum: int, more: int
) -> None:
    policy, wanted, t_s = hpa(minimum=minimum, maximum=minimum + more), minimum, 0.0
    for pause_s, fields in history:
        t_s += pause_s
        wanted = policy.decide(observed(t_s, wanted, **fields)).wanted
        assert minimum <= wanted <= minimum + more


VALUES = st.none() | st.floats(0, 1e12)
SAMPLES = st.tuples(st.sampled_from(Phase), st.floats(-500, 0), st.floats(-500, 0), st.none() | st.floats(0, 6400),
                    st.none() | st.integers(0, 10**6))  # fmt: skip


@settings(max_examples=200)
@given(
    st.lists(SAMPLES, max_size=8), st.integers(0, 12), VALUES, st.sampled_from(METRICS),
    st.sampled_from(["Resource", "Pods", "Object", "External"]), st.booleans(),
)  # fmt: skip
def test_whatever_is_seen_there_is_a_number_and_a_reason(
    states: list[tuple[Any, ...]], wanted: int, value: float | None, name: str, kind: str, whole: bool
) -> None:
    target = "value" if whole and kind in ("Object", "External") else "average_value"
    metric = {"type": kind, target: 0.001} | ({} if kind == "Resource" else {"metric": name})
    samples = tuple(Sample(f"i-{index}", *state) for index, state in enumerate(states))
    fields: dict[str, Any] = {} if name.endswith("per_instance") else {name: value}
    decision = hpa(metric).decide(seen(0, wanted, samples, **fields))
    assert 0 <= decision.wanted <= MOST
    assert decision.reason
