"""Knative's annotations and settings, as options of the policy `kpa`."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.foreign import PlaceError
from controller.foreign.knative import SETTINGS, read
from controller.foreign.values import duration
from controller.policies.kpa import KpaConfig
from tests.controller.foreign.spoil import spoil

EXAMPLES = Path(__file__).parent / "examples"
DOMAIN = "autoscaling.knative.dev/"
HERE = f"spec.template.metadata.annotations.{DOMAIN}"


def example(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / f"knative_{name}.yaml").read_text())
    return document


def annotated(**annotations: Any) -> dict[str, Any]:
    """Annotations alone; `_` stands for `-`."""
    return {f"{DOMAIN}{name.replace('_', '-')}": value for name, value in annotations.items()}


def service(concurrency: int | None = None, **annotations: Any) -> dict[str, Any]:
    spec = {} if concurrency is None else {"containerConcurrency": concurrency}
    return {"apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "spec": {"template": {"metadata": {"annotations": annotated(**annotations)}, "spec": spec}}}  # fmt: skip


def options(document: dict[str, Any], **names: str) -> dict[str, Any]:
    """What the policy is made of, which it must accept."""
    made: dict[str, Any] = dict(read(document, names).policy["kpa"])
    KpaConfig.model_validate(made)
    return made


def refusal(document: dict[str, Any], **names: str) -> str:
    with pytest.raises(PlaceError) as error:
        read(document, names)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_annotation_becomes_an_option() -> None:
    translation = read(example("service"), {})
    assert translation.policy == {"kpa": {
        "metric": "concurrency", "target": 40.0, "target_utilization": 0.8, "stable_window_s": 40.0,
        "panic_window_percentage": 20.0, "panic_threshold_percentage": 150.0, "initial_scale": 2, "activation_scale": 3,
        "scale_down_delay_s": 90.0, "scale_to_zero_pod_retention_period_s": 65.0, "target_burst_capacity": -1.0,
        "aggregation": "weighted-exponential",
    }}  # fmt: skip
    assert (translation.minimum, translation.maximum, translation.settings) == (1, 12, SETTINGS)
    assert translation.mapped == ("concurrency: in_flight_requests, 32 for each instance (80% of 40)",)


def test_what_has_no_meaning_here_is_told() -> None:
    assert read(example("service"), {}).unused == (
        "metadata.annotations.autoscaling.knative.dev/min-scale: Knative reads it under spec.template.metadata only",
        f"{HERE}warp-factor: is no annotation of Knative's autoscaler",
        "spec.template.spec.containerConcurrency: counts for the target only, nothing is refused or held back by it",
        "metadata: about the object, not about its size",
        "spec.template.metadata: about the object, not about its size",
        "spec.template.spec.timeoutSeconds: HAProxy has its own timeouts here",
        "spec.template.spec.containers: instances run the testbed's application",
        "spec.traffic: there is one revision here",
    )


def test_older_spelling_is_known_and_gives_way_to_the_newer() -> None:
    translation = read(example("camel"), {})
    assert translation.policy == {"kpa": {
        "metric": "rps", "target": 150.0, "scale_down_delay_s": 900.0, "panic_window_percentage": 15.0,
        "target_utilization": 1.0,
    }}  # fmt: skip
    assert (translation.minimum, translation.maximum) == (2, None)  # a max-scale of 0 is none
    assert f"{HERE}minScale: min-scale is given too, and wins" in translation.unused


def test_cluster_settings_become_options() -> None:
    translation = read(example("configmap"), {})
    assert translation.policy == {"kpa": {
        "metric": "concurrency", "target": 80.0, "target_utilization": 0.6, "stable_window_s": 120.0,
        "panic_window_percentage": 5.0, "panic_threshold_percentage": 300.0, "max_scale_up_rate": 10.0,
        "max_scale_down_rate": 3.0, "enable_scale_to_zero": False, "scale_to_zero_grace_period_s": 40.0,
        "scale_to_zero_pod_retention_period_s": 10.0, "scale_down_delay_s": 20.0, "initial_scale": 0,
        "target_burst_capacity": 0.0,
    }}  # fmt: skip
    assert (translation.minimum, translation.maximum) == (1, 30)
    assert translation.unused == (
        "metadata: about the object, not about its size",
        "data._example: a comment",
        "data.requests-per-second-target-default: about services with the metric rps",
        "data.max-scale-limit: about what services may ask for",
        "data.activator-capacity: there is no activator here",
    )


def test_operators_settings_are_the_same() -> None:
    config = {"autoscaler": {"stable-window": "40s"}, "network": {"ingress-class": "kourier"}}
    document = {"apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing", "spec": {"config": config}}
    translation = read(document, {})
    assert translation.policy["kpa"] == {"metric": "concurrency", "stable_window_s": 40.0}
    assert translation.unused == ("spec.config.network.ingress-class: no meaning here",)


def test_annotations_alone_and_other_kinds_with_them() -> None:
    assert options(annotated(window="40s")) == {"metric": "concurrency", "stable_window_s": 40.0}
    for kind in ("Revision", "PodAutoscaler"):
        document = {
            "kind": kind,
            "metadata": {"annotations": annotated(window="40s")},
            "spec": {"containerConcurrency": 10},
        }
        assert options(document) == {"metric": "concurrency", "stable_window_s": 40.0, "target": 10.0}


def test_nothing_said_is_knatives_default() -> None:
    translation = read(service(), {})
    assert (translation.policy, translation.minimum, translation.maximum) == (
        {"kpa": {"metric": "concurrency"}},
        0,
        None,
    )
    assert KpaConfig.model_validate(translation.policy["kpa"]).each == 70


@pytest.mark.parametrize(
    ("document", "each"),
    [
        (service(), 70), (service(concurrency=10), 7), (service(concurrency=0), 70), (service(target="30"), 21),
        (service(concurrency=10, target="30"), 7), (service(concurrency=30, target="10"), 7),
        (service(concurrency=10, metric="rps"), 140), (service(concurrency=10, metric="rps", target="50"), 35),
        (service(target="0.01", target_utilization_percentage="1"), 0.01),
        (service(target="8", target_utilization_percentage="50"), 4),
    ],
)  # fmt: skip
def test_target_is_resolved_as_there(document: dict[str, Any], each: float) -> None:
    """resources/target.go: the smaller of the annotation and the container's concurrency, times the utilisation."""
    assert KpaConfig.model_validate(options(document)).each == pytest.approx(each)


def test_percentage_of_the_cluster_may_be_a_fraction() -> None:
    for value in ("0.6", "60"):
        document = {"kind": "ConfigMap", "data": {"container-concurrency-target-percentage": value}}
        assert options(document)["target_utilization"] == 0.6


def test_user_may_name_the_metric() -> None:
    assert options(service(), concurrency="offered_rps")["metric"] == "rps"
    assert refusal(service(), concurrency="cpu_percent") == (
        f"{HERE}metric: 'cpu_percent': the KPA can only follow in_flight_requests or offered_rps"
    )
    assert "'speed' is no metric" in refusal(service(), concurrency="speed")


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("1m30s", 90), ("1h", 3600), ("1.5m", 90), ("500ms", 0.5), ("0", 0), ("0s", 0)]
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert duration("here", text) == seconds


@pytest.mark.parametrize("text", ["60", "", "1m 30s", "s", "-5s", "5d", "5 s", 60, None])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(PlaceError, match=r"here: .*: must be a duration such as 1m30s"):
        duration("here", text)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("window", "5s", "'5s': input should be greater than or equal to 6"),
        ("window", "6500ms", "'6500ms': input should be a multiple of 1"),
        ("target", "0", "'0': input should be greater than or equal to 0.01"),
        ("target", "many", "'many': must be a number"),
        ("target-utilization-percentage", "101", "'101': must be from 1 to 100 percent"),
        ("panic-threshold-percentage", "100", "'100': input should be greater than or equal to 110"),
        ("target-burst-capacity", "-0.5", "'-0.5': must be at least 0, or -1 for any burst"),
        ("min-scale", "-1", "'-1': must be a whole number from 0"),
        ("min-scale", "13", "13 is above max-scale 12"),
        ("activation-scale", "0", "'0': must be a whole number from 1"),
        ("metric", "cpu", "'cpu': must be concurrency or rps; others are for the class hpa.autoscaling.knative.dev"),
        ("metric-aggregation-algorithm", "mean", "'mean': must be one of linear, weighted-exponential, "
         "weightedExponential"),
        ("class", "hpa.autoscaling.knative.dev", "'hpa.autoscaling.knative.dev': is an HPA; read the "
         "HorizontalPodAutoscaler that Knative makes of it instead"),
        ("class", "keda", "'keda': must be kpa.autoscaling.knative.dev"),
    ],
)  # fmt: skip
def test_wrong_annotation_is_told_at_its_place(name: str, value: str, message: str) -> None:
    document = example("service")
    document["spec"]["template"]["metadata"]["annotations"][f"{DOMAIN}{name}"] = value
    assert refusal(document) == f"{HERE}{name}: {message}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("allow-zero-initial-scale", "no", "'no': must be true or false"),
        ("enable-scale-to-zero", "maybe", "'maybe': must be true or false"),
        ("max-scale-up-rate", "1", "'1': input should be greater than 1"),
        ("pod-autoscaler-class", "hpa", "'hpa': must be kpa.autoscaling.knative.dev"),
    ],
)
def test_wrong_setting_of_the_cluster_is_told_at_its_place(name: str, value: str, message: str) -> None:
    document = example("configmap")
    document["data"][name] = value
    assert refusal(document) == f"data.{name}: {message}"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (service(concurrency=1001), "spec.template.spec.containerConcurrency: 1001: must be at most 1000"),
        ({"kind": "Service", "apiVersion": "v1"}, "apiVersion: 'v1': must be serving.knative.dev/v1"),
        ({"kind": "Service", "apiVersion": "serving.knative.dev/v1"}, "spec: is missing"),
        (service() | {"spec": {"template": []}}, "spec.template: []: must be a mapping of keys to values"),
        ({"kind": "ConfigMap", "data": {"initial-scale": "0"}},
         "data.initial-scale: 0: must be at least 1, unless allow-zero-initial-scale is true"),
    ],
)  # fmt: skip
def test_wrong_document_is_told_at_its_place(document: dict[str, Any], message: str) -> None:
    assert refusal(document) == message


def test_other_kinds_are_refused() -> None:
    assert refusal({"kind": "Deployment"}).startswith("kind: 'Deployment': must be Service, Configuration, ")


@settings(max_examples=300)
@given(st.sampled_from(["service", "camel", "configmap"]), st.data())
def test_any_value_anywhere_is_read_or_refused_at_a_place(name: str, data: st.DataObject) -> None:
    document = example(name)
    spoil(document, data)
    try:
        translation = read(document, {})
    except PlaceError:
        return
    KpaConfig.model_validate(translation.policy["kpa"])
