"""Which format a document is in, and its translation."""

from collections.abc import Callable, Mapping
from typing import Any

from controller.foreign import MetricNames, PlaceError, Translation, aws, azure, hpa, keda, knative

Reader = Callable[[Any, MetricNames], Translation]
KINDS: Mapping[str, tuple[str, Reader]] = {
    "HorizontalPodAutoscaler": ("Kubernetes HorizontalPodAutoscaler", hpa.read),
    "ScaledObject": ("KEDA ScaledObject", keda.read),
    "HTTPScaledObject": ("KEDA HTTPScaledObject", keda.read),
    "Service": ("Knative Service", knative.read),
    "ConfigMap": ("Knative ConfigMap", knative.read),
}
AWS_KEYS = frozenset({
    "PolicyType", "PolicyName", "TargetTrackingConfiguration", "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration", "StepAdjustments", "ScalingAdjustment", "AdjustmentType", "TargetValue",
    "PredictiveScalingConfiguration", "alarm", "alarms",
})  # fmt: skip


def translate(documents: list[Any], names: MetricNames) -> tuple[str, Translation] | None:
    """The format's name and what the documents ask for; None for a file of our own. Raises PlaceError.

    Of several documents, as in a Kubernetes manifest, one may be about scaling.
    """
    several = len(documents) > 1
    found = [
        (number, reader)
        for number, each in enumerate(documents)
        if not (several and _is_plain_kubernetes(each)) and (reader := _reader(each)) is not None
    ]
    if len(found) > 1:
        raise PlaceError("", f"holds {len(found)} scaling policies; name one in a file of its own")
    if not found:
        return None
    number, (title, read) = found[0]
    translation = read(documents[number], names)
    others = tuple(f"document {other + 1}: is not about scaling" for other in range(len(documents)) if other != number)
    return title, Translation(
        translation.policy, translation.minimum, translation.maximum, translation.mapped,
        translation.unused + others, translation.settings,
    )  # fmt: skip


def _reader(document: Any) -> tuple[str, Reader] | None:
    if isinstance(document, list) and any(isinstance(each, Mapping) for each in document):
        return "AWS scaling policies", aws.read
    if not isinstance(document, Mapping):
        return None
    if "kind" in document or "apiVersion" in document:
        return KINDS.get(str(document.get("kind")))
    if any(str(key).startswith("autoscaling.knative.dev/") for key in document):
        return "Knative annotations", knative.read
    if AWS_KEYS & set(document):
        return "AWS scaling policy", aws.read
    properties = document.get("properties")
    nested = isinstance(properties, Mapping) and "profiles" in properties
    if nested or {"profiles", "resources"} & set(document):
        return "Azure autoscale settings", azure.read
    if {"job", "scaling", "group"} & set(document) or _is_nomad_policy(document.get("policy")):
        return "Nomad scaling policy", _read_nomad
    return None


def _is_plain_kubernetes(document: Any) -> bool:
    """A Service or a ConfigMap that is not Knative's, beside what scales."""
    if not isinstance(document, Mapping) or document.get("kind") not in ("Service", "ConfigMap"):
        return False
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    knative = str(document.get("apiVersion", "")).startswith("serving.knative.dev/")
    return not knative and name != "config-autoscaler"


def _is_nomad_policy(policy: Any) -> bool:
    """HCL's blocks are lists where YAML's are mappings."""
    return isinstance(policy, list)


def _read_nomad(document: Any, names: MetricNames) -> Translation:
    from controller.foreign import nomad  # its parser takes a tenth of a second, and few need it

    return nomad.read(document, names)
