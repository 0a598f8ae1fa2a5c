"""CloudWatch alarms: the input of `aws cloudwatch put-metric-alarm`, as options of controller.policies.cloudwatch.

Format: PutMetricAlarm in the CloudWatch API reference (botocore, cloudwatch/2010-08-01). A policy that stands without
its alarm gets the one of the EC2 Auto Scaling User Guide's examples: average CPU at or above 60 % to scale out, at or
below 40 % to scale in, for two periods of two minutes.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from controller.foreign import MetricNames, PlaceError
from controller.foreign.aws_metrics import Measure, queried, single
from controller.foreign.values import at, choice, flag, get, number, whole
from controller.policies.cloudwatch import COMPARISONS, AlarmConfig

READ = ("MetricName", "Statistic", "ExtendedStatistic", "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold",
        "ComparisonOperator", "TreatMissingData", "ActionsEnabled")  # fmt: skip
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
EXAMPLE = {"metric": "cpu_percent", "statistic": "Average", "period_s": 120, "evaluation_periods": 2}


def read(place: str, document: Mapping[str, Any], names: MetricNames) -> tuple[dict[str, Any], list[str], str]:
    """The options of an alarm, the places that were read, and how its metric was read."""
    enabled_at = at(place, "ActionsEnabled")
    if not flag(enabled_at, document.get("ActionsEnabled", True)):
        raise PlaceError(enabled_at, "False: an alarm without actions invokes no policy; must be true")
    measure, more = _measure(place, document, names)
    comparison_at, threshold_at = at(place, "ComparisonOperator"), at(place, "Threshold")
    comparison = choice(comparison_at, get(place, document, "ComparisonOperator"), {word: word for word in COMPARISONS})
    threshold = number(threshold_at, get(place, document, "Threshold"))
    treatment = document.get("TreatMissingData") or "missing"
    options = {
        "metric": measure.metric,
        "statistic": measure.statistic,
        "period_s": measure.period_s,
        "evaluation_periods": whole(at(place, "EvaluationPeriods"), get(place, document, "EvaluationPeriods"), 1),
        "comparison": comparison,
        "threshold": threshold * measure.factor,
        "treat_missing_data": choice(at(place, "TreatMissingData"), treatment, {word: word for word in TREATMENTS}),
    }
    if document.get("DatapointsToAlarm") is not None:
        options["datapoints_to_alarm"] = whole(at(place, "DatapointsToAlarm"), document["DatapointsToAlarm"], 1)
    checked(place, AlarmConfig, options)
    return options, [*(at(place, key) for key in READ), *more], measure.words(COMPARISONS[comparison][0], threshold)


def _measure(place: str, document: Mapping[str, Any], names: MetricNames) -> tuple[Measure, list[str]]:
    if document.get("Metrics") is not None:
        return queried(at(place, "Metrics"), document["Metrics"], names)
    period_s = whole(at(place, "Period"), get(place, document, "Period"), 1)
    extended = document.get("Statistic") is None and document.get("ExtendedStatistic") is not None
    return single(place, document, names, period_s, "ExtendedStatistic" if extended else "Statistic"), []


def example(upward: bool) -> tuple[dict[str, Any], str]:
    """The alarm of the guide's examples, and words for it."""
    comparison, threshold = ("GreaterThanOrEqualToThreshold", 60) if upward else ("LessThanOrEqualToThreshold", 40)
    options = {**EXAMPLE, "comparison": comparison, "threshold": threshold}
    return options, f"no alarm in the file, so that of AWS's examples: {AlarmConfig.model_validate(options)}"


def checked(place: str, model: type[BaseModel], options: Mapping[str, Any]) -> None:
    """Raise what the policy says of these options as an error at a place of the foreign file."""
    try:
        model.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        message = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
        where = ".".join(str(part) for part in first["loc"])
        raise PlaceError(place, f"{where}: {message}" if where else message) from error
