"""The triggers of KEDA, each as a trigger of the policy `keda`. See `keda` for what the metrics are here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.foreign import MetricNames, PlaceError, metric_name
from controller.foreign.hpa import Notes, quantity, word
from controller.foreign.keys import Keys, check_keys, keys
from controller.foreign.values import at, get, listing, mapping, number, short, text


@dataclass(frozen=True, slots=True)
class Scaler:
    """Where a kind of trigger has its target and its activation threshold, and what its metric is here: where `switch`
    is given, by the value of that key."""

    target: tuple[str, ...]
    activation: str
    metric: str = ""
    default: float | None = None
    switch: str = ""
    metrics: Mapping[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> Keys:
        """The keys of its metadata that count here."""
        return keys(f"metricName query valueLocation {self.activation} {self.switch} {' '.join(self.target)}")


LIST = Scaler(("listLength",), "activationListLength", "queue_requests", 5)
LAG = Scaler(("lagThreshold",), "activationLagThreshold", "queue_requests", 10)
SCALERS = {
    "prometheus": Scaler(("threshold",), "activationThreshold"),
    "rabbitmq": Scaler(("value", "queueLength"), "activationValue", "queue_requests", 20, "mode",
                       {"QueueLength": "queue_requests", "MessageRate": "offered_rps"}),
    "kafka": LAG, "apache-kafka": LAG, "nats-jetstream": LAG, "stan": LAG,
    "aws-sqs-queue": Scaler(("queueLength",), "activationQueueLength", "in_flight_requests", 5, "scaleOnInFlight",
                            {"true": "in_flight_requests", "false": "queue_requests"}),
    "azure-queue": Scaler(("queueLength",), "activationQueueLength", "in_flight_requests", 5, "queueLengthStrategy",
                          {"all": "in_flight_requests", "visibleonly": "queue_requests"}),
    "azure-servicebus": Scaler(("messageCount",), "activationMessageCount", "queue_requests", 5),
    "activemq": Scaler(("targetQueueSize",), "activationTargetQueueSize", "queue_requests", 10),
    "gcp-pubsub": Scaler(("value", "subscriptionSize"), "activationValue", "queue_requests", 10, "mode",
                         {"SubscriptionSize": "queue_requests", "NumUndeliveredMessages": "queue_requests"}),
    "redis": LIST, "redis-cluster": LIST, "redis-sentinel": LIST,
    "metrics-api": Scaler(("targetValue",), "activationTargetValue"),
}  # fmt: skip
ANY = Scaler(("threshold", "value", "targetValue", "targetMetricValue", "targetQueryValue"), "activationThreshold")
QUERIES = (
    (r"histogram_quantile\(\s*0?\.50?\b", "latency_ms_p50"),
    (r"histogram_quantile\(\s*0?\.95\b", "latency_ms_p95"),
    (r"histogram_quantile\(\s*0?\.99\b", "latency_ms_p99"),
    (r"in_?flight|concurren|current_sessions|active_connections", "in_flight_requests"),
    (r"queue|backlog|pending", "queue_requests"),
    (r"rate\(.*requests?(_\w+)?\b", "offered_rps"),
)
REFUSED = {
    "memory": "memory is not measured here",
    "cron": "times have no meaning here, the policy acts at all of them",
    "external-push": "its target is not in this file; if it is the HTTP add-on's, read the HTTPScaledObject",
}


def triggers(place: str, given: Any, names: MetricNames, notes: Notes) -> list[dict[str, Any]]:
    """All that can be read; the others are left out beside them, and refused where there are no others."""
    read, refused = [], []
    for index, each in enumerate(listing(place, given)):
        here = f"{place}[{index}]"
        trigger = mapping(here, each)
        kind = text(at(here, "type"), get(here, trigger, "type"))
        if kind == "cpu":
            read.append(_cpu(here, trigger, notes))
            continue
        named = [name for name in _names(here, trigger, kind) if name in names]
        if kind in SCALERS or named:
            read.append(_external(here, kind, trigger, named[:1], names, notes))
        else:
            why = REFUSED.get(kind, f"nothing here stands for it; name a metric by --metric {kind}=NAME")
            refused.append(PlaceError(at(here, "type"), f"{kind!r}: {why}"))
            notes.left.append(f"{here}: {kind!r}: {why}; the other triggers decide without it")
            notes.used.append(here)
    if not read:
        raise refused[0] if refused else PlaceError(place, "must hold a trigger")
    return read


def _names(place: str, trigger: Mapping[str, Any], kind: str) -> list[str]:
    """What the user may call it, the most telling first."""
    metadata = mapping(at(place, "metadata"), trigger.get("metadata") or {})
    return [str(name) for name in (trigger.get("name"), metadata.get("metricName"), kind) if name]


def _cpu(place: str, trigger: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    metadata_at = at(place, "metadata")
    metadata = mapping(metadata_at, get(place, trigger, "metadata"))
    check_keys(metadata, keys("type value containerName"), metadata_at)
    older = trigger.get("metricType") is None and metadata.get("type") is not None
    type_at, named = (at(metadata_at, "type"), metadata["type"]) if older else (at(place, "metricType"), None)
    kind = word(type_at, named if older else trigger.get("metricType"), ("Utilization", "AverageValue"))
    value_at = at(metadata_at, "value")
    amount = quantity(value_at, get(metadata_at, metadata, "value"))
    if not amount or (kind == "Utilization" and amount.denominator != 1):
        legal = "a whole percentage from 1" if kind == "Utilization" else "above 0"
        raise PlaceError(value_at, f"{short(metadata['value'])}: must be {legal}")
    threshold = float(amount if kind == "Utilization" else amount * 100)
    notes.used += [at(place, "type"), at(place, "name"), type_at, value_at]
    of = "% of cpu_request_percent of a core" if kind == "Utilization" else "% of a core"
    notes.mapped.append(f"cpu ({kind} {metadata['value']}): cpu_percent, {threshold:g}{of} for each instance")
    return _named(trigger, {"type": "cpu", "metric": "cpu_percent", "metric_type": kind, "threshold": threshold})


def _external(
    place: str, kind: str, trigger: Mapping[str, Any], named: list[str], names: MetricNames, notes: Notes
) -> dict[str, Any]:
    scaler, metadata_at = SCALERS.get(kind, ANY), at(place, "metadata")
    metadata = mapping(metadata_at, get(place, trigger, "metadata"))
    if kind in SCALERS:
        check_keys(metadata, scaler.metadata, metadata_at)
    ours = (
        metric_name(at(place, "type"), named[0], names, {})
        if named
        else _metric(metadata_at, kind, scaler, metadata, notes)
    )
    type_at, target_at = at(place, "metricType"), at(metadata_at, _first(scaler.target, metadata))
    metric_type = word(type_at, trigger.get("metricType") or "AverageValue", ("AverageValue", "Value"))
    target = _target(target_at, scaler, metadata)
    activation_at = at(metadata_at, scaler.activation)
    given = metadata.get(scaler.activation)
    activation = 0.0 if given in (None, "") else number(activation_at, given)
    if ours.startswith("latency_ms") and "_seconds" in str(metadata.get("query")):
        target, activation = 1000 * target, 1000 * activation
    used = [*(at(place, key) for key in ("type", "name", "metricType")), target_at, activation_at]
    notes.used += used if trigger.get("useCachedMetrics") else [*used, at(place, "useCachedMetrics")]
    share = "for each instance" if metric_type == "AverageValue" else "in all"
    notes.mapped.append(f"{trigger.get('name') or kind} ({metric_type} {target:g}): {ours}, {target:g} {share}, "
                        f"active above {activation:g}")  # fmt: skip
    options = {"metric": ours, "metric_type": metric_type, "threshold": target, "activation_threshold": activation}
    return _named(trigger, options)


def _named(trigger: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return ({"name": str(trigger["name"])} if trigger.get("name") else {}) | options


def _first(keys: tuple[str, ...], metadata: Mapping[str, Any]) -> str:
    return next((key for key in keys if metadata.get(key) is not None), keys[0])


def _target(place: str, scaler: Scaler, metadata: Mapping[str, Any]) -> float:
    given = metadata.get(_first(scaler.target, metadata), scaler.default)
    if given is None:
        raise PlaceError(place, "is missing")
    target = number(place, given)
    if not 0.001 <= target <= 1e9:
        raise PlaceError(place, f"{short(given)}: must be from 0.001 to 1e9")
    return target


def _metric(place: str, kind: str, scaler: Scaler, metadata: Mapping[str, Any], notes: Notes) -> str:
    """Ours, by the kind of the trigger, by what chooses among its metrics, or by its query."""
    if scaler.switch and metadata.get(scaler.switch) is not None:
        here = at(place, scaler.switch)
        notes.used.append(here)
        chosen = metadata[scaler.switch]
        return scaler.metrics[word(here, str(chosen).lower() if isinstance(chosen, bool) else chosen, scaler.metrics)]
    if scaler.metric:
        return scaler.metric
    key = "query" if kind == "prometheus" else "valueLocation"
    here, query = at(place, key), str(metadata.get(key, ""))
    notes.used.append(here)
    for pattern, ours in QUERIES:
        if re.search(pattern, query, re.IGNORECASE | re.DOTALL):
            return ours
    raise PlaceError(here, f"{short(query)}: what it asks for is not clear; name a metric by --metric {kind}=NAME, "
                           "or by the trigger's name")  # fmt: skip
