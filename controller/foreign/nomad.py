"""Policies of the Nomad Autoscaler: the `scaling` block of a group in a job, or a file of `scaling` blocks, in HCL.

Format: hashicorp/nomad-autoscaler 0.5.0, policy/nomad/validate.go and policy/file/parse.go, and the documentation's
"Scaling Policies". Where several blocks scale something, the first is read.

Queries and what they are here; any other needs `--metric CHECK=NAME` or `--metric QUERY=NAME`:

| source | query | here |
|---|---|---|
| nomad-apm | avg_cpu, avg_cpu-allocated | cpu_percent, of the one core that an instance has |
| others | avg of haproxy_server_current_sessions | in_flight_per_instance |
| | sum of haproxy_server_current_sessions, haproxy_backend_current_sessions | in_flight_requests |
| | haproxy_backend_current_queue | queue_requests |
| | rate of haproxy_frontend_http_requests_total or haproxy_backend_http_requests_total | offered_rps |

The Nomad APM answers with one point, the newest, whatever the window is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from controller.foreign import MetricNames, PlaceError, Translation, metric_name
from controller.foreign.hcl import parse, tidy
from controller.foreign.keys import NOMAD, check_keys
from controller.foreign.values import at, choice, duration, explained, get, mapping, number, short, text, whole
from controller.model import METRICS

__all__ = ["parse", "read"]

NOMAD_APM = ("nomad-apm", "nomad_apm")
QUERIES = {"avg_cpu": "cpu_percent", "avg_cpu-allocated": "cpu_percent"}
HAPROXY = (
    (r"avg\b.*\bhaproxy_server_current_sessions\b", "in_flight_per_instance"),
    (r"sum\b.*\bhaproxy_server_current_sessions\b", "in_flight_requests"),
    (r"\bhaproxy_backend_current_sessions\b", "in_flight_requests"),
    (r"\bhaproxy_backend_current_queue\b", "queue_requests"),
    (r"rate\b.*\bhaproxy_(frontend|backend)_http_requests_total\b", "offered_rps"),
)
ON_ERROR = {"ignore": "ignore", "fail": "fail"}
STRATEGIES: dict[str, dict[str, Callable[[str, Any], float]]] = {
    "target-value": {"target": number, "threshold": number, "max_scale_up": whole, "max_scale_down": whole},
    "threshold": {"lower_bound": number, "upper_bound": number, "within_bounds_trigger": partial(whole, least=1),
                  "delta": partial(whole, least=None), "percentage": number, "value": whole},
    "fixed-value": {"value": whole},
    "pass-through": {"max_scale_up": whole, "max_scale_down": whole},
}  # fmt: skip
REQUIRED = {"target-value": "target", "fixed-value": "value"}
WHY = {
    "enabled": "is false there; the policy acts here",
    "type": "the fleet here is scaled by its count",
    "target": "the target here is the fleet",
    "schedule": "the policy acts at all times here",
    "query_window": "only the newest point is looked at",
    "query_window_offset": "only the newest point is looked at",
}


def read(document: Mapping[str, Any], names: MetricNames) -> Translation:
    """The first scaling policy of a document. Raises PlaceError for what cannot be read."""
    tidied = tidy(document)
    found = list(_scalings(tidied))
    if not found:
        raise PlaceError("", "holds no scaling block of a group and no scaling policy")
    path, count = found[0]
    place, block = ".".join(path), _under(tidied, path)
    check_keys(block, NOMAD, place)
    low, high = _bounds(place, block, count)
    policy_at = at(place, "policy")
    policy = mapping(policy_at, get(place, block, "policy"))
    reading = _Reading(names)
    options = reading.policy(policy_at, policy) | {"minimum": low, "maximum": high}
    beside = dict(_beside(tidied, path, [other for other, _ in found[1:]]))
    used = [*beside, at(place, "min"), at(place, "max"), *reading.used]
    if block.get("enabled") is not False:
        used.append(at(place, "enabled"))
    unused = [*(f"{one}: {why}" for one, why in beside.items()), *reading.notes, *explained(tidied, used, WHY)]
    return Translation({"nomad": options}, low, high, tuple(reading.words), tuple(unused))


def _scalings(document: Mapping[str, Any]) -> Iterator[tuple[list[str], Any]]:
    """The paths of all that scale a count, each with the minimum where none is written: what its group starts with."""
    blocks = document.get("scaling")
    if isinstance(blocks, Mapping):
        labels = [] if {"policy", "max", "min"} & blocks.keys() else list(blocks)
        yield from ((["scaling", label], 0) for label in labels)
        if not labels:
            yield ["scaling"], 0
    for job, body in _labelled(document, "job"):
        for group, inner in _labelled(body, "group"):
            if isinstance(inner.get("scaling"), Mapping):
                yield ["job", job, "group", group, "scaling"], inner.get("count", 1)


def _labelled(parent: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    blocks = parent.get(kind)
    for label, block in blocks.items() if isinstance(blocks, Mapping) else ():
        if isinstance(block, Mapping):
            yield label, block


def _under(document: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    found: Any = document
    for index, key in enumerate(path):
        found = mapping(".".join(path[: index + 1]), found[key])
    return mapping(".".join(path), found)


def _beside(document: Mapping[str, Any], path: list[str], others: list[list[str]]) -> Iterator[tuple[str, str]]:
    """What stands beside the scaling block and around it, each place as a whole."""
    for depth, key in enumerate(path):
        for sibling in _under(document, path[:depth]):
            here = [*path[:depth], sibling]
            if sibling == key:
                continue
            if any(other[: depth + 1] == here for other in others):
                yield ".".join(here), f"only {'.'.join(path)} is read"
            elif sibling == "count":
                yield ".".join(here), "the fleet starts with its minimum"
            else:
                yield ".".join(here), "about what runs, not how many"


def _bounds(place: str, block: Mapping[str, Any], default: Any) -> tuple[int, int]:
    low, high = whole(at(place, "min"), block.get("min", default)), whole(at(place, "max"), get(place, block, "max"))
    if low > high:
        raise PlaceError(at(place, "min"), f"{low} is above max {high}")
    return low, high


class _Reading:
    """Reads one policy; gathers what was used and what there is to say."""

    def __init__(self, names: MetricNames) -> None:
        self._names = names
        self.used: list[str] = []
        self.notes: list[str] = []
        self.words: list[str] = []

    def _take(self, place: str, key: str) -> str:
        self.used.append(at(place, key))
        return at(place, key)

    def policy(self, place: str, policy: Mapping[str, Any]) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for key in ("evaluation_interval", "cooldown", "cooldown_on_scale_up"):
            options |= self._duration(place, policy, key)
        if policy.get("on_check_error") is not None:
            here = self._take(place, "on_check_error")
            options["on_check_error"] = choice(here, policy["on_check_error"], ON_ERROR)
        checks = get(place, policy, "check")
        if isinstance(checks, list):
            raise PlaceError(at(place, "check"), "the blocks need names that differ")
        options["checks"] = [self._check(at(place, f"check.{name}"), name, check)
                             for name, check in mapping(at(place, "check"), checks).items()]  # fmt: skip
        return options

    def _check(self, place: str, name: str, block: Any) -> dict[str, Any]:
        check = mapping(place, block)
        kind, strategy = self._strategy(at(place, "strategy"), get(place, check, "strategy"))
        options: dict[str, Any] = {"name": name, "strategy": {kind.replace("-", "_"): strategy}}
        if check.get("group"):
            options["group"] = text(self._take(place, "group"), check["group"])
        if check.get("on_error"):
            options["on_error"] = choice(self._take(place, "on_error"), check["on_error"], ON_ERROR)
        if kind == "fixed-value":
            self.words.append(f"check {name}: needs no metric")
            return options
        options["metric"] = self._metric(place, name, check)
        return options | self._window(place, check, kind, strategy)

    def _metric(self, place: str, name: str, check: Mapping[str, Any]) -> str:
        source = text(self._take(place, "source"), check.get("source") or NOMAD_APM[0])
        query = text(self._take(place, "query"), get(place, check, "query"))
        named = [each for each in (query, name) if each in self._names]
        if named:
            ours = metric_name(at(place, "query"), named[0], self._names, {})
        else:
            ours = (_short_query(query) if source in NOMAD_APM else _haproxy(query)) or ""
        if not ours:
            raise PlaceError(at(place, "query"), f"{short(query)} of {source} is no metric of the testbed; name one by "
                                                 f"--metric {name}=NAME, of {', '.join(METRICS)}")  # fmt: skip
        self.words.append(f"check {name}: {query} of {source}: {ours}")
        return ours

    def _window(self, place: str, check: Mapping[str, Any], kind: str, strategy: dict[str, Any]) -> dict[str, Any]:
        """The seconds that a query looks at; 0 is the newest point alone."""
        instant = check.get("query_window") == "instant"
        needed = strategy.get("within_bounds_trigger", 5) if kind == "threshold" else 1
        if (check.get("source") or NOMAD_APM[0]) in NOMAD_APM:
            if needed > 1:
                self.notes.append(f"{place}.strategy.threshold: never acts, there as here: nomad-apm answers with one "
                                  f"point and within_bounds_trigger is {needed}")  # fmt: skip
            return {"query_window_s": 0.0}
        if instant and needed != 1:
            raise PlaceError(f"{place}.strategy.threshold.within_bounds_trigger",
                             f"{needed}: must be 1, as an instant query has one point")  # fmt: skip
        window = {"query_window_s": 0.0} if instant else self._duration(place, check, "query_window")
        self._take(place, "query_window")
        return window | self._duration(place, check, "query_window_offset")

    def _strategy(self, place: str, blocks: Any) -> tuple[str, dict[str, Any]]:
        found = mapping(place, blocks)
        if len(found) != 1:
            raise PlaceError(place, f"needs exactly one strategy, has {len(found)}")
        kind, block = next(iter(found.items()))
        if kind not in STRATEGIES:
            raise PlaceError(place, f"{kind!r} is no strategy of the testbed; known are {', '.join(STRATEGIES)}")
        here, options = at(place, kind), mapping(at(place, kind), block)
        if not options:
            self.used.append(here)
        if kind in REQUIRED:
            get(here, options, REQUIRED[kind])
        taken = {key: read_value(self._take(here, key), options[key])
                 for key, read_value in STRATEGIES[kind].items() if options.get(key) is not None}  # fmt: skip
        if kind == "threshold":
            _complete(here, taken)
        return kind, taken

    def _duration(self, place: str, parent: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Our option for a duration as Go writes it; 0 and none mean the default."""
        if parent.get(key) is None:
            return {}
        here, value = self._take(place, key), parent[key]
        total_s = duration(here, value)
        if total_s > 86_400:
            raise PlaceError(here, f"{value!r}: must be at most 24h")
        if not total_s:
            self.notes.append(f"{here}: 0 means the default there")
        return {f"{key}_s": total_s} if total_s else {}


def _complete(place: str, threshold: Mapping[str, Any]) -> None:
    if "lower_bound" not in threshold and "upper_bound" not in threshold:
        raise PlaceError(place, "needs lower_bound, upper_bound or both")
    if len({"delta", "percentage", "value"} & threshold.keys()) != 1:
        raise PlaceError(place, "needs exactly one of delta, percentage, value")


def _short_query(query: str) -> str | None:
    """Our metric for a query of the Nomad APM, in its short form or as taskgroup_avg_cpu/GROUP/JOB@NAMESPACE."""
    return QUERIES.get(query.split("/")[0].removeprefix("taskgroup_"))


def _haproxy(query: str) -> str | None:
    """Our metric for a query of one of HAProxy's series, when nothing is calculated with it."""
    bare = re.sub(r"\{[^}]*\}", "", query)
    series = set(re.findall(r"\bhaproxy_\w+", bare)) - {"haproxy_server_up"}
    if len(series) != 1 or re.search(r"[*/]", bare):
        return None
    return next((ours for pattern, ours in HAPROXY if re.search(pattern, bare)), None)
