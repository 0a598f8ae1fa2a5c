"""A HorizontalPodAutoscaler of Kubernetes: autoscaling/v2, the same as v2beta2, or v1 with its CPU percentage.

Format: kubernetes/kubernetes, pkg/apis/autoscaling/types.go, v2/defaults.go and validation/validation.go; quantities:
k8s.io/apimachinery/pkg/api/resource. Names of metrics are the cluster's own, so those of the documentation, of the
Prometheus adapter and other frequent ones are known; `--metric NAME=OURS` adds one or reads one otherwise.

| metric there | here |
|---|---|
| cpu (Resource, ContainerResource) | cpu_percent; a core is 100, Utilization is of the option `cpu_request_percent` |
| http_requests, http_requests_per_second, requests_per_second, requests-per-second, rps, qps | offered_rps |
| packets-per-second, of the documentation's example | offered_rps: a packet stands for a request |
| queue_length, queue_size, queue_depth, queue_messages_ready | queue_requests |
| concurrency, concurrent_requests, http_requests_in_flight, active_connections | in_flight_requests |

Our own names are known too. The target of a metric in seconds, such as latency_seconds=latency_ms_p95, becomes
milliseconds. Memory is not measured: beside other metrics it is left out, alone it is refused.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from controller import model
from controller.foreign import MetricNames, PlaceError, Translation, metric_name
from controller.foreign.keys import HPA, check_keys
from controller.foreign.values import at, explained, get, listing, mapping, short, text
from controller.policies.hpa_config import Metric
from controller.policies.hpa_replicas import MOST

VERSIONS = ("autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v1")
METRICS = {
    **dict.fromkeys(("http_requests", "http_requests_per_second", "requests_per_second", "requests-per-second", "rps",
                     "qps", "packets-per-second"), "offered_rps"),
    **dict.fromkeys(("queue_length", "queue_size", "queue_depth", "queue_messages_ready"), "queue_requests"),
    **dict.fromkeys(("concurrency", "concurrent_requests", "http_requests_in_flight", "active_connections"),
                    "in_flight_requests"),
}  # fmt: skip
TARGETS = {
    "Resource": ("Utilization", "AverageValue"),
    "ContainerResource": ("Utilization", "AverageValue"),
    "Pods": ("AverageValue",),
    "Object": ("Value", "AverageValue"),
    "External": ("Value", "AverageValue"),
}
CPU_KINDS = ("Resource", "ContainerResource")
OPTIONS = {"averageUtilization": "average_utilization_percent", "averageValue": "average_value", "value": "value"}
QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i))?")
DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
LARGEST = 10**9
WHY = {
    "metadata": "about the object, not about its size",
    "status": "what was, not what shall be",
    "scaleTargetRef": "there is one fleet here",
    "describedObject": "there is one service here",
    "selector": "there is one service here, nothing to select from",
    "container": "an instance is one container here",
}
IN_ANNOTATIONS = ("autoscaling.alpha.kubernetes.io/metrics", "autoscaling.alpha.kubernetes.io/behavior")


@dataclass
class Notes:
    """What was read of the document, how, and what was not."""

    used: list[str] = field(default_factory=lambda: ["apiVersion", "kind"])
    mapped: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def value(self, place: str, parent: Mapping[str, Any], key: str) -> Any:
        """What stands under a key, which is used by that; None where nothing does."""
        self.used.append(at(place, key))
        return parent.get(key)


def quantity(place: str, value: Any) -> Fraction:
    """A quantity such as 500m, 1.5k or 10, rounded up to thousandths as Kubernetes does."""
    found = QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if found is None or isinstance(value, bool):
        raise PlaceError(place, f"{short(value)}: must be a quantity such as 10, 500m or 1k")
    amount, exponent, suffix = Fraction(found[1]), found[2], found[3]
    if exponent:
        amount *= Fraction(10) ** int(exponent[1:])
    elif suffix:
        amount *= Fraction(2) ** BINARY[suffix] if suffix in BINARY else Fraction(10) ** DECIMAL[suffix]
    amount = Fraction(math.ceil(amount * 1000), 1000)
    if not 0 <= amount <= LARGEST:
        raise PlaceError(place, f"{short(value)}: must be from 0 to {LARGEST}")
    return amount


def whole(place: str, value: Any, least: int, most: int = MOST) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise PlaceError(place, f"{short(value)}: must be a whole number from {least} to {most}")
    return value


def word(place: str, value: Any, legal: Iterable[str]) -> str:
    if not isinstance(value, str) or value not in legal:
        raise PlaceError(place, f"{short(value)}: must be {' or '.join(legal)}")
    return value


def read(document: Mapping[str, Any], names: MetricNames) -> Translation:
    """The options of the policy `hpa`. Raises PlaceError for what the API would refuse, and for unknown metrics."""
    word("kind", document.get("kind"), ("HorizontalPodAutoscaler",))
    version = word("apiVersion", document.get("apiVersion"), VERSIONS)
    check_keys(document, HPA)
    spec, notes = mapping("spec", get("", document, "spec")), Notes()
    minimum, maximum = _bounds(spec, notes)
    options: dict[str, Any] = {"minimum": minimum, "maximum": maximum}
    if version == "autoscaling/v1":
        options["metrics"] = _version_1(document, spec, notes)
    else:
        _foreign_to(version, spec, "targetCPUUtilizationPercentage")
        options["metrics"] = _metrics(spec, names, notes)
        options |= _behavior(spec, notes)
    if minimum == 0 and all(metric["type"] in ("Resource", "Pods") for metric in options["metrics"]):
        raise PlaceError("spec.minReplicas", "0: needs an Object or External metric, which is known at zero too")
    unused = (*notes.left, *explained(document, notes.used, WHY))
    return Translation({"hpa": options}, minimum, maximum, tuple(notes.mapped), unused)


def _foreign_to(version: str, spec: Mapping[str, Any], *keys: str) -> None:
    for key in keys:
        if spec.get(key) is not None:
            raise PlaceError(f"spec.{key}", f"is no field of {version}")


def _bounds(spec: Mapping[str, Any], notes: Notes) -> tuple[int, int]:
    given = notes.value("spec", spec, "minReplicas")
    minimum = 1 if given is None else whole("spec.minReplicas", given, 0)
    notes.used.append("spec.maxReplicas")
    maximum = whole("spec.maxReplicas", get("spec", spec, "maxReplicas"), 1)
    if minimum > maximum:
        raise PlaceError("spec.maxReplicas", f"{maximum}: must be at least minReplicas, which is {minimum}")
    return minimum, maximum


def _version_1(document: Mapping[str, Any], spec: Mapping[str, Any], notes: Notes) -> list[dict[str, Any]]:
    """The CPU percentage, 80 where it is not given. The API keeps what v1 has no words for in annotations."""
    _foreign_to("autoscaling/v1", spec, "metrics", "behavior")
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    for name in IN_ANNOTATIONS:
        if isinstance(annotations, Mapping) and name in annotations:
            raise PlaceError(
                f"metadata.annotations.{name}", "write the object as autoscaling/v2, which has a field for it"
            )
    given = notes.value("spec", spec, "targetCPUUtilizationPercentage")
    percent = 80 if given is None else whole("spec.targetCPUUtilizationPercentage", given, 1)
    return [
        _read_as({"type": "Resource", "average_utilization_percent": percent}, f"cpu (Utilization {percent})", notes)
    ]


def _read_as(metric: dict[str, Any], there: str, notes: Notes) -> dict[str, Any]:
    of = ", which is 100% of a core (cpu_request_percent)" if "average_utilization_percent" in metric else ""
    notes.mapped.append(f"{there}: {Metric.model_validate(metric)}{of}")
    return metric


def _metrics(spec: Mapping[str, Any], names: MetricNames, notes: Notes) -> list[dict[str, Any]]:
    """One or more; CPU at 80 % of the request where none is given, as in the API."""
    given = spec.get("metrics")
    if given is None or given == []:
        notes.used.append("spec.metrics")
        return [_read_as({"type": "Resource", "average_utilization_percent": 80}, "no metric", notes)]
    if len(listing("spec.metrics", given)) > 100:
        raise PlaceError("spec.metrics", f"holds {len(given)}: must hold at most 100")
    metrics, refused = [], []
    for index, each in enumerate(given):
        place = f"spec.metrics[{index}]"
        kind = word(at(place, "type"), mapping(place, each).get("type"), TARGETS)
        here = at(place, small(kind))
        source = mapping(here, get(place, each, small(kind)))
        name = text(at(here, "name"), get(here, source, "name")) if kind in CPU_KINDS else "cpu"
        if name != "cpu":
            refused.append(PlaceError(at(here, "name"), f"{name!r}: is not measured here, only cpu is"))
            notes.left.append(f"{place}: {name!r} is not measured here, the other metrics decide without it")
            notes.used.append(place)
        else:
            _only(place, each, kind)
            notes.used.append(at(place, "type"))
            metrics.append(_metric(here, kind, source, names, notes))
    if not metrics:
        raise refused[0]
    return metrics


def small(name: str) -> str:
    """The field that goes with a type."""
    return name[0].lower() + name[1:]


def _only(place: str, each: Mapping[str, Any], kind: str) -> None:
    for other in TARGETS:
        if other != kind and each.get(small(other)) is not None:
            raise PlaceError(at(place, small(other)), f"does not belong to a metric of type {kind}")


def _metric(here: str, kind: str, source: Mapping[str, Any], names: MetricNames, notes: Notes) -> dict[str, Any]:
    if kind == "ContainerResource":
        text(at(here, "container"), get(here, source, "container"))
    metric: dict[str, Any] = {"type": "Resource" if kind in CPU_KINDS else kind}
    if kind in CPU_KINDS:
        foreign = str(notes.value(here, source, "name"))
    else:
        foreign, metric["metric"] = _name(at(here, "metric"), get(here, source, "metric"), names, notes)
    key, said, amount = _target(at(here, "target"), kind, get(here, source, "target"), notes)
    units = 1 if key == "averageUtilization" else _units(foreign, metric)
    metric[OPTIONS[key]] = int(amount) if key == "averageUtilization" else float(amount * units)
    return _read_as(metric, f"{foreign} ({kind}, {said})", notes)


def _name(place: str, given: Any, names: MetricNames, notes: Notes) -> tuple[str, str]:
    """The metric's name, there and here."""
    identifier = mapping(place, given)
    here = at(place, "name")
    notes.used.append(here)
    foreign = text(here, get(place, identifier, "name"))
    if foreign in model.METRICS and foreign not in names:
        return foreign, foreign
    return foreign, metric_name(here, foreign, names, METRICS)


def _units(foreign: str, metric: Mapping[str, Any]) -> int:
    """How many of our units are one of theirs."""
    if metric["type"] == "Resource":
        return 100  # percent in a core
    seconds = foreign.endswith(("_seconds", "_s")) and str(metric["metric"]).startswith("latency_ms")
    return 1000 if seconds else 1


def _target(place: str, kind: str, given: Any, notes: Notes) -> tuple[str, str, Fraction]:
    """The target's key, its words, and its amount, which is in whole percent for a utilisation."""
    target = mapping(place, given)
    named = word(at(place, "type"), target.get("type"), TARGETS[kind])
    key = "averageUtilization" if named == "Utilization" else small(named)
    here, value = at(place, key), get(place, target, key)
    notes.used += [at(place, "type"), here]
    for other in OPTIONS:
        if other != key and target.get(other) is not None and kind != "Object":
            raise PlaceError(at(place, other), f"does not belong to a target of type {named}")
    amount = Fraction(whole(here, value, 1)) if named == "Utilization" else quantity(here, value)
    if not amount:
        raise PlaceError(here, f"{short(value)}: must be above 0")
    return key, f"{named} {value}", amount


def _behavior(spec: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """The option `behavior` where there is one; an empty one is more than none, it has defaults of its own."""
    place = "spec.behavior"
    if spec.get("behavior") is None:
        return {}
    behavior = mapping(place, spec["behavior"])
    if not behavior:
        notes.used.append(place)
    ways = {"scaleUp": "scale_up", "scaleDown": "scale_down"}
    given = {ours: (at(place, way), behavior[way]) for way, ours in ways.items() if behavior.get(way) is not None}
    return {"behavior": {ours: _rules(here, mapping(here, rules), notes) for ours, (here, rules) in given.items()}}


def _rules(place: str, rules: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    if not rules:
        notes.used.append(place)
    window, select = notes.value(place, rules, "stabilizationWindowSeconds"), notes.value(place, rules, "selectPolicy")
    tolerance, policies = notes.value(place, rules, "tolerance"), rules.get("policies")
    options: dict[str, Any] = {}
    if window is not None:
        options["stabilization_window_s"] = float(whole(at(place, "stabilizationWindowSeconds"), window, 0, 3600))
    if select is not None:
        options["select_policy"] = word(at(place, "selectPolicy"), select, ("Max", "Min", "Disabled"))
    if tolerance is not None:
        options["tolerance"] = float(quantity(at(place, "tolerance"), tolerance))
    if policies is not None:
        here = at(place, "policies")
        if not 1 <= len(listing(here, policies)) <= 100:
            raise PlaceError(here, f"holds {len(policies)}: must hold 1 to 100")
        options["policies"] = [_policy(f"{here}[{index}]", each, notes) for index, each in enumerate(policies)]
    return options


def _policy(place: str, given: Any, notes: Notes) -> dict[str, Any]:
    policy = mapping(place, given)
    notes.used += [at(place, key) for key in ("type", "value", "periodSeconds")]
    return {
        "type": word(at(place, "type"), policy.get("type"), ("Pods", "Percent")),
        "value": whole(at(place, "value"), get(place, policy, "value"), 1),
        "period_s": float(whole(at(place, "periodSeconds"), get(place, policy, "periodSeconds"), 1, 1800)),
    }
