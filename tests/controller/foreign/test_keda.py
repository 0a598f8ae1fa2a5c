"""ScaledObjects and HTTPScaledObjects, as options of the policy `keda`."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.foreign import PlaceError
from controller.foreign.keda import read
from controller.policies.keda_config import KedaConfig
from tests.controller.foreign.spoil import spoil

EXAMPLES = Path(__file__).parent / "examples"
NAMES = ("prometheus", "kafka", "rabbitmq", "http")


def example(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / f"keda_{name}.yaml").read_text())
    return document


def scaled(*triggers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "spec": spec | {"triggers": list(triggers)}}


def trigger(kind: str, metadata: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": kind, "metadata": metadata or {}} | more


def options(document: dict[str, Any], **names: str) -> dict[str, Any]:
    """What the policy is made of, which it must accept."""
    made: dict[str, Any] = dict(read(document, names).policy["keda"])
    KedaConfig.model_validate(made)
    return made


def only(
    kind: str, metadata: dict[str, Any], names: dict[str, str] | None = None, **more: Any
) -> tuple[str, str, float, float]:
    """Metric, type of target, target, and activation threshold of one trigger."""
    (made,) = options(scaled(trigger(kind, metadata, **more)), **(names or {}))["triggers"]
    return made["metric"], made["metric_type"], made["threshold"], made.get("activation_threshold", 0)


def refusal(document: dict[str, Any], **names: str) -> str:
    with pytest.raises(PlaceError) as error:
        read(document, names)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_all_fields_of_a_scaled_object_become_options() -> None:
    translation = read(example("prometheus"), {})
    assert translation.policy == {"keda": {
        "triggers": [{"name": "requests", "metric": "offered_rps", "metric_type": "AverageValue", "threshold": 100.5,
                      "activation_threshold": 5.5}],
        "polling_interval_s": 15, "cooldown_period_s": 120, "initial_cooldown_period_s": 60, "idle_replica_count": 0,
        "min_replica_count": 2, "max_replica_count": 20,
        "fallback": {"failure_threshold": 3, "replicas": 6, "behavior": "currentReplicasIfHigher"},
        "behavior": {"scale_down": {"stabilization_window_s": 300.0,
                                    "policies": [{"type": "Percent", "value": 100, "period_s": 15.0}]}},
        "paused_scale_in": True, "paused": False,
    }}  # fmt: skip
    assert (translation.minimum, translation.maximum, translation.settings) == (0, 20, {})
    assert translation.mapped == (
        "requests (AverageValue 100.5): offered_rps, 100.5 for each instance, active above 5.5",
    )


def test_what_has_no_meaning_here_is_told() -> None:
    assert read(example("prometheus"), {}).unused == (
        "metadata: about the object, not about its size",
        "spec.scaleTargetRef: there is one fleet here",
        "spec.advanced.restoreToOriginalReplicaCount: the fleet ends with the controller here",
        "spec.advanced.horizontalPodAutoscalerConfig.name: names the object",
        "spec.triggers[0].metadata: about where KEDA gets the value",
        "spec.triggers[0].authenticationRef: nobody is asked over a network here",
    )


def test_triggers_that_nothing_stands_for_are_left_out_beside_others() -> None:
    translation = read(example("kafka"), {})
    assert [made["metric"] for made in translation.policy["keda"]["triggers"]] == ["queue_requests", "cpu_percent"]
    assert translation.unused == (
        "spec.triggers[2]: 'memory': memory is not measured here; the other triggers decide without it",
        "spec.triggers[3]: 'cron': times have no meaning here, the policy acts at all of them; "
        "the other triggers decide without it",
        "metadata: about the object, not about its size",
        "spec.scaleTargetRef: there is one fleet here",
        "spec.triggers[0].metadata: about where KEDA gets the value",
    )
    assert (translation.minimum, translation.maximum) == (0, 100)


def test_several_triggers_and_cached_metrics() -> None:
    translation = read(example("rabbitmq"), {})
    assert translation.mapped == (
        "rabbitmq (AverageValue 20): queue_requests, 20 for each instance, active above 0",
        "rabbitmq (Value 100): offered_rps, 100 in all, active above 10.5",
    )
    assert "spec.triggers[1].useCachedMetrics: the HPA reads fresh values here" in translation.unused


def test_http_add_on_queues_and_tells_of_the_first_request_at_once() -> None:
    translation = read(example("http"), {})
    assert translation.policy == {"keda": {
        "triggers": [{"name": "requestRate", "metric": "offered_rps", "threshold": 25.0, "push": True}],
        "polling_interval_s": 15, "cooldown_period_s": 60, "min_replica_count": 0, "max_replica_count": 10,
    }}  # fmt: skip
    assert translation.settings == {"service": {"overload": "queue"}, "apply": "runtime", "rate_window_s": 30.0}
    assert (translation.minimum, translation.maximum) == (0, 10)
    assert "spec.hosts: there is one service here" in translation.unused


@pytest.mark.parametrize(
    ("spec", "metric", "threshold"),
    [
        ({}, "in_flight_requests", 100), ({"targetPendingRequests": 7}, "in_flight_requests", 7),
        ({"scalingMetric": {"concurrency": {"targetValue": 5}}}, "in_flight_requests", 5),
        ({"scalingMetric": {"concurrency": {}}, "targetPendingRequests": 7}, "in_flight_requests", 100),
    ],
)  # fmt: skip
def test_http_add_on_counts_concurrency_by_default(spec: dict[str, Any], metric: str, threshold: float) -> None:
    translation = read({"apiVersion": "http.keda.sh/v1alpha1", "kind": "HTTPScaledObject", "spec": spec}, {})
    (made,) = translation.policy["keda"]["triggers"]
    assert (made["metric"], made["threshold"]) == (metric, threshold)
    assert translation.settings == {"service": {"overload": "queue"}, "apply": "runtime"}


@pytest.mark.parametrize(
    ("kind", "metadata", "made"),
    [
        ("rabbitmq", {"queueLength": "30"}, ("queue_requests", "AverageValue", 30, 0)),
        ("rabbitmq", {}, ("queue_requests", "AverageValue", 20, 0)),
        ("kafka", {"activationLagThreshold": "3"}, ("queue_requests", "AverageValue", 10, 3)),
        ("aws-sqs-queue", {"queueLength": "8"}, ("in_flight_requests", "AverageValue", 8, 0)),
        ("aws-sqs-queue", {"scaleOnInFlight": False}, ("queue_requests", "AverageValue", 5, 0)),
        ("azure-queue", {"queueLengthStrategy": "visibleonly"}, ("queue_requests", "AverageValue", 5, 0)),
        ("azure-servicebus", {"activationMessageCount": "2"}, ("queue_requests", "AverageValue", 5, 2)),
        ("activemq", {"targetQueueSize": "50"}, ("queue_requests", "AverageValue", 50, 0)),
        ("redis", {"listLength": "10", "activationListLength": "5"}, ("queue_requests", "AverageValue", 10, 5)),
        ("gcp-pubsub", {"mode": "SubscriptionSize", "value": "5"}, ("queue_requests", "AverageValue", 5, 0)),
        ("nats-jetstream", {"lagThreshold": "12", "activationLagThreshold": "15"},
         ("queue_requests", "AverageValue", 12, 15)),
        ("cpu", {"value": "60", "type": "Utilization"}, ("cpu_percent", "Utilization", 60, 0)),
        ("cpu", {"value": "500m", "type": "AverageValue"}, ("cpu_percent", "AverageValue", 50, 0)),
    ],
)  # fmt: skip
def test_each_scaler_has_its_own_keys_and_defaults(kind: str, metadata: dict[str, Any], made: tuple[Any, ...]) -> None:
    assert only(kind, metadata) == made


@pytest.mark.parametrize(
    ("query", "metric", "threshold"),
    [
        ('sum(rate(http_requests_total{deployment="my-deployment"}[2m]))', "offered_rps", 2),
        ("sum(irate(istio_requests_total[1m]))", "offered_rps", 2),
        ("sum(rate(nginx_ingress_controller_requests[1m]))", "offered_rps", 2),
        (
            "histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket[5m])) by (le))",
            "latency_ms_p95",
            2000,
        ),
        ("histogram_quantile(.99, rate(latency_ms_bucket[5m]))", "latency_ms_p99", 2),
        ("histogram_quantile(0.5, rate(latency_ms_bucket[5m]))", "latency_ms_p50", 2),
        ("sum(haproxy_server_current_sessions)", "in_flight_requests", 2),
        ("sum(http_requests_in_flight)", "in_flight_requests", 2),
        ("sum(rabbitmq_queue_messages_ready)", "queue_requests", 2),
    ],
)
def test_query_tells_the_metric(query: str, metric: str, threshold: float) -> None:
    assert only("prometheus", {"query": query, "threshold": "2"})[::2] == (metric, threshold)


def test_user_may_name_a_trigger_by_its_name_metric_or_type() -> None:
    metadata = {"query": "up", "threshold": "2", "metricName": "weather"}
    for name in ("mine", "weather", "prometheus"):
        made = only("prometheus", metadata, {name: "served_rps"}, name="mine")
        assert made == ("served_rps", "AverageValue", 2, 0)
    assert only("new-relic", {"threshold": "2"}, {"new-relic": "offered_rps"})[0] == "offered_rps"
    seconds = {"query": "max(request_seconds)", "threshold": "2", "activationThreshold": "1"}
    assert only("prometheus", seconds, {"prometheus": "latency_ms_p95"})[2:] == (2000, 1000)


@pytest.mark.parametrize(
    ("annotations", "found", "bounds"),
    [
        ({"paused": "true"}, {"paused": True}, (1, 9)), ({"paused": "please"}, {"paused": True}, (1, 9)),
        ({"paused-replicas": "0"}, {"paused_replicas": 0}, (0, 9)),
        ({"paused-replicas": "12"}, {"paused_replicas": 12}, (1, 12)),
        ({"paused-scale-down": "true"}, {"paused_scale_in": True}, (1, 9)),
        ({"paused-scale-out": "true", "force-activation": "true"},
         {"paused_scale_out": True, "force_activation": True}, (1, 9)),
    ],
)  # fmt: skip
def test_annotations_pause_and_force(
    annotations: dict[str, str], found: dict[str, Any], bounds: tuple[int, int]
) -> None:
    document = scaled(trigger("kafka"), minReplicaCount=1, maxReplicaCount=9)
    document["metadata"] = {"annotations": {f"autoscaling.keda.sh/{key}": value for key, value in annotations.items()}}
    translation = read(document, {})
    assert found.items() <= translation.policy["keda"].items()
    assert (translation.minimum, translation.maximum) == bounds
    KedaConfig.model_validate(translation.policy["keda"])


PERCENT = {"metricType": "Utilization"}


@pytest.mark.parametrize(
    ("kind", "metadata", "more", "message"),
    [
        ("cron", {}, {}, "type: 'cron': times have no meaning here, the policy acts at all of them"),
        ("datadog", {}, {}, "type: 'datadog': nothing here stands for it; name a metric by --metric datadog=NAME"),
        ("external-push", {}, {}, "type: 'external-push': its target is not in this file; if it is the HTTP add-on's, "
         "read the HTTPScaledObject"),
        ("prometheus", {"query": "up", "threshold": "1"}, {}, "metadata.query: 'up': what it asks for is not clear; "
         "name a metric by --metric prometheus=NAME, or by the trigger's name"),
        ("prometheus", {"query": "rate(requests_total[1m])"}, {}, "metadata.threshold: is missing"),
        ("kafka", {"lagThreshold": "0"}, {}, "metadata.lagThreshold: '0': must be from 0.001 to 1e9"),
        ("kafka", {"activationLagThreshold": "a"}, {}, "metadata.activationLagThreshold: 'a': must be a number"),
        ("kafka", {}, PERCENT, "metricType: 'Utilization': must be AverageValue or Value"),
        ("rabbitmq", {"mode": "Length"}, {}, "metadata.mode: 'Length': must be QueueLength or MessageRate"),
        ("cpu", {"value": "50"}, {}, "metricType: None: must be Utilization or AverageValue"),
        ("cpu", {"value": "50.5"}, PERCENT, "metadata.value: '50.5': must be a whole percentage from 1"),
        ("cpu", {"value": "0"}, {"metricType": "AverageValue"}, "metadata.value: '0': must be above 0"),
    ],
)  # fmt: skip
def test_wrong_trigger_is_told_at_its_place(
    kind: str, metadata: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    assert refusal(scaled(trigger(kind, metadata, **more))) == f"spec.triggers[0].{message}"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"triggers": []}, "triggers: must hold a trigger"),
        ({"pollingInterval": 0}, "pollingInterval: 0: must be a whole number from 1 to 86400"),
        ({"cooldownPeriod": "300"}, "cooldownPeriod: '300': must be a whole number from 0 to 86400"),
        ({"minReplicaCount": 5, "maxReplicaCount": 4}, "minReplicaCount: 5: must be at most the maximum, which is 4"),
        ({"minReplicaCount": 2, "idleReplicaCount": 2},
         "idleReplicaCount: 2: must be below minReplicaCount, which is 2"),
        ({"fallback": {"replicas": 3}}, "fallback.failureThreshold: is missing"),
        ({"fallback": {"behavior": "none"}}, "fallback.behavior: 'none': must be static or currentReplicas or "
         "currentReplicasIfHigher or currentReplicasIfLower"),
        ({"fallback": {"behavior": "scalingModifiers"}},
         "fallback.behavior: 'scalingModifiers': formulas are not evaluated here"),
        ({"fallback": {}, "triggers": [trigger("cpu", {"value": "50"}, **PERCENT)]},
         "fallback: needs a trigger that is not cpu or memory"),
        ({"advanced": {"scalingModifiers": {"formula": "a + b", "target": "2"}}}, "advanced.scalingModifiers: formulas "
         "are not evaluated here; leave it out, and each trigger counts by itself"),
        ({"advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"policies": []}}}}},
         "advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies: holds 0: must hold 1 to 100"),
    ],
)  # fmt: skip
def test_wrong_field_is_told_at_its_place(spec: dict[str, Any], message: str) -> None:
    document = scaled(trigger("kafka"))
    document["spec"] |= spec
    assert refusal(document) == f"spec.{message}"


def test_other_kinds_are_refused() -> None:
    assert refusal({"kind": "ScaledJob"}) == "kind: 'ScaledJob': must be ScaledObject or HTTPScaledObject"
    assert refusal({"kind": "ScaledObject", "apiVersion": "v1"}) == "apiVersion: 'v1': must be keda.sh/v1alpha1"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"scalingMetric": {"concurrency": {}, "requestRate": {}}},
         "spec.scalingMetric: concurrency and requestRate exclude each other"),
        ({"scalingMetric": {"requestRate": {"window": "5m"}}},
         "spec.scalingMetric.requestRate.window: '5m': must be from 100ms to 1m here"),
        ({"replicas": {"min": 3, "max": 2}}, "spec.replicas.min: 3: must be at most the maximum, which is 2"),
    ],
)  # fmt: skip
def test_wrong_http_object_is_told_at_its_place(spec: dict[str, Any], message: str) -> None:
    assert refusal({"apiVersion": "http.keda.sh/v1alpha1", "kind": "HTTPScaledObject", "spec": spec}) == message


@settings(max_examples=300)
@given(st.sampled_from(NAMES), st.data())
def test_any_value_anywhere_is_read_or_refused_at_a_place(name: str, data: st.DataObject) -> None:
    document = example(name)
    spoil(document, data)
    try:
        translation = read(document, {})
    except PlaceError:
        return
    KedaConfig.model_validate(translation.policy["keda"])
