"""The reader of HorizontalPodAutoscalers: the examples of the Kubernetes documentation, and what the API refuses."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.foreign import PlaceError, Translation
from controller.foreign.hpa import METRICS, quantity, read
from controller.policies.hpa import Hpa
from controller.policies.hpa_config import HpaConfig
from tests.controller.foreign.spoil import spoil

EXAMPLES = Path(__file__).parent / "examples"
NAMES = ("php_apache", "several", "v1", "behavior")


def example(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / f"hpa_{name}.yaml").read_text())
    return document


def changed(name: str, *path: Any, to: Any) -> dict[str, Any]:
    """An example with another value at a place; None takes it away."""
    document = example(name)
    parent: Any = document
    for key in path[:-1]:
        parent = parent[key]
    if to is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = to
    return document


def options(document: dict[str, Any], **names: str) -> dict[str, Any]:
    """What the policy is made of, which it must accept."""
    made: dict[str, Any] = dict(read(document, names).policy["hpa"])
    Hpa(HpaConfig.model_validate(made))
    return made


def refusal(document: dict[str, Any], **names: str) -> str:
    with pytest.raises(PlaceError) as error:
        read(document, names)
    assert "\n" not in str(error.value)
    return str(error.value)


def custom(name: str, kind: str = "Object", **target: Any) -> dict[str, Any]:
    """An HPA with one metric that is not a resource."""
    source = {"metric": {"name": name}, "target": {"type": "Value", "value": "10"} | target}
    return changed("php_apache", "spec", "metrics", to=[{"type": kind, kind.lower(): source}])


def test_walkthrough_is_read() -> None:
    translation = read(example("php_apache"), {})
    assert translation == Translation(
        {"hpa": {"minimum": 1, "maximum": 10,
                 "metrics": [{"type": "Resource", "average_utilization_percent": 50}]}},
        1, 10, ("cpu (Resource, Utilization 50): Resource cpu_percent at 50% of the request, "
                "which is 100% of a core (cpu_request_percent)",),
        ("metadata: about the object, not about its size", "spec.scaleTargetRef: there is one fleet here"),
    )  # fmt: skip


def test_first_version_says_the_same() -> None:
    assert read(example("v1"), {}).policy == read(example("php_apache"), {}).policy


def test_several_metrics_are_read() -> None:
    translation = read(example("several"), {})
    assert options(example("several"))["metrics"] == [
        {"type": "Resource", "average_utilization_percent": 50},
        {"type": "Pods", "metric": "offered_rps", "average_value": 1000.0},
        {"type": "Object", "metric": "offered_rps", "value": 10000.0},
        {"type": "External", "metric": "queue_requests", "average_value": 30.0},
    ]
    assert translation.mapped[1:] == (
        "packets-per-second (Pods, AverageValue 1k): Pods offered_rps at 1000 per instance",
        "requests-per-second (Object, Value 10k): Object offered_rps at 10000",
        "queue_messages_ready (External, AverageValue 30): External queue_requests at 30 per instance",
    )
    assert translation.unused == (
        "metadata: about the object, not about its size", "spec.scaleTargetRef: there is one fleet here",
        "spec.metrics[2].object.describedObject: there is one service here",
        "spec.metrics[3].external.metric.selector: there is one service here, nothing to select from",
        "status: what was, not what shall be",
    )  # fmt: skip


def test_second_beta_is_the_same() -> None:
    assert read(changed("several", "apiVersion", to="autoscaling/v2beta2"), {}) == read(example("several"), {})


def test_behavior_is_read_and_memory_is_left_out() -> None:
    translation = read(example("behavior"), {})
    assert options(example("behavior")) == {
        "minimum": 2, "maximum": 100, "metrics": [{"type": "Resource", "average_value": 50.0}],
        "behavior": {
            "scale_up": {"stabilization_window_s": 0.0, "tolerance": 0.0, "policies": [
                {"type": "Percent", "value": 100, "period_s": 15.0}, {"type": "Pods", "value": 4, "period_s": 15.0}]},
            "scale_down": {"stabilization_window_s": 300.0, "select_policy": "Min", "tolerance": 0.05, "policies": [
                {"type": "Percent", "value": 10, "period_s": 60.0}, {"type": "Pods", "value": 5, "period_s": 60.0}]},
        },
    }  # fmt: skip
    assert translation.unused == (
        "spec.metrics[1]: 'memory' is not measured here, the other metrics decide without it",
        "metadata: about the object, not about its size", "spec.scaleTargetRef: there is one fleet here",
        "spec.metrics[0].containerResource.container: an instance is one container here",
    )  # fmt: skip


def test_memory_alone_is_refused() -> None:
    document = changed("behavior", "spec", "metrics", 0, "containerResource", "name", to="memory")
    assert refusal(document) == "spec.metrics[0].containerResource.name: 'memory': is not measured here, only cpu is"


@pytest.mark.parametrize("version", ["autoscaling/v2", "autoscaling/v1"])
def test_nothing_said_is_the_default_of_the_api(version: str) -> None:
    document = {"apiVersion": version, "kind": "HorizontalPodAutoscaler", "spec": {"maxReplicas": 3}}
    assert options(document) == {
        "minimum": 1, "maximum": 3, "metrics": [{"type": "Resource", "average_utilization_percent": 80}],
    }  # fmt: skip


@pytest.mark.parametrize(("behavior", "ours"), [({}, {}), ({"scaleUp": {}}, {"scale_up": {}})])
def test_empty_behavior_is_more_than_none(behavior: dict[str, Any], ours: dict[str, Any]) -> None:
    """Its defaults are policies; without it older rules hold."""
    translation = read(changed("php_apache", "spec", "behavior", to=behavior), {})
    assert translation.policy["hpa"]["behavior"] == ours
    assert len(translation.unused) == 2


def test_zero_needs_a_metric_that_is_known_at_zero() -> None:
    assert options(changed("several", "spec", "minReplicas", to=0))["minimum"] == 0
    assert refusal(changed("php_apache", "spec", "minReplicas", to=0)) == (
        "spec.minReplicas: 0: needs an Object or External metric, which is known at zero too"
    )


@pytest.mark.parametrize(("foreign", "ours"), [*METRICS.items(), ("latency_ms_p95", "latency_ms_p95")])
def test_known_names_and_our_own(foreign: str, ours: str) -> None:
    (metric,) = options(custom(foreign))["metrics"]
    assert metric == {"type": "Object", "metric": ours, "value": 10.0}


def test_user_may_name_any_metric() -> None:
    document = custom("myapp_lag")
    assert refusal(document).startswith("spec.metrics[0].object.metric.name: 'myapp_lag' is no metric of the testbed: ")
    assert options(document, myapp_lag="queue_requests")["metrics"][0]["metric"] == "queue_requests"
    assert options(custom("rps"), rps="served_rps")["metrics"][0]["metric"] == "served_rps"


def test_seconds_become_milliseconds() -> None:
    document = custom("request_latency_seconds", value="250m")
    translation = read(document, {"request_latency_seconds": "latency_ms_p95"})
    assert translation.policy["hpa"]["metrics"][0]["value"] == 250
    assert translation.mapped == ("request_latency_seconds (Object, Value 250m): Object latency_ms_p95 at 250",)


def test_object_may_hold_both_values_of_which_its_type_names_one() -> None:
    translation = read(custom("rps", averageValue="5"), {})
    assert translation.policy["hpa"]["metrics"][0] == {"type": "Object", "metric": "offered_rps", "value": 10.0}
    assert "spec.metrics[0].object.target.averageValue: no meaning here" in translation.unused


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("10", "10"), (10, "10"), (0.5, "0.5"), ("500m", "0.5"), ("1k", "1000"), ("1.5k", "1500"), ("2Ki", "2048"),
        ("1M", "1000000"), ("1e3", "1000"), ("5E-1", "0.5"), ("+.5", "0.5"), ("5.", "5"), ("0.1m", "0.001"),
        ("1n", "0.001"), ("1500u", "0.002"), ("0", "0"), ("100e-2", "1"),
    ],
)  # fmt: skip
def test_quantities(text: Any, amount: str) -> None:
    """Those of the documentation of Quantity; more than three decimal places are rounded up."""
    assert quantity("here", text) == Fraction(amount)


@pytest.mark.parametrize("text", ["", "m", "1 k", "1kk", "10K", "1E+", "ten", True, None, [], "0x10", "1e9999"])
def test_what_is_no_quantity_is_refused(text: Any) -> None:
    with pytest.raises(PlaceError, match=r"here: .*: must be a quantity such as 10, 500m or 1k"):
        quantity("here", text)


@pytest.mark.parametrize("text", ["-1", "1E", "1e100", float("1e300")])
def test_quantity_out_of_range_is_refused(text: Any) -> None:
    with pytest.raises(PlaceError, match=r"here: .*: must be from 0 to 1000000000"):
        quantity("here", text)


CPU = ("spec", "metrics", 0, "resource")
DOWN = ("spec", "behavior", "scaleDown")


@pytest.mark.parametrize(
    ("name", "path", "value", "message"),
    [
        ("several", ("kind",), "ScaledObject", "kind: 'ScaledObject': must be HorizontalPodAutoscaler"),
        ("several", ("apiVersion",), "autoscaling/v2beta1",
         "apiVersion: 'autoscaling/v2beta1': must be autoscaling/v2 or autoscaling/v2beta2 or autoscaling/v1"),
        ("several", ("spec",), None, "spec: is missing"),
        ("several", ("spec", "maxReplicas"), None, "spec.maxReplicas: is missing"),
        ("several", ("spec", "maxReplicas"), "9", "spec.maxReplicas: '9': must be a whole number from 1 to 2147483647"),
        ("several", ("spec", "minReplicas"), 11, "spec.maxReplicas: 10: must be at least minReplicas, which is 11"),
        ("several", ("spec", "minReplicas"), -1, "spec.minReplicas: -1: must be a whole number from 0 to 2147483647"),
        ("several", ("spec", "targetCPUUtilizationPercentage"), 50,
         "spec.targetCPUUtilizationPercentage: is no field of autoscaling/v2"),
        ("v1", ("spec", "metrics"), [], "spec.metrics: is no field of autoscaling/v1"),
        ("v1", ("spec", "targetCPUUtilizationPercentage"), 0,
         "spec.targetCPUUtilizationPercentage: 0: must be a whole number from 1 to 2147483647"),
        ("v1", ("metadata", "annotations"), {"autoscaling.alpha.kubernetes.io/metrics": "[]"},
         "metadata.annotations.autoscaling.alpha.kubernetes.io/metrics: write the object as autoscaling/v2, which has "
         "a field for it"),
        ("php_apache", ("spec", "metrics"), {}, "spec.metrics: {}: must be a list"),
        ("php_apache", ("spec", "metrics", 0, "type"), "resource",
         "spec.metrics[0].type: 'resource': must be Resource or ContainerResource or Pods or Object or External"),
        ("php_apache", ("spec", "metrics", 0, "type"), "Pods", "spec.metrics[0].pods: is missing"),
        ("php_apache", ("spec", "metrics", 0, "pods"), {"metric": {"name": "rps"}},
         "spec.metrics[0].pods: does not belong to a metric of type Resource"),
        ("php_apache", (*CPU, "name"), None, "spec.metrics[0].resource.name: is missing"),
        ("php_apache", (*CPU, "target", "type"), "Value",
         "spec.metrics[0].resource.target.type: 'Value': must be Utilization or AverageValue"),
        ("php_apache", (*CPU, "target", "averageUtilization"), None,
         "spec.metrics[0].resource.target.averageUtilization: is missing"),
        ("php_apache", (*CPU, "target", "averageUtilization"), 0,
         "spec.metrics[0].resource.target.averageUtilization: 0: must be a whole number from 1 to 2147483647"),
        ("php_apache", (*CPU, "target", "averageValue"), "100m",
         "spec.metrics[0].resource.target.averageValue: does not belong to a target of type Utilization"),
        ("behavior", ("spec", "metrics", 0, "containerResource", "container"), None,
         "spec.metrics[0].containerResource.container: is missing"),
        ("several", ("spec", "metrics", 1, "pods", "target", "averageValue"), "0",
         "spec.metrics[1].pods.target.averageValue: '0': must be above 0"),
        ("behavior", (*DOWN, "stabilizationWindowSeconds"), 3601,
         "spec.behavior.scaleDown.stabilizationWindowSeconds: 3601: must be a whole number from 0 to 3600"),
        ("behavior", (*DOWN, "selectPolicy"), "Mean",
         "spec.behavior.scaleDown.selectPolicy: 'Mean': must be Max or Min or Disabled"),
        ("behavior", (*DOWN, "policies"), [], "spec.behavior.scaleDown.policies: holds 0: must hold 1 to 100"),
        ("behavior", (*DOWN, "tolerance"), -1, "spec.behavior.scaleDown.tolerance: -1: must be from 0 to 1000000000"),
        ("behavior", (*DOWN, "policies", 0, "periodSeconds"), 1801,
         "spec.behavior.scaleDown.policies[0].periodSeconds: 1801: must be a whole number from 1 to 1800"),
        ("behavior", (*DOWN, "policies", 1, "value"), 0,
         "spec.behavior.scaleDown.policies[1].value: 0: must be a whole number from 1 to 2147483647"),
        ("behavior", (*DOWN, "policies", 1, "type"), "Replicas",
         "spec.behavior.scaleDown.policies[1].type: 'Replicas': must be Pods or Percent"),
    ],
)  # fmt: skip
def test_what_the_api_refuses_is_refused_at_its_place(
    name: str, path: tuple[Any, ...], value: Any, message: str
) -> None:
    assert refusal(changed(name, *path, to=value)) == message


def test_field_that_is_not_known_is_told() -> None:
    document = changed("behavior", *DOWN, "cooldownSeconds", to=5)
    assert "spec.behavior.scaleDown.cooldownSeconds: no meaning here" in read(document, {}).unused


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_checked_or_told_to_have_no_meaning(name: str) -> None:
    told = [line.split(": ")[0] for line in read(example(name), {}).unused]
    for place, path in places(example(name)):
        if not any(place == one or place.startswith((f"{one}.", f"{one}[")) for one in told):
            assert refusal(changed(name, *path, to=[{"nonsense": True}])).startswith(place)


def places(value: Any, path: tuple[Any, ...] = (), place: str = "") -> list[tuple[str, tuple[Any, ...]]]:
    """All scalars."""
    if isinstance(value, dict):
        return [found for key, each in value.items()
                for found in places(each, (*path, key), f"{place}.{key}" if place else key)]  # fmt: skip
    if isinstance(value, list):
        return [
            found for index, each in enumerate(value) for found in places(each, (*path, index), f"{place}[{index}]")
        ]
    return [(place, path)]


@settings(max_examples=600)
@given(st.sampled_from(NAMES), st.data())
def test_any_value_anywhere_is_read_or_refused_at_a_place(name: str, data: st.DataObject) -> None:
    document = example(name)
    spoil(document, data)
    try:
        translation = read(document, {})
    except PlaceError:
        return
    Hpa(HpaConfig.model_validate(translation.policy["hpa"])).describe()
