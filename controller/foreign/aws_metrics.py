"""What CloudWatch's metrics are here.

METRICS and PREDEFINED say it for the metrics of EC2, ECS and load balancers. Counts in a period become rates per second
and seconds milliseconds, with the threshold converted. A metric that the user names is taken as it is, but for the
statistic Sum, which is a count in a period there too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.foreign import MetricNames, PlaceError, metric_name
from controller.foreign.values import at, flag, get, listing, mapping, short, text, whole

RATES = ("rate_per_instance", "offered_rps", "served_rps", "rejected_rps", "failed_rps")
COUNTS = {
    "RequestCountPerTarget": "rate_per_instance",
    "RequestCount": "offered_rps",
    "HTTPCode_Target_4XX_Count": "rejected_rps",
    "HTTPCode_Target_5XX_Count": "failed_rps",
    "HTTPCode_ELB_5XX_Count": "failed_rps",
}
LATENCIES = {"Average": "latency_ms_p50", "p50": "latency_ms_p50", "p95": "latency_ms_p95", "p99": "latency_ms_p99"}
METRICS = {
    "CPUUtilization": "cpu_percent",
    "SurgeQueueLength": "queue_requests",
    "TargetResponseTime": "latency_ms_p50",
    **COUNTS,
}
PREDEFINED = {
    "ASGAverageCPUUtilization": "cpu_percent",
    "ALBRequestCountPerTarget": "rate_per_instance",
    "ECSServiceAverageCPUUtilization": "cpu_percent",
    "EC2SpotFleetRequestAverageCPUUtilization": "cpu_percent",
}
PER_MINUTE = ("ALBRequestCountPerTarget",)
STATISTICS = "Average, Minimum, Maximum, a percentile such as p95, or Sum of a count"


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric in our words: `factor` is what a value of theirs is to be multiplied by."""

    theirs: str
    metric: str
    statistic: str = "Average"
    period_s: int = 60
    factor: float = 1.0
    note: str = ""

    def words(self, relation: str, value: float) -> str:
        """How a value was read, as in "CPUUtilization at 50: cpu_percent at 50 (of one core)"."""
        note = f" ({self.note})" if self.note else ""
        return f"{self.theirs} {relation} {value:g}: {self.metric} {relation} {value * self.factor:.4g}{note}"


def predefined(place: str, specification: Mapping[str, Any], names: MetricNames) -> Measure:
    """The metric of a PredefinedMetricSpecification."""
    here = at(place, "PredefinedMetricType")
    name = text(here, get(place, specification, "PredefinedMetricType"))
    ours = metric_name(here, name, names, PREDEFINED)
    return _counted(here, name, ours, 60) if name in PER_MINUTE else Measure(name, ours, note=_note(ours))


def single(place: str, holder: Mapping[str, Any], names: MetricNames, period_s: int, statistic_key: str) -> Measure:
    """The metric that MetricName and a statistic name, in an alarm, a MetricStat or a customised specification."""
    here = at(place, "MetricName")
    name = text(here, get(place, holder, "MetricName"))
    statistic = text(at(place, statistic_key), get(place, holder, statistic_key))
    return measure(here, name, at(place, statistic_key), statistic, names, period_s)


def measure(place: str, name: str, statistic_at: str, statistic: str, names: MetricNames, period_s: int) -> Measure:
    """A metric by name and statistic."""
    ours = metric_name(place, name, names, METRICS)
    if statistic == "Sum":
        return _counted(statistic_at, name, ours, period_s)
    if name not in names and name in COUNTS:
        raise PlaceError(statistic_at, f"{statistic!r}: {name} is a count of requests, its statistic must be Sum")
    if name not in names and name == "TargetResponseTime":
        return _latency(statistic_at, name, statistic, period_s)
    if statistic not in ("Average", "Minimum", "Maximum") and not statistic.startswith("p"):
        raise PlaceError(statistic_at, f"{statistic!r}: must be {STATISTICS}")
    return Measure(name, ours, statistic, period_s, note=_note(ours))


def queried(place: str, found: Any, names: MetricNames) -> tuple[Measure, list[str]]:
    """The metric of a list of data queries, and the places that were read. Expressions are not computed: the user
    names the metric that the one which returns data comes to, by its Label or else its Id."""
    queries = listing(place, found)
    items = [(f"{place}[{number}]", mapping(f"{place}[{number}]", each)) for number, each in enumerate(queries)]
    told = [(here, each) for here, each in items
            if flag(at(here, "ReturnData"), each.get("ReturnData", True))]  # fmt: skip
    if len(told) != 1:
        raise PlaceError(place, f"{len(told)} of its queries return data; ReturnData must be true for exactly one")
    here, query = told[0]
    read = [at(each, "ReturnData") for each, _ in items]
    read += [at(here, key) for key in ("Expression", "Label", "Id", "Period")]
    if query.get("MetricStat") is None:
        return _expression(here, query, names), read
    inner = at(here, "MetricStat")
    stat = mapping(inner, query["MetricStat"])
    metric_at = at(inner, "Metric")
    metric = mapping(metric_at, get(inner, stat, "Metric"))
    period_s = whole(at(inner, "Period"), stat.get("Period") or query.get("Period") or 60, 1)
    name = text(at(metric_at, "MetricName"), get(metric_at, metric, "MetricName"))
    statistic = text(at(inner, "Stat"), get(inner, stat, "Stat"))
    made = measure(at(metric_at, "MetricName"), name, at(inner, "Stat"), statistic, names, period_s)
    return made, [*read, at(metric_at, "MetricName"), at(inner, "Stat"), at(inner, "Period")]


def _expression(place: str, query: Mapping[str, Any], names: MetricNames) -> Measure:
    text(at(place, "Expression"), get(place, query, "Expression"))
    key = "Label" if query.get("Label") else "Id"
    name = text(at(place, key), get(place, query, key))
    if name not in names:
        expression = short(query["Expression"])
        raise PlaceError(at(place, "Expression"), f"{expression}: metric math is not computed here; name the metric "
                                                  f"that it comes to by --metric {name}=NAME")  # fmt: skip
    ours = metric_name(at(place, key), name, names, {})
    return Measure(name, ours, period_s=whole(at(place, "Period"), query.get("Period") or 60, 1))


def _counted(place: str, name: str, ours: str, period_s: int) -> Measure:
    """A count in a period there, a rate here."""
    if ours not in RATES:
        raise PlaceError(place, f"{name} is a count in a period, which only a rate is here: {', '.join(RATES)}; "
                                f"not {ours}")  # fmt: skip
    return Measure(name, ours, "Average", period_s, 1 / period_s, f"a count in {period_s} s there, per second here")


def _latency(place: str, name: str, statistic: str, period_s: int) -> Measure:
    if statistic not in LATENCIES:
        raise PlaceError(place, f"{statistic!r}: of {name} only {', '.join(LATENCIES)} are known here")
    note = "seconds there, milliseconds here" + ("; the median for the mean" if statistic == "Average" else "")
    return Measure(name, LATENCIES[statistic], "Average", period_s, 1000, note)


def _note(ours: str) -> str:
    return "of one core" if ours == "cpu_percent" else ""
