"""KEDA: a ScaledObject (keda.sh/v1alpha1), or an HTTPScaledObject of its HTTP add-on (http.keda.sh/v1alpha1).

Format: kedacore/keda, apis/keda/v1alpha1/scaledobject_types.go, and the documentation of the ScaledObject and of each
scaler; kedacore/http-add-on, operator/apis/http/v1alpha1/httpscaledobject_types.go and pkg/k8s/scaledobject.go.

| trigger | here |
|---|---|
| cpu | cpu_percent |
| prometheus, metrics-api | what the query asks for, see below |
| rabbitmq, gcp-pubsub | queue_requests; with the mode MessageRate offered_rps |
| kafka, apache-kafka, nats-jetstream, stan, azure-servicebus, activemq, redis lists | queue_requests |
| aws-sqs-queue, azure-queue | in_flight_requests, as messages in work count; without these queue_requests |
| HTTP add-on | in_flight_requests for concurrency, offered_rps for requestRate |

A query for a rate of requests is offered_rps; for histogram_quantile a latency, with a target in seconds made into
milliseconds; for requests in flight and sessions in_flight_requests; for a queue queue_requests.

`--metric NAME=OURS` reads a trigger otherwise, or one that is not known; NAME is its name, metricName or type. Triggers
that nothing stands for are left out beside others and refused alone. Formulas (scalingModifiers) are refused.
"""

from collections.abc import Mapping
from typing import Any

from controller.foreign import MetricNames, PlaceError, Translation, hpa, metric_name
from controller.foreign.hpa import Notes, whole, word
from controller.foreign.keda_triggers import triggers
from controller.foreign.keys import KEDA, KEDA_HTTP, check_keys, check_word
from controller.foreign.values import at, duration, explained, get, mapping, short

BEHAVIORS = ("static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower")
NUMBERS = {  # option, least
    "pollingInterval": ("polling_interval_s", 1),
    "cooldownPeriod": ("cooldown_period_s", 0),
    "initialCooldownPeriod": ("initial_cooldown_period_s", 0),
    "idleReplicaCount": ("idle_replica_count", 0),
    "minReplicaCount": ("min_replica_count", 0),
    "maxReplicaCount": ("max_replica_count", 1),
}
FLAGS = {
    "paused": "paused",
    "paused-scale-in": "paused_scale_in",
    "paused-scale-down": "paused_scale_in",
    "paused-scale-out": "paused_scale_out",
    "force-activation": "force_activation",
}
FALSE = ("0", "f", "F", "FALSE", "false", "False")
DOMAIN = "autoscaling.keda.sh"
DAY_S = 86_400
HTTP_POLL_S = 15
QUEUE = {"service": {"overload": "queue"}, "apply": "runtime"}  # as the add-on's interceptor does
LONGEST_WINDOW_S = 60.0
WHY = {
    "metadata": "about where KEDA gets the value",
    "status": "what was, not what shall be",
    "scaleTargetRef": "there is one fleet here",
    "authenticationRef": "nobody is asked over a network here",
    "useCachedMetrics": "the HPA reads fresh values here",
    "restoreToOriginalReplicaCount": "the fleet ends with the controller here",
    "name": "names the object",
    "hosts": "there is one service here",
    "pathPrefixes": "there is one service here",
    "headers": "there is one service here",
    "granularity": "rates are counted at each tick here",
    "timeouts": "HAProxy has its own timeouts here",
    "coldStartTimeoutFailoverRef": "there is one service here",
}


def read(document: Mapping[str, Any], names: MetricNames) -> Translation:
    """The options of the policy `keda`. Raises PlaceError for what cannot be read."""
    kind = word("kind", document.get("kind"), ("ScaledObject", "HTTPScaledObject"))
    group = "keda.sh" if kind == "ScaledObject" else "http.keda.sh"
    word("apiVersion", document.get("apiVersion"), (f"{group}/v1alpha1",))
    check_keys(document, KEDA if group == "keda.sh" else KEDA_HTTP)
    notes, spec = Notes(), mapping("spec", get("", document, "spec"))
    options, settings = _object(spec, names, notes) if group == "keda.sh" else _http(spec, names, notes)
    options |= _annotations(document, notes)
    low, high = options.get("min_replica_count", 0), options.get("max_replica_count", 100)
    rest = options.get("idle_replica_count", low)
    held = options.get("paused_replicas", rest)
    unused = (*notes.left, *explained(document, notes.used, WHY))
    return Translation({"keda": options}, min(rest, held), max(high, held), tuple(notes.mapped), unused, settings)


def _object(spec: Mapping[str, Any], names: MetricNames, notes: Notes) -> tuple[dict[str, Any], dict[str, Any]]:
    options: dict[str, Any] = {"triggers": triggers("spec.triggers", get("spec", spec, "triggers"), names, notes)}
    options |= _numbers("spec", spec, NUMBERS, notes) | _fallback(spec, options["triggers"], notes)
    _ordered(options, "spec.minReplicaCount", "spec.idleReplicaCount")
    return options | _advanced(spec, notes), {}


def _numbers(
    place: str, parent: Mapping[str, Any], known: Mapping[str, tuple[str, int]], notes: Notes
) -> dict[str, Any]:
    options = {}
    for key, (option, least) in known.items():
        given = notes.value(place, parent, key)
        if given is not None:
            options[option] = whole(at(place, key), given, least, DAY_S if option.endswith("_s") else 10**6)
    return options


def _ordered(options: Mapping[str, Any], minimum_at: str, idle_at: str) -> None:
    """The counts must fit, as KEDA's webhook has it."""
    low, high = options.get("min_replica_count", 0), options.get("max_replica_count", 100)
    idle = options.get("idle_replica_count")
    if max(1, low) > high:
        raise PlaceError(minimum_at, f"{low}: must be at most the maximum, which is {high}")
    if idle is not None and idle >= low:
        raise PlaceError(idle_at, f"{idle}: must be below minReplicaCount, which is {low}")


def _fallback(spec: Mapping[str, Any], read: list[dict[str, Any]], notes: Notes) -> dict[str, Any]:
    place = "spec.fallback"
    if spec.get("fallback") is None:
        return {}
    fallback = mapping(place, spec["fallback"])
    if all(trigger.get("type") == "cpu" for trigger in read):
        raise PlaceError(place, "needs a trigger that is not cpu or memory")
    if fallback.get("behavior") == "scalingModifiers":
        raise PlaceError(at(place, "behavior"), "'scalingModifiers': formulas are not evaluated here")
    behavior = word(at(place, "behavior"), fallback.get("behavior") or "static", BEHAVIORS)
    counts = (("failureThreshold", "failure_threshold"), ("replicas", "replicas"))
    options = {ours: whole(at(place, key), get(place, fallback, key), 0, 10**6) for key, ours in counts}
    notes.used += [at(place, key) for key in ("failureThreshold", "replicas", "behavior")]
    return {"fallback": options | {"behavior": behavior}}


def _advanced(spec: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """The behavior of the HPA."""
    place = "spec.advanced"
    advanced = mapping(place, spec.get("advanced") or {})
    if advanced.get("scalingModifiers"):
        why = "formulas are not evaluated here; leave it out, and each trigger counts by itself"
        raise PlaceError(at(place, "scalingModifiers"), why)
    here = at(place, "horizontalPodAutoscalerConfig")
    config = mapping(here, advanced.get("horizontalPodAutoscalerConfig") or {})
    behavior_at = at(here, "behavior")
    if config.get("behavior") is None:
        return {}
    notes.used.append(behavior_at)
    return _behavior(behavior_at, config["behavior"], notes)


def _behavior(place: str, behavior: Any, notes: Notes) -> dict[str, Any]:
    """Read as that of an HPA, into which KEDA puts it as it is."""
    spec = {"maxReplicas": 1, "behavior": behavior}
    try:
        made = hpa.read({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": spec}, {})
    except PlaceError as error:
        message = str(error).removeprefix(f"{error.place}: ")
        raise PlaceError(place + error.place.removeprefix("spec.behavior"), message) from error
    notes.left += [place + each.removeprefix("spec.behavior") for each in made.unused]
    found = made.policy["hpa"]
    return {"behavior": found["behavior"]} if "behavior" in found else {}


def _annotations(document: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """What pauses or forces; other annotations and names are about the object."""
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    options: dict[str, Any] = {}
    for name, value in (annotations if isinstance(annotations, Mapping) else {}).items():
        key, place = str(name).removeprefix(f"{DOMAIN}/"), f"metadata.annotations.{name}"
        if key == name:
            continue
        if key == "paused-replicas":
            if not str(value).isdecimal() or int(value) > 10**6:
                raise PlaceError(place, f"{short(value)}: must be a whole number from 0")
            options["paused_replicas"] = int(value)
        elif key in FLAGS:
            options[FLAGS[key]] = str(value) not in FALSE  # KEDA takes any other word for true
        else:
            check_word(place, key, (*FLAGS, "paused-replicas"))
            notes.left.append(f"{place}: is no annotation that is known here")
    if metadata is not None:
        notes.used.append("metadata")
        notes.left.append("metadata: about the object, not about its size")
    return options


def _http(spec: Mapping[str, Any], names: MetricNames, notes: Notes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the add-on makes a ScaledObject of, with its own scaler, which tells of the first request at once."""
    replicas = mapping("spec.replicas", spec.get("replicas") or {})
    counts = {"min": ("min_replica_count", 0), "max": ("max_replica_count", 1)}
    periods = {"scaledownPeriod": ("cooldown_period_s", 0), "initialCooldownPeriod": ("initial_cooldown_period_s", 0)}
    trigger, settings = _scaling_metric(spec, names, notes)
    options = {"triggers": [trigger], "polling_interval_s": HTTP_POLL_S}
    options |= _numbers("spec", spec, periods, notes) | _numbers("spec.replicas", replicas, counts, notes)
    _ordered(options, "spec.replicas.min", "")
    return options, settings


def _scaling_metric(spec: Mapping[str, Any], names: MetricNames, notes: Notes) -> tuple[dict[str, Any], dict[str, Any]]:
    place = "spec.scalingMetric"
    metric = mapping(place, spec.get("scalingMetric") or {})
    given = [key for key in ("concurrency", "requestRate") if metric.get(key) is not None]
    if len(given) > 1:
        raise PlaceError(place, "concurrency and requestRate exclude each other")
    kind = given[0] if given else "concurrency"
    here = at(place, kind)
    source = mapping(here, metric.get(kind) or {})
    target = notes.value(here, source, "targetValue")
    target_at = at(here, "targetValue")
    if not given and spec.get("targetPendingRequests") is not None:
        target_at = "spec.targetPendingRequests"
        target = notes.value("spec", spec, "targetPendingRequests")
    amount = 100 if target is None else whole(target_at, target, 1, 10**9)
    known = {"concurrency": "in_flight_requests", "requestRate": "offered_rps"}
    ours = metric_name(place, kind, names, known)
    notes.mapped.append(f"{kind} ({amount}): {ours}, {amount} for each instance, active above 0")
    settings = dict(QUEUE) | (_window(here, source, notes) if kind == "requestRate" else {})
    return {"name": kind, "metric": ours, "threshold": float(amount), "push": True}, settings


def _window(place: str, source: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """The window of the rate, which is that of all rates here."""
    here = at(place, "window")
    window_s = duration(here, source.get("window", "1m"))
    notes.used.append(here)
    if not 0.1 <= window_s <= LONGEST_WINDOW_S:
        raise PlaceError(here, f"{short(source.get('window'))}: must be from 100ms to 1m here")
    return {"rate_window_s": window_s}
