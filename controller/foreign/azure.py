"""Azure Monitor autoscale settings: the resource `Microsoft.Insights/autoscaleSettings` as `az monitor autoscale show`
prints it (bare, or with `properties`), or an ARM template that holds one.

Format: Azure/azure-rest-api-specs, Microsoft.Insights/stable/2022-10-01/autoscale_API.json. The default profile is
read: the one without `fixedDate` and `recurrence`; else, as the portal and the CLI write it beside recurring ones, one
with the name {"name": "...", "for": "..."}; else the first. It acts at all times, and the others have no meaning here.

METRICS below says what each metric is here. Counts in a grain become rates per second and seconds milliseconds, with
the threshold converted; a queue is one for the whole fleet, so that it is divided by the instances where Azure has one
for each. A metric that the user names is taken as it is, threshold and all.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.foreign import MetricNames, PlaceError, Translation, metric_name
from controller.foreign.keys import AZURE, check_keys
from controller.foreign.values import at, choice, explained, flag, get, listing, mapping, number, short, text, whole
from controller.policies.azure_rules import COMPARE

STATISTICS = {"Average": "average", "Min": "min", "Max": "max", "Sum": "sum", "Count": "count"}
AGGREGATIONS = {
    "Average": "average", "Minimum": "minimum", "Maximum": "maximum",
    "Total": "total", "Count": "count", "Last": "last",
}  # fmt: skip
OPERATORS = {
    "Equals": "equals", "NotEquals": "not_equals", "GreaterThan": "greater_than",
    "GreaterThanOrEqual": "greater_than_or_equal", "LessThan": "less_than", "LessThanOrEqual": "less_than_or_equal",
}  # fmt: skip
DIRECTIONS = {"Increase": "increase", "Decrease": "decrease"}
TYPES = {"ChangeCount": "change_count", "PercentChangeCount": "percent_change_count", "ExactCount": "exact_count"}
DURATION = re.compile(r"P(?=\d|T\d)(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
LONGEST_S = {"timeGrain": 43_200, "timeWindow": 43_200, "cooldown": 604_800}
READ = ("metricName", "timeGrain", "statistic", "timeWindow", "timeAggregation", "operator", "threshold",
        "dividePerInstance")  # fmt: skip
WHY = {
    "enabled": "is false there; the setting acts here",
    "fixedDate": "the profile acts at all times here",
    "recurrence": "the profile acts at all times here",
    "predictiveAutoscalePolicy": "no forecast is made here",
    "metricResourceUri": "there is one fleet here, behind one load balancer",
    "metricResourceLocation": "there is one fleet here, behind one load balancer",
    "metricNamespace": "there is one fleet here, behind one load balancer",
    "dimensions": "metrics have no dimensions here",
    "notifications": "nobody is notified here",
    **dict.fromkeys(("id", "name", "type", "apiVersion", "location", "resourceGroup", "tags", "targetResourceUri"),
                    "about the resource, not about its size"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one of Azure's metrics is here."""

    metric: str
    summed: str = ""  # the metric for the statistic Sum, where that is another one
    factor: float = 1.0  # of the threshold
    per_grain: bool = False  # there a count in a grain, here a rate per second
    divide: str = ""  # by the instances: always, or for all statistics but Sum


CPU = Meaning("cpu_percent")  # of one core
REQUESTS = Meaning("rate_per_instance", summed="offered_rps", per_grain=True)
SECONDS = Meaning("latency_ms_p50", factor=1000)  # the median, as there is no mean here
MESSAGES = Meaning("queue_requests", divide="always")
METRICS = {
    "Percentage CPU": CPU, "CpuPercentage": CPU,
    "\\Processor(_Total)\\% Processor Time": CPU, "\\Processor\\PercentProcessorTime": CPU,
    "Requests": REQUESTS,
    "Http4xx": Meaning("rejected_rps", per_grain=True),
    "Http5xx": Meaning("failed_rps", per_grain=True),
    "AverageResponseTime": SECONDS, "HttpResponseTime": SECONDS,
    "HttpQueueLength": Meaning("queue_requests", divide="but Sum"),
    "ApproximateMessageCount": MESSAGES, "ActiveMessageCount": MESSAGES,  # thresholds are per instance in any case
}  # fmt: skip
KNOWN = {name: meaning.metric for name, meaning in METRICS.items()}


def read(document: Mapping[str, Any], names: MetricNames) -> Translation:
    """The default profile of an autoscale setting. Raises PlaceError for what cannot be read."""
    place, setting = _setting(document)
    check_keys(setting, AZURE, place)
    profiles = listing(at(place, "profiles"), get(place, setting, "profiles"))
    index = _default(at(place, "profiles"), profiles)
    here, others = f"{at(place, 'profiles')}[{index}]", set(range(len(profiles))) - {index}
    profile = profiles[index]
    low, high, default = _capacity(here, profile)
    found = listing(f"{here}.rules", get(here, profile, "rules"))
    if len(found) > 10:
        raise PlaceError(f"{here}.rules", f"{len(found)} rules are too many; at most 10")
    rules = [_Rule(f"{here}.rules[{number}]", rule, names) for number, rule in enumerate(found)]
    options = {"rules": [rule.options for rule in rules], "default_count": default, "minimum": low, "maximum": high}
    spoken = [f"{at(place, 'profiles')}[{other}]" for other in sorted(others)]
    used = [*spoken, f"{here}.name", f"{here}.capacity", *(one for rule in rules for one in rule.used)]
    unused = [f"{one}: only one profile acts here, {here}" for one in spoken]
    if setting.get("enabled") is not False:
        used.append(at(place, "enabled"))
    return Translation({"azure": options}, low, high, tuple(rule.words for rule in rules),
                       (*unused, *explained(document, used, WHY)))  # fmt: skip


def _setting(document: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The place of the setting's properties, and those."""
    resources = document.get("resources")
    if isinstance(resources, list):
        for index, resource in enumerate(resources):
            kind = resource.get("type") if isinstance(resource, Mapping) else None
            if str(kind).lower() == "microsoft.insights/autoscalesettings":
                place = f"resources[{index}].properties"
                return place, mapping(place, resource.get("properties"))
        raise PlaceError("resources", "holds no Microsoft.Insights/autoscaleSettings")
    if "properties" in document:
        return "properties", mapping("properties", document["properties"])
    return "", document


def _default(place: str, profiles: list[Any]) -> int:
    """The number of the default profile, or of what comes nearest."""
    ranks = []
    for index, profile in enumerate(profiles):
        times = [mapping(f"{place}[{index}]", profile).get(key) for key in ("fixedDate", "recurrence")]
        ranks.append(0 if times == [None, None] else 1 if times[0] is None and _marked(profile.get("name")) else 2)
    if not ranks:
        raise PlaceError(place, "holds no profile")
    return ranks.index(min(ranks))


def _marked(name: Any) -> bool:
    """Is it the name of the default profile for the time outside of a recurring one?"""
    try:
        parsed = json.loads(name)
    except (TypeError, ValueError):
        return False
    return isinstance(parsed, Mapping) and "for" in parsed


def _capacity(place: str, profile: Mapping[str, Any]) -> tuple[int, int, int]:
    here = f"{place}.capacity"
    capacity = mapping(here, get(place, profile, "capacity"))
    low, high, default = (whole(f"{here}.{key}", get(here, capacity, key)) for key in ("minimum", "maximum", "default"))
    if low > high:
        raise PlaceError(f"{here}.minimum", f"{low} is above maximum {high}")
    return low, high, default


class _Rule:
    """One rule, in our words."""

    def __init__(self, place: str, rule: Any, names: MetricNames) -> None:
        where, action_at = f"{place}.metricTrigger", f"{place}.scaleAction"
        trigger = mapping(where, get(place, mapping(place, rule), "metricTrigger"))
        action = mapping(action_at, get(place, rule, "scaleAction"))
        self.used = [*(f"{where}.{key}" for key in READ), action_at]
        self.options = {**_window(where, trigger), **_trigger(where, trigger, names), **_action(action_at, action)}
        sign, threshold = COMPARE[self.options["operator"]][0], self.options["threshold"]
        there = f"{trigger['metricName']} {trigger['operator']} {trigger['threshold']}"
        self.words = f"{there}: {self.options['metric']} {sign} {threshold:g}"
        if self.options["divide_per_instance"]:
            self.words += ", divided by the instances"


def _window(place: str, trigger: Mapping[str, Any]) -> dict[str, Any]:
    grain_s, window_s = (_duration(place, trigger, key) for key in ("timeGrain", "timeWindow"))
    if grain_s <= 0:
        raise PlaceError(f"{place}.timeGrain", f"{trigger['timeGrain']!r}: must be longer than nothing")
    if window_s < grain_s:
        raise PlaceError(f"{place}.timeWindow", f"{trigger['timeWindow']!r} is shorter than timeGrain "
                                                f"{trigger['timeGrain']!r}")  # fmt: skip
    statistic = choice(f"{place}.statistic", get(place, trigger, "statistic"), STATISTICS)
    aggregation = choice(f"{place}.timeAggregation", get(place, trigger, "timeAggregation"), AGGREGATIONS)
    return {"time_grain_s": grain_s, "time_window_s": window_s, "statistic": statistic, "time_aggregation": aggregation}


def _trigger(place: str, trigger: Mapping[str, Any], names: MetricNames) -> dict[str, Any]:
    name = text(f"{place}.metricName", get(place, trigger, "metricName"))
    ours = metric_name(f"{place}.metricName", name, names, KNOWN)
    meaning = Meaning(ours) if name in names else METRICS[name]
    summed = str(trigger["statistic"]).lower() == "sum"
    factor = meaning.factor / (_duration(place, trigger, "timeGrain") if meaning.per_grain else 1)
    divided = flag(f"{place}.dividePerInstance", trigger.get("dividePerInstance") or False)
    return {
        "metric": meaning.summed if meaning.summed and summed else meaning.metric,
        "operator": choice(f"{place}.operator", get(place, trigger, "operator"), OPERATORS),
        "threshold": factor * number(f"{place}.threshold", get(place, trigger, "threshold")),
        "divide_per_instance": divided or meaning.divide == "always" or (bool(meaning.divide) and not summed),
    }


def _action(place: str, action: Mapping[str, Any]) -> dict[str, Any]:
    kind = get(place, action, "type")
    if str(kind).lower() == "serviceallowednextvalue":
        raise PlaceError(f"{place}.type", f"{kind!r}: the sizes that a service allows are not known here; "
                                          f"use one of {', '.join(TYPES)}")  # fmt: skip
    return {
        "direction": choice(f"{place}.direction", get(place, action, "direction"), DIRECTIONS),
        "type": choice(f"{place}.type", kind, TYPES),
        "value": whole(f"{place}.value", action.get("value") or 1),
        "cooldown_s": _duration(place, action, "cooldown"),
    }


def _duration(place: str, parent: Mapping[str, Any], key: str) -> float:
    """The seconds of an ISO 8601 duration of days, hours, minutes and seconds."""
    value = get(place, parent, key)
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PlaceError(f"{place}.{key}", f"{short(value)}: must be an ISO 8601 duration such as PT5M")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total_s = 86_400 * days + 3_600 * hours + 60 * minutes + seconds
    if total_s > LONGEST_S[key]:
        raise PlaceError(f"{place}.{key}", f"{value!r}: must be at most {LONGEST_S[key] // 3600} hours")
    return total_s
