"""Metrics and alarms of CloudWatch in our words."""

from typing import Any

import pytest

from controller.foreign.aws import read
from controller.foreign.aws_metrics import METRICS, PREDEFINED
from controller.model import METRICS as OURS
from tests.controller.foreign.aws import alarm_of, example, failure, options, step, tracked


@pytest.mark.parametrize(
    ("name", "statistic", "period_s", "metric", "ours", "threshold"),
    [
        ("CPUUtilization", "Maximum", 60, "cpu_percent", "Maximum", 120),
        ("RequestCountPerTarget", "Sum", 60, "rate_per_instance", "Average", 2),
        ("RequestCount", "Sum", 30, "offered_rps", "Average", 4),
        ("HTTPCode_Target_5XX_Count", "Sum", 60, "failed_rps", "Average", 2),
        ("TargetResponseTime", "Average", 60, "latency_ms_p50", "Average", 120_000),
        ("SurgeQueueLength", "Maximum", 60, "queue_requests", "Maximum", 120),
    ],
)
def test_alarms_on_metrics_of_cloudwatch(
    name: str, statistic: str, period_s: int, metric: str, ours: str, threshold: float
) -> None:
    found = alarm_of(step(MetricName=name, Statistic=statistic, Period=period_s, Threshold=120))
    assert (found["metric"], found["statistic"], found["period_s"]) == (metric, ours, period_s)
    assert found["threshold"] == pytest.approx(threshold)


def test_percentiles_are_extended_statistics() -> None:
    found = alarm_of(step(MetricName="TargetResponseTime", Statistic=None, ExtendedStatistic="p95", Threshold=0.5))
    assert (found["metric"], found["statistic"], found["threshold"]) == ("latency_ms_p95", "Average", 500)
    assert alarm_of(step(Statistic=None, ExtendedStatistic="p90"))["statistic"] == "p90"


def test_median_stands_for_the_mean_of_latencies_and_says_so() -> None:
    translation = read(step(MetricName="TargetResponseTime", Threshold=0.5), {})
    assert translation.mapped[0] == (
        "TargetResponseTime >= 0.5: latency_ms_p50 >= 500 (seconds there, milliseconds here; the median for the mean)"
    )
    translation = read(step(MetricName="TargetResponseTime", Statistic=None, ExtendedStatistic="p99"), {})
    assert translation.mapped[0].endswith("(seconds there, milliseconds here)")


def test_rest_of_an_alarm() -> None:
    found = alarm_of(step(DatapointsToAlarm=1, TreatMissingData="notBreaching", ActionsEnabled=True))
    assert (found["datapoints_to_alarm"], found["treat_missing_data"]) == (1, "notBreaching")


def test_metric_that_the_user_names_is_taken_as_it_is_but_a_sum_is_a_count() -> None:
    found = alarm_of(step(MetricName="Mine", Threshold=120), Mine="served_rps")
    assert (found["metric"], found["threshold"]) == ("served_rps", 120)
    found = alarm_of(step(MetricName="Mine", Statistic="Sum", Threshold=120), Mine="served_rps")
    assert (found["metric"], found["statistic"], found["threshold"]) == ("served_rps", "Average", 2)
    found = alarm_of(step(MetricName="RequestCount", Threshold=120), RequestCount="queue_requests")
    assert (found["metric"], found["threshold"]) == ("queue_requests", 120)
    document = {"TargetValue": 9, "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageNetworkOut"}}
    assert options(read(document, {"ASGAverageNetworkOut": "rate_per_instance"}))[0]["target"] == 9


def query(name: str, **more: Any) -> dict[str, Any]:
    metric = {"MetricName": name, "Namespace": "AWS/EC2"}
    return {"Id": name.lower(), "MetricStat": {"Metric": metric, "Stat": "Average"}, **more}


def test_query_of_one_metric_needs_no_name() -> None:
    translation = read(tracked({"Metrics": [query("CPUUtilization", Period=10)]}), {})
    assert (options(translation)[0]["metric"], options(translation)[0]["period_s"]) == ("cpu_percent", 10)
    assert translation.unused == (
        "CustomizedMetricSpecification.Metrics: "
        "there is one fleet here, and its metrics have fixed units and no dimensions",
    )


def test_query_without_a_period_is_of_a_minute() -> None:
    assert options(read(tracked({"Metrics": [query("CPUUtilization")]}), {}))[0]["period_s"] == 60


def test_expression_is_what_the_user_says() -> None:
    queries = [query("A", ReturnData=False), query("B", ReturnData=False),
               {"Id": "e1", "Label": "Backlog", "Expression": "a / b", "ReturnData": True}]  # fmt: skip
    (found,) = options(read(tracked({"Metrics": queries}), {"Backlog": "queue_requests"}))
    assert (found["metric"], found["period_s"]) == ("queue_requests", 60)
    assert failure(tracked({"Metrics": queries})) == (
        "CustomizedMetricSpecification.Metrics[2].Expression: 'a / b': metric math is not computed here; "
        "name the metric that it comes to by --metric Backlog=NAME"
    )
    assert failure(tracked({"Metrics": queries[:2]})).endswith(
        "Metrics: 0 of its queries return data; ReturnData must be true for exactly one"
    )
    document = step(MetricName=None, Statistic=None, Period=None, Metrics=queries)
    assert alarm_of(document, Backlog="queue_requests")["metric"] == "queue_requests"


def test_metrics_are_ours() -> None:
    assert set(METRICS.values()) | set(PREDEFINED.values()) <= set(OURS)
    assert failure(example("target_custom"), MyBacklogPerInstance="Backlog").endswith(f"known are {', '.join(OURS)}")
