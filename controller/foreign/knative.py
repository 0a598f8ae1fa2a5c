"""Knative: the autoscaling annotations of a Service, Configuration, Revision or PodAutoscaler, those annotations alone,
or the cluster's settings, as the ConfigMap config-autoscaler or in a KnativeServing.

Format: knative/serving, pkg/apis/autoscaling/register.go and annotation_validation.go, pkg/autoscaler/config/config.go,
pkg/reconciler/autoscaling/resources/target.go; the documentation "Autoscaling".

| Knative's metric | here |
|---|---|
| concurrency | in_flight_requests: in HAProxy's queue and at the instances |
| rps | offered_rps |

`--metric concurrency=offered_rps` reads the one as the other. Annotations are known in both spellings, as min-scale and
minScale; where both are given the first wins, as there. Knative's activator and queue-proxy hold back what instances
cannot take, so the testbed's instances queue, and HAProxy is changed at run time, which keeps its queue.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import ValidationError

from controller.foreign import MetricNames, PlaceError, Translation, metric_name
from controller.foreign.keys import KNATIVE, check_keys, check_word
from controller.foreign.values import at, choice, duration, explained, get, mapping, number, short, whole
from controller.policies.kpa import KpaConfig

DOMAIN = "autoscaling.knative.dev"
KPA = f"kpa.{DOMAIN}"
METRICS = {"concurrency": "in_flight_requests", "rps": "offered_rps"}
SETTINGS = {"service": {"overload": "queue"}, "apply": "runtime"}
TRUE, FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
ALGORITHMS = {"linear": "linear", "weighted-exponential": "weighted-exponential",
              "weightedExponential": "weighted-exponential"}  # fmt: skip
WHY = {
    "metadata": "about the object, not about its size",
    "status": "what was, not what shall be",
    "traffic": "there is one revision here",
    "containers": "instances run the testbed's application",
    "timeoutSeconds": "HAProxy has its own timeouts here",
    "_example": "a comment",
    "activator-capacity": "there is no activator here",
    "max-scale-limit": "about what services may ask for",
    "requests-per-second-target-default": "about services with the metric rps",
}


def flag(place: str, value: Any) -> bool:
    text = str(value)
    if text not in TRUE + FALSE:
        raise PlaceError(place, f"{short(value)}: must be true or false")
    return text in TRUE


def percentage(place: str, value: Any) -> float:
    found = number(place, value)
    if not 1 <= found <= 100:
        raise PlaceError(place, f"{short(value)}: must be from 1 to 100 percent")
    return found / 100


def share(place: str, value: Any) -> float:
    """A fraction up to 1, or a percentage above it."""
    found = number(place, value)
    return found / 100 if found > 1 else found


Reading = tuple[str, Callable[[str, Any], Any]]
BOTH: dict[str, Reading] = {
    "panic-window-percentage": ("panic_window_percentage", number),
    "panic-threshold-percentage": ("panic_threshold_percentage", number),
    "target-burst-capacity": ("target_burst_capacity", number),
    "scale-down-delay": ("scale_down_delay_s", duration),
    "scale-to-zero-pod-retention-period": ("scale_to_zero_pod_retention_period_s", duration),
    "initial-scale": ("initial_scale", whole),
    "min-scale": ("minimum", whole),
    "max-scale": ("maximum", whole),
}
ANNOTATIONS: dict[str, Reading] = BOTH | {
    "window": ("stable_window_s", duration),
    "target": ("target", number),
    "target-utilization-percentage": ("target_utilization", percentage),
    "activation-scale": ("activation_scale", partial(whole, least=1)),
    "metric-aggregation-algorithm": ("aggregation", partial(choice, legal=ALGORITHMS)),
}
CLUSTER: dict[str, Reading] = BOTH | {
    "stable-window": ("stable_window_s", duration),
    "container-concurrency-target-default": ("target", number),
    "container-concurrency-target-percentage": ("target_utilization", share),
    "max-scale-up-rate": ("max_scale_up_rate", number),
    "max-scale-down-rate": ("max_scale_down_rate", number),
    "enable-scale-to-zero": ("enable_scale_to_zero", flag),
    "scale-to-zero-grace-period": ("scale_to_zero_grace_period_s", duration),
    "tick-interval": ("tick_interval_s", duration),
}
CLUSTER_ONLY = ("pod-autoscaler-class", "allow-zero-initial-scale")


@dataclass
class Source:
    """Where the settings stand: their place, what they are, and the concurrency that an instance may have."""

    place: str
    values: Mapping[str, Any]
    concurrency: int = 0
    concurrency_at: str = ""
    used: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(document: Mapping[str, Any], names: MetricNames) -> Translation:
    """The settings of the KPA. Raises PlaceError for what cannot be read."""
    check_keys(document, KNATIVE.get(str(document.get("kind")), {}))
    source, cluster = _find(document)
    given = dict(_cluster(source) if cluster else _annotations(source))
    options: dict[str, Any] = {}
    for place, value, (option, parse) in given.values():
        options[option] = parse(place, value)
        _check(place, value, option, options[option])
    minimum, maximum = options.pop("minimum", 0), options.pop("maximum", 0) or None
    if maximum is not None and minimum > maximum:
        raise PlaceError(given["min-scale"][0], f"{minimum} is above max-scale {maximum}")
    metric = _metric(source, names) if not cluster else "concurrency"
    options |= {"metric": metric} | _target(source, options.get("target"), metric)
    config = KpaConfig.model_validate(options)
    words = (f"{metric}: {METRICS[metric]}, {config.each:g} for each instance "
             f"({config.target_utilization:.0%} of {config.total:g})")  # fmt: skip
    unused = (*source.notes, *explained(document, [*source.used, "apiVersion", "kind"], WHY))
    return Translation({"kpa": options}, minimum, maximum, (words,), unused, SETTINGS)


def _find(document: Mapping[str, Any]) -> tuple[Source, bool]:
    """The settings' source, and whether they are the cluster's."""
    kind, version = document.get("kind"), str(document.get("apiVersion", ""))
    if kind is None and any(str(key).startswith(f"{DOMAIN}/") for key in document):
        return Source("", document), False
    if kind in ("Service", "Configuration"):
        if not version.startswith("serving.knative.dev/"):
            raise PlaceError("apiVersion", f"{short(version)}: must be serving.knative.dev/v1")
        source = _revision("spec.template", mapping("spec.template", _under(document, "spec", "template")))
        source.notes += _misplaced(document)
        return source, False
    if kind in ("Revision", "PodAutoscaler"):
        return _revision("", document), False
    if kind == "ConfigMap":
        return Source("data", mapping("data", get("", document, "data"))), True
    if kind == "KnativeServing":
        place = "spec.config.autoscaler"
        return Source(place, mapping(place, _under(document, "spec", "config", "autoscaler"))), True
    raise PlaceError("kind", f"{short(kind)}: must be Service, Configuration, Revision, PodAutoscaler, ConfigMap or "
                             f"KnativeServing, or the document must hold {DOMAIN}/ annotations alone")  # fmt: skip


def _under(document: Mapping[str, Any], *keys: str) -> Any:
    place, found = "", document
    for key in keys:
        found = get(place, mapping(place, found), key)
        place = at(place, key)
    return found


def _revision(place: str, template: Mapping[str, Any]) -> Source:
    metadata = mapping(at(place, "metadata"), template.get("metadata") or {})
    spec = mapping(at(place, "spec"), template.get("spec") or {})
    here, limit = at(place, "metadata.annotations"), at(place, "spec.containerConcurrency")
    source = Source(here, mapping(here, metadata.get("annotations") or {}), concurrency_at=limit)
    if spec.get("containerConcurrency") is not None:
        source.used.append(limit)
        source.concurrency = whole(limit, spec["containerConcurrency"])
        if source.concurrency > 1000:
            raise PlaceError(limit, f"{source.concurrency}: must be at most 1000")
    return source


def _misplaced(document: Mapping[str, Any]) -> Iterator[str]:
    """A frequent mistake: what stands at the Service is not for its revisions."""
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    for name in annotations if isinstance(annotations, Mapping) else ():
        if str(name).startswith(f"{DOMAIN}/"):
            yield f"metadata.annotations.{name}: Knative reads it under spec.template.metadata only"


def _annotations(source: Source) -> Iterator[tuple[str, tuple[str, Any, Reading]]]:
    """The annotations that are options, by the name in its first spelling."""
    ours = {str(key): value for key, value in source.values.items() if str(key).startswith(f"{DOMAIN}/")}
    for key, value in ours.items():
        place, spelled = at(source.place, key), key.removeprefix(f"{DOMAIN}/")
        name = re.sub(r"[A-Z]", lambda letter: f"-{letter[0].lower()}", spelled)
        source.used.append(place)
        if name != spelled and f"{DOMAIN}/{name}" in ours:
            source.notes.append(f"{place}: {name} is given too, and wins")
        elif name == "class":
            _only_kpa(place, value)
        elif name in ANNOTATIONS:
            yield name, (place, value, ANNOTATIONS[name])
        elif name != "metric":
            check_word(place, name, (*ANNOTATIONS, "class", "metric"))
            source.notes.append(f"{place}: is no annotation of Knative's autoscaler")


def _cluster(source: Source) -> Iterator[tuple[str, tuple[str, Any, Reading]]]:
    for key, value in source.values.items():
        place, zero = at(source.place, str(key)), source.values.get("allow-zero-initial-scale", "false")
        if key == "pod-autoscaler-class":
            _only_kpa(place, value)
        elif (
            key == "initial-scale"
            and str(value) == "0"
            and not flag(at(source.place, "allow-zero-initial-scale"), zero)
        ):
            raise PlaceError(place, "0: must be at least 1, unless allow-zero-initial-scale is true")
        if key in CLUSTER:
            yield key, (place, value, CLUSTER[key])
        if key in CLUSTER or key in CLUSTER_ONLY:
            source.used.append(place)
        else:
            check_word(place, str(key), (*CLUSTER, *CLUSTER_ONLY, *WHY))


def _only_kpa(place: str, value: Any) -> None:
    if value == f"hpa.{DOMAIN}":
        raise PlaceError(
            place, f"{value!r}: is an HPA; read the HorizontalPodAutoscaler that Knative makes of it instead"
        )
    if value != KPA:
        raise PlaceError(place, f"{short(value)}: must be {KPA}")


def _metric(source: Source, names: MetricNames) -> str:
    """Knative's name of the metric that counts."""
    key = f"{DOMAIN}/metric"
    place, name = at(source.place, key), source.values.get(key, "concurrency")
    if not isinstance(name, str) or name not in METRICS:
        raise PlaceError(place, f"{short(name)}: must be concurrency or rps; others are for the class hpa.{DOMAIN}")
    ours = metric_name(place, name, names, METRICS)
    for theirs, metric in METRICS.items():
        if metric == ours:
            return theirs
    raise PlaceError(place, f"{ours!r}: the KPA can only follow {' or '.join(METRICS.values())}")


def _target(source: Source, annotated: float | None, metric: str) -> dict[str, float]:
    """What one instance can bear: the annotation, and for concurrency at most what its container may have."""
    limit = source.concurrency if metric == "concurrency" else 0
    if source.concurrency:
        why = "counts for the target only, nothing is refused or held back by it" if limit else "is about concurrency"
        source.notes.append(f"{source.concurrency_at}: {why}")
    bearable = [float(each) for each in (annotated, limit or None) if each is not None]
    return {"target": min(bearable)} if bearable else {}


def _check(place: str, value: Any, option: str, parsed: Any) -> None:
    """The option's own range."""
    if option in ("minimum", "maximum"):
        return
    try:
        KpaConfig.model_validate({option: parsed})
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise PlaceError(place, f"{short(value)}: {message[0].lower()}{message[1:]}") from error
